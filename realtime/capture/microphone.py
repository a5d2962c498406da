"""Microphones: found by name, opened in a format they take, found anew when they come back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from core.audio_devices.call_timeout import call_with_timeout, close_with_timeout
from core.audio_devices.device_list import device_list
from core.audio_devices.names import describe, find_by_name
from core.audio_devices.portaudio import INVALID_SAMPLE_RATE, PortAudioDevice, unreadable_list
from core.errors import AudioDeviceError, DeviceNotFoundError
from models.resample import MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ
from realtime.capture.delivery import CLOSE_TIMEOUT_S, Delivery
from realtime.capture.portaudio import InputStream, PortAudioConnection, StreamFormat, StreamRefusedError
from realtime.capture.pyaudio_backend import PyAudioConnection
from realtime.capture.sounddevice_backend import SounddeviceConnection
from realtime.capture.source import AudioSink, SourceInfo, SourceKind

_LOG = logging.getLogger(__name__)

BACKENDS: Final[dict[str, Callable[[], PortAudioConnection]]] = {
    "sounddevice": SounddeviceConnection,
    "pyaudio": PyAudioConnection,
}
"""Libraries that open microphones, by the name they have in settings."""

OPEN_TIMEOUT_S: Final = 5.0
NO_MICROPHONE: Final = "No microphone was found: connect one, and allow this program to use it."

# PortAudio's error numbers (portaudio.h).
_INVALID_CHANNEL_COUNT: Final = -9998
_DEVICE_UNAVAILABLE: Final = -9985
_FALLBACK_RATES_HZ: Final = (48_000, 44_100, 16_000)
_VIRTUAL_CHANNELS: Final = 2
# PulseAudio and PipeWire show ALSA a mixer of 32 to 128 channels. Their default buffer there is 40 ms, less
# than a busy interpreter may take to answer; it holds back nothing: blocks come as soon as they are full.
_ALSA_LATENCY_S: Final = 0.1


def connect(backend: str) -> tuple[PortAudioConnection, tuple[PortAudioDevice, ...]]:
    """Load a library, and list the microphones; whoever calls it must disconnect.

    Parameters
    ----------
    backend
        One of `BACKENDS`.

    Raises
    ------
    BackendMissingError
        The library is not installed.
    AudioDeviceError
        The list cannot be read, whatever the library raised.
    """
    connection = BACKENDS[backend]()
    try:
        return connection, connection.inputs()
    except Exception as error:
        connection.disconnect()
        raise unreadable_list("microphones", error) from error


@dataclass(frozen=True, slots=True)
class _Opened:
    """An open stream with all that must be released with it."""

    info: SourceInfo
    connection: PortAudioConnection
    stream: InputStream

    def shut(self) -> None:
        """Abort and close; returns only when PortAudio does, and only then is the stream counted out."""
        try:
            self.stream.abort()
        finally:
            self.connection.disconnect()
            device_list.release()


class MicrophoneSource:
    """A microphone, through either library over PortAudio.

    Opens at the device's own rate and channel count. The first opening fixes the device: asked for
    the default, a source stays with what that was, and never falls back to another one.

    Parameters
    ----------
    device
        Name of the microphone, or an unmistakable part of it; None takes the system's default.
    host_api
        Host API, where the name alone is ambiguous.
    backend
        The library, one of `BACKENDS`.
    block_ms
        Length of a block, ms.

    Raises
    ------
    AudioDeviceError
        There is no such backend.
    """

    def __init__(
        self,
        device: str | None = None,
        *,
        host_api: str | None = None,
        backend: str = "sounddevice",
        block_ms: float = 20.0,
    ) -> None:
        if backend not in BACKENDS:
            raise unknown_backend(backend)
        self._backend = backend
        self._device = device or None
        self._host_api = host_api or None
        self._block_ms = block_ms
        self._opened_before = False
        self._opened: _Opened | None = None
        self._delivery: Delivery | None = None

    def open(self, sink: AudioSink) -> SourceInfo:
        """Find the microphone by name and begin to deliver; see `AudioSource.open`.

        Raises
        ------
        BackendMissingError
            The library or PortAudio is not installed.
        DeviceNotFoundError
            No microphone has the name, or there is none.
        AudioDeviceError
            It is busy, refused, or the sound system does not answer within 5 s.
        """
        self.close()
        delivery = Delivery(sink)
        try:
            opened = call_with_timeout(
                lambda: device_list.open(lambda: self._connect(delivery), refresh_first=self._opened_before),
                timeout_s=OPEN_TIMEOUT_S,
                name="attune-mic-open",
                late=_Opened.shut,
            )
        except TimeoutError as error:
            delivery.cut()
            raise AudioDeviceError(
                f"The sound system has not answered for {OPEN_TIMEOUT_S:g} s, so no microphone can be "
                f"opened: restart it (Linux: systemctl --user restart pipewire pulseaudio), or the machine."
            ) from error
        self._delivery, self._opened = delivery, opened
        # By its full name from now on: what is default, or begins alike, may be another one tomorrow.
        self._device, self._host_api = opened.info.name, opened.info.host_api
        self._opened_before = True
        return opened.info

    def close(self) -> None:
        """Stop delivering, within a second, even if the device is dead; see `AudioSource.close`."""
        delivery, self._delivery = self._delivery, None
        opened, self._opened = self._opened, None
        if delivery is not None:
            delivery.cut()
        if opened is not None:
            close_with_timeout(
                opened.shut, timeout_s=CLOSE_TIMEOUT_S, name="attune-mic-close", device=opened.info.name
            )

    def _connect(self, delivery: Delivery) -> _Opened:
        connection, inputs = connect(self._backend)
        try:
            device = choose_input(inputs, self._device, self._host_api)
            stream, wanted = self._open_stream(connection, device, delivery)
        except BaseException:
            connection.disconnect()
            raise
        info = SourceInfo(
            SourceKind.MICROPHONE,
            name=device.name,
            rate_hz=wanted.rate_hz,
            channels=wanted.channels,
            host_api=device.host_api,
            live=True,
        )
        device_list.hold()
        opened = _Opened(info, connection, stream)
        try:
            delivery.begin(info)
            stream.start()
        except BaseException as error:
            _shut_refused(opened)
            if isinstance(error, StreamRefusedError):
                raise _refusal(device, wanted, error) from error
            raise
        return opened

    def _open_stream(
        self, connection: PortAudioConnection, device: PortAudioDevice, delivery: Delivery
    ) -> tuple[InputStream, StreamFormat]:
        first: tuple[StreamFormat, StreamRefusedError] | None = None
        for wanted in formats(device, self._block_ms):
            try:
                return connection.open(device, wanted, delivery.from_device), wanted
            except StreamRefusedError as error:
                first = first or (wanted, error)
                if error.code not in (INVALID_SAMPLE_RATE, _INVALID_CHANNEL_COUNT):
                    break
        assert first is not None
        raise _refusal(device, *first) from first[1]


def unknown_backend(backend: str) -> AudioDeviceError:
    """Say that no library for microphones has this name."""
    return AudioDeviceError(f"There is no backend {backend!r} for microphones: use {' or '.join(BACKENDS)}.")


def choose_input(
    inputs: tuple[PortAudioDevice, ...], wanted: str | None, host_api: str | None
) -> PortAudioDevice:
    """Find the microphone that a name means, or the default one for None.

    Raises
    ------
    DeviceNotFoundError
        There is none, or more than one.
    """
    default = next((device for device in inputs if device.is_default), None)
    if wanted is not None:
        preferred_api = default.host_api if default else ""
        return find_by_name(inputs, wanted, host_api=host_api, preferred_api=preferred_api, sort="microphone")
    if default is None:
        if inputs:
            raise DeviceNotFoundError(
                f"There is no default microphone: choose one by name, of {describe(inputs)}."
            )
        raise DeviceNotFoundError(NO_MICROPHONE)
    return default


def formats(device: PortAudioDevice, block_ms: float) -> tuple[StreamFormat, ...]:
    """In which formats to try a device: its own first, then common ones within what Attune takes."""
    rates = [rate for rate in (device.rate_hz, *_FALLBACK_RATES_HZ) if MIN_RATE_HZ <= rate <= MAX_RATE_HZ]
    own = device.channels if device.channels <= MAX_CHANNELS else _VIRTUAL_CHANNELS
    counts = [count for count in (own, MAX_CHANNELS, 2, 1) if count <= device.channels]
    latency_s = _ALSA_LATENCY_S if device.host_api == "ALSA" else None
    return tuple(
        StreamFormat(rate, count, max(1, round(rate * block_ms / 1000.0)), latency_s)
        for rate in dict.fromkeys(rates)
        for count in dict.fromkeys(counts)
    )


def _shut_refused(opened: _Opened) -> None:
    """Close what did not start: why it did not is what people are told, not what closing it met."""
    try:
        opened.shut()
    except Exception as error:  # noqa: BLE001 - a dead device may answer anything
        _LOG.warning("closing %s failed: %s", opened.info.name, error)


def _refusal(device: PortAudioDevice, wanted: StreamFormat, error: StreamRefusedError) -> AudioDeviceError:
    label = f"The microphone {device.name!r} ({device.host_api})"
    if error.code == _DEVICE_UNAVAILABLE:
        return AudioDeviceError(
            f"{label} is in use or switched off: close the program that has it, or choose another one."
        )
    return AudioDeviceError(
        f"{label} cannot be opened at {wanted.rate_hz} Hz with {wanted.channels} channels ({error}): "
        f"check that it is connected and that this program may use the microphone, or choose another one."
    )
