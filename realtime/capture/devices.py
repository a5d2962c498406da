"""Which sound devices there are, and which of them to begin with."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from core.audio_devices.call_timeout import call_with_timeout
from core.audio_devices.device_list import device_list
from core.audio_devices.portaudio import PortAudioDevice
from core.errors import AttuneError, AudioDeviceError, BackendMissingError
from core.settings import Settings
from realtime.capture.loopback import RATE_HZ, list_loopbacks
from realtime.capture.microphone import (
    BACKENDS,
    OPEN_TIMEOUT_S,
    choose_input,
    connect,
    formats,
    unknown_backend,
)
from realtime.capture.portaudio import StreamRefusedError
from realtime.capture.source import DEMO_PLAYS, SourceKind, SourceSpec

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AudioDevice:
    """Something that can be listened to."""

    kind: SourceKind  # `SourceKind.MICROPHONE` or `SourceKind.SYSTEM`
    # Name as its host API has it; `SourceSpec.device` finds it by this.
    name: str
    host_api: str  # PortAudio's host API, "PulseAudio" or "Windows WASAPI"
    backend: str  # library that opens it: "sounddevice", "pyaudio" or "soundcard"
    rate_hz: int  # rate it is opened at, Hz
    channels: int  # most channels it offers
    is_default: bool  # the system's default microphone, or the loopback of its default loudspeaker


def list_devices(backend: str = "sounddevice") -> tuple[AudioDevice, ...]:
    """List microphones and loopbacks, as they are now: `list_microphones` and `list_system_audio` in one.

    Parameters
    ----------
    backend
        Library that is to open the microphones. Only where it is missing does the other one list
        them: `AudioDevice.backend` says which.

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


def list_microphones(backend: str = "sounddevice") -> tuple[AudioDevice, ...]:
    """List the microphones as one library has them, and no other.

    While a stream is open they are those of when PortAudio was last initialised: reading them anew
    would kill the stream.

    Parameters
    ----------
    backend
        "sounddevice" or "pyaudio".

    Raises
    ------
    BackendMissingError
        The library or PortAudio is not installed.
    AudioDeviceError
        The sound system does not answer, its list cannot be read, or there is no such backend.
    """
    if backend not in BACKENDS:
        raise unknown_backend(backend)
    return tuple(
        AudioDevice(
            SourceKind.MICROPHONE,
            name=device.name,
            host_api=device.host_api,
            backend=backend,
            rate_hz=device.rate_hz,
            channels=device.channels,
            is_default=device.is_default,
        )
        for device in _with_timeout(lambda: _inputs(backend))
    )


def list_system_audio() -> tuple[AudioDevice, ...]:
    """List the loopbacks: what can be recorded while it plays.

    Raises
    ------
    BackendMissingError
        soundcard is not installed, no sound server answers, or this is macOS.
    AudioDeviceError
        The sound server hangs, or breaks off.
    """
    return tuple(
        AudioDevice(
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


def suggest_source(settings: Settings) -> tuple[SourceSpec, str]:
    """Choose what to begin with, and say why: the microphone if there is one that opens, else the demo.

    Nothing is recorded, and no stream is opened.

    Parameters
    ----------
    settings
        `device` and `backend` are read.
    """
    try:
        microphone = _with_timeout(lambda: _openable(settings))
    except AttuneError as error:
        return SourceSpec(SourceKind.DEMO), f"{str(error).rstrip('.')}{DEMO_PLAYS}"
    spec = SourceSpec(
        SourceKind.MICROPHONE,
        device=settings.device and microphone.name,
        host_api=microphone.host_api if settings.device else None,
        backend=settings.backend,
    )
    which = "microphone of your settings" if settings.device else "default microphone"
    return spec, f"The {which}, {microphone.name} ({microphone.host_api}), is ready."


def _list_with_either(backend: str) -> tuple[AudioDevice, ...]:
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


def _inputs(backend: str) -> tuple[PortAudioDevice, ...]:
    with device_list.locked():
        device_list.refresh()
        connection, inputs = connect(backend)
        connection.disconnect()
        return inputs


def _openable(settings: Settings) -> PortAudioDevice:
    """The microphone of the settings, if it would open in any format."""
    with device_list.locked():
        device_list.refresh()
        connection, inputs = connect(settings.backend)
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


def _with_timeout(call: Callable[[], T]) -> T:
    try:
        return call_with_timeout(call, timeout_s=OPEN_TIMEOUT_S, name="attune-devices", late=lambda _: None)
    except TimeoutError as error:
        raise AudioDeviceError(
            f"The sound system has not answered for {OPEN_TIMEOUT_S:g} s: restart it, or the machine."
        ) from error
