"""Which sound devices there are, and which of them to begin with."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from core.errors import AttuneError, AudioDeviceError, BackendMissingError
from core.settings import Settings
from realtime.capture.bounded import bounded
from realtime.capture.loopback import RATE_HZ, list_loopbacks
from realtime.capture.microphone import SounddeviceBackend
from realtime.capture.portaudio import (
    OPEN_TIMEOUT_S,
    Backend,
    InputDevice,
    StreamRefusedError,
    choose_input,
    device_list,
    formats,
    reach,
)
from realtime.capture.pyaudio_mic import PyAudioBackend
from realtime.capture.source import SourceKind, SourceSpec

__all__ = [
    "BACKENDS",
    "Device",
    "list_devices",
    "list_microphones",
    "list_system_audio",
    "suggest_source",
    "unknown_backend",
]

_LOG = logging.getLogger(__name__)
T = TypeVar("T")

BACKENDS: Final[dict[str, Callable[[], Backend]]] = {
    "sounddevice": SounddeviceBackend,
    "pyaudio": PyAudioBackend,
}
"""Libraries that open microphones, by the name they have in settings."""


@dataclass(frozen=True, slots=True)
class Device:
    """Something that can be listened to.

    Parameters
    ----------
    kind
        `SourceKind.MICROPHONE` or `SourceKind.SYSTEM`.
    name
        Name as its host API has it; `SourceSpec.device` finds it by this.
    host_api
        PortAudio's host API, "PulseAudio" or "Windows WASAPI".
    backend
        Library that opens it: "sounddevice", "pyaudio" or "soundcard".
    rate_hz
        Rate it is opened at, Hz.
    channels
        Most channels it offers.
    is_default
        The system's default microphone, or the loopback of its default loudspeaker.
    """

    kind: SourceKind
    name: str
    host_api: str
    backend: str
    rate_hz: int
    channels: int
    is_default: bool


def list_devices(backend: str = "sounddevice") -> tuple[Device, ...]:
    """List microphones and loopbacks, as they are now: `list_microphones` and `list_system_audio` in one.

    Parameters
    ----------
    backend
        Library that is to open the microphones. Only where it is missing does the other one list
        them: `Device.backend` says which.

    Returns
    -------
    devices
        Microphones first; empty where there is none. Why there is no system audio is only logged.

    Raises
    ------
    BackendMissingError
        There is nothing to list because no library for microphones is installed.
    AudioDeviceError
        The microphones cannot be listed, or there is no such backend.
    """
    problem: BackendMissingError | None = None
    try:
        microphones = _list_with_either(backend)
    except BackendMissingError as error:
        microphones, problem = (), error
    try:
        loopbacks = list_system_audio()
    except AudioDeviceError as error:
        _LOG.info("system audio is not listed: %s", error)
        loopbacks = ()
    if problem is not None and not loopbacks:
        raise problem
    return microphones + loopbacks


def list_microphones(backend: str = "sounddevice") -> tuple[Device, ...]:
    """List the microphones as one library has them, and no other.

    While a stream is open they are those of when PortAudio was last initialised: reading them anew
    would kill the stream.

    Parameters
    ----------
    backend
        "sounddevice" or "pyaudio".

    Returns
    -------
    devices
        Empty where there is none.

    Raises
    ------
    BackendMissingError
        The library or PortAudio is not installed.
    AudioDeviceError
        The sound system does not answer, its list cannot be read, or there is no such backend.
    """
    if backend not in BACKENDS:
        raise unknown_backend(backend)
    inputs = _bounded(lambda: _inputs(BACKENDS[backend]()))
    return tuple(
        Device(
            SourceKind.MICROPHONE,
            name=device.name,
            host_api=device.host_api,
            backend=backend,
            rate_hz=device.rate_hz,
            channels=device.channels,
            is_default=device.is_default,
        )
        for device in inputs
    )


def list_system_audio() -> tuple[Device, ...]:
    """List the loopbacks: what can be recorded while it plays.

    Returns
    -------
    devices
        Empty where there is no loudspeaker.

    Raises
    ------
    BackendMissingError
        soundcard is not installed, no sound server answers, or this is macOS.
    AudioDeviceError
        The sound server hangs, or breaks off.
    """
    return tuple(
        Device(
            SourceKind.SYSTEM,
            name=device.name,
            host_api=device.host_api,
            backend="soundcard",
            rate_hz=RATE_HZ,
            channels=device.channels,
            is_default=device.is_default,
        )
        for device in list_loopbacks()
    )


def unknown_backend(backend: str) -> AudioDeviceError:
    """Say that no library for microphones has this name."""
    return AudioDeviceError(f"There is no backend {backend!r} for microphones: use {' or '.join(BACKENDS)}.")


def suggest_source(settings: Settings) -> tuple[SourceSpec, str]:
    """Choose what to begin with: the microphone if there is one that opens, else the demo.

    Nothing is recorded, and no stream is opened.

    Parameters
    ----------
    settings
        `device` and `backend` are read.

    Returns
    -------
    spec
        What to listen to.
    reason
        One sentence for people that says why.
    """
    try:
        microphone = _find_microphone(settings)
    except AttuneError as error:
        return SourceSpec(SourceKind.DEMO), f"{str(error).rstrip('.')}; until then the built-in demo plays."
    spec = SourceSpec(
        SourceKind.MICROPHONE,
        device=settings.device and microphone.name,
        host_api=microphone.host_api if settings.device else None,
        backend=settings.backend,
    )
    which = "microphone of your settings" if settings.device else "default microphone"
    return spec, f"The {which}, {microphone.name} ({microphone.host_api}), is ready."


def _list_with_either(backend: str) -> tuple[Device, ...]:
    try:
        return list_microphones(backend)
    except BackendMissingError as missing:
        for other in BACKENDS:
            if other != backend:
                try:
                    return list_microphones(other)
                except AudioDeviceError as error:
                    _LOG.info("%s does not list microphones either: %s", other, error)
        raise missing


def _inputs(backend: Backend) -> tuple[InputDevice, ...]:
    with device_list.locked():
        device_list.refresh()
        connection, inputs = reach(backend)
        connection.disconnect()
        return inputs


def _find_microphone(settings: Settings) -> InputDevice:
    return _bounded(lambda: _openable(BACKENDS[settings.backend](), settings))


def _openable(backend: Backend, settings: Settings) -> InputDevice:
    with device_list.locked():
        device_list.refresh()
        connection, inputs = reach(backend)
        try:
            device = choose_input(inputs, settings.device or None, None)
            refusal: StreamRefusedError | None = None
            for wanted in formats(device, settings.block_ms):
                try:
                    connection.check(device, wanted)
                except StreamRefusedError as error:
                    refusal = refusal or error
                else:
                    return device
            raise AudioDeviceError(
                f"The microphone {device.name!r} ({device.host_api}) cannot be opened ({refusal}): "
                f"check that it is connected and that this program may use it, then press Start."
            )
        finally:
            connection.disconnect()


def _bounded(call: Callable[[], T]) -> T:
    try:
        return bounded(call, timeout_s=OPEN_TIMEOUT_S, name="attune-devices", late=lambda _: None)
    except TimeoutError as error:
        raise AudioDeviceError(
            f"The sound system has not answered for {OPEN_TIMEOUT_S:g} s: restart it, or the machine."
        ) from error
