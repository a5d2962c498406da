"""What all microphones through PortAudio share: one device list, and a source that finds its device anew."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from core.errors import AudioDeviceError, BackendMissingError, DeviceNotFoundError
from models.resample import MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ
from realtime.capture.bounded import bounded
from realtime.capture.delivery import CLOSE_TIMEOUT_S, Delivery
from realtime.capture.names import describe, find_by_name
from realtime.capture.source import AudioSink, SourceInfo, SourceKind

__all__ = [
    "Backend",
    "Connection",
    "DeviceBlocks",
    "DeviceList",
    "InputDevice",
    "InputStream",
    "PortAudioSource",
    "StreamRefusedError",
    "device_list",
    "reach",
]

_LOG = logging.getLogger(__name__)

OPEN_TIMEOUT_S: Final = 5.0
_LOCK_TIMEOUT_S: Final = 4.0

# PortAudio's error numbers (portaudio.h).
_INVALID_CHANNEL_COUNT: Final = -9998
_INVALID_SAMPLE_RATE: Final = -9997
_DEVICE_UNAVAILABLE: Final = -9985
_FALLBACK_RATES_HZ: Final = (48_000, 44_100, 16_000)
_VIRTUAL_CHANNELS: Final = 2
# PulseAudio and PipeWire show ALSA a mixer of 32 to 128 channels. Their default buffer there is 40 ms, less
# than a busy interpreter may take to answer; it holds back nothing: blocks come as soon as they are full.
_ALSA_LATENCY_S: Final = 0.1
DeviceBlocks = Callable[..., bool]
"""`Delivery.from_device`: `(block, *, overflowed) -> go_on`."""


@dataclass(frozen=True, slots=True)
class InputDevice:
    """A device that PortAudio can record from.

    Parameters
    ----------
    index
        PortAudio's number for it; good until the list is refreshed.
    name, host_api
        As PortAudio has them.
    rate_hz
        The device's own default rate.
    channels
        Most channels it offers; virtual devices offer dozens.
    is_default
        It is the system's default input.
    """

    index: int
    name: str
    host_api: str
    rate_hz: int
    channels: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """How a stream is opened: rate in Hz, channels, frames a block, buffer in s (None: the device's own)."""

    rate_hz: int
    channels: int
    block_frames: int
    latency_s: float | None


class StreamRefusedError(Exception):
    """PortAudio did not open a stream; `code` is its error number."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class InputStream(Protocol):
    """An open stream of either library."""

    def start(self) -> None:
        """Begin to call back; raises `StreamRefusedError`."""

    def abort(self) -> None:
        """Stop at once and close; may hang if the sound server does."""


class Connection(Protocol):
    """One view of PortAudio's device list, as either library has it."""

    def inputs(self) -> tuple[InputDevice, ...]:
        """Devices that can record; raises whatever the library does, so ask through `reach`."""

    def check(self, device: InputDevice, wanted: StreamFormat) -> None:
        """Ask whether a stream would open, without opening it; raises `StreamRefusedError`."""

    def open(self, device: InputDevice, wanted: StreamFormat, blocks: DeviceBlocks) -> InputStream:
        """Open a stream, not yet started; raises `StreamRefusedError`."""

    def disconnect(self) -> None:
        """Let go of PortAudio, as far as this library can."""


class Backend(Protocol):
    """A library over PortAudio."""

    def connect(self) -> Connection:
        """Load the library; raises `BackendMissingError`."""


class DeviceList:
    """Guards PortAudio's one device list in this process.

    PortAudio reads the devices when it is initialised and never again; initialising anew kills every
    open stream. So streams are counted, whichever library opened them (both may share one PortAudio).
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._counting = threading.Lock()
        self._streams = 0

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be alone with PortAudio: it must not be initialised, listed and opened at the same time.

        Raises
        ------
        AudioDeviceError
            An earlier call still hangs.
        """
        if not self._lock.acquire(timeout=_LOCK_TIMEOUT_S):
            raise AudioDeviceError(
                "The sound system is stuck in an earlier call, so no microphone can be reached: restart it, "
                "or restart Attune."
            )
        try:
            yield
        finally:
            self._lock.release()

    def hold(self) -> None:
        """Count a stream in. Whoever opens one elsewhere (playback) must do so too."""
        with self._counting:
            self._streams += 1

    def release(self) -> None:
        """Count a stream out."""
        with self._counting:
            self._streams -= 1

    def refresh(self) -> bool:
        """Read the devices anew; False, with nothing done, while a stream is open.

        Raises
        ------
        AudioDeviceError
            PortAudio does not come up again.
        """
        with self.locked():
            if self._streams:
                return False
            # PyAudio holds PortAudio only while one of its own streams or lists is open: none is now.
            sounddevice: Any = sys.modules.get("sounddevice")
            if sounddevice is None:
                return True
            try:
                if sounddevice._initialized:
                    sounddevice._terminate()
                sounddevice._initialize()
            except sounddevice.PortAudioError as error:
                raise AudioDeviceError(
                    f"The sound system cannot be read ({error}): check that it runs, then try again."
                ) from error
            return True


device_list: Final = DeviceList()


def reach(backend: Backend) -> tuple[Connection, tuple[InputDevice, ...]]:
    """Connect, and read which microphones there are; whoever calls it must disconnect.

    Raises
    ------
    BackendMissingError
        The library is not installed.
    AudioDeviceError
        The list cannot be read, whatever the library raised.
    """
    connection = backend.connect()
    try:
        return connection, connection.inputs()
    except Exception as error:
        # PortAudioError, OSError, a name that is not UTF-8, an index that means nothing any more.
        connection.disconnect()
        raise AudioDeviceError(
            f"The list of microphones cannot be read ({str(error) or repr(error)}): check that the sound "
            f"system runs, then try again."
        ) from error


@dataclass(frozen=True, slots=True)
class _Opened:
    """An open stream with all that must be let go with it."""

    info: SourceInfo
    connection: Connection
    stream: InputStream

    def shut(self) -> None:
        """Abort and close; returns only when PortAudio does, and only then is the stream counted out."""
        try:
            self.stream.abort()
        finally:
            self.connection.disconnect()
            device_list.release()


class PortAudioSource:
    """A microphone through a library over PortAudio.

    Opens at the device's own rate and channel count. The first opening fixes the device: asked for
    the default, a source stays with what that was, and never falls back to another one.

    Parameters
    ----------
    backend
        The library.
    device
        Name of the microphone, or an unmistakable part of it; None takes the system's default.
    host_api
        Host API, where the name alone is ambiguous.
    block_ms
        Length of a block, ms.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        device: str | None = None,
        host_api: str | None = None,
        block_ms: float = 20.0,
    ) -> None:
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
            opened = bounded(
                lambda: self._open(delivery),
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
        if opened is None:
            return
        try:
            bounded(
                opened.shut, timeout_s=CLOSE_TIMEOUT_S, name="attune-mic-close", late=lambda _nothing: None
            )
        except TimeoutError:
            _LOG.warning("%s does not let itself be closed: left behind", opened.info.name)
        except Exception as error:  # noqa: BLE001 - a dead device may answer anything; it is closed for us
            _LOG.warning("closing %s failed: %s", opened.info.name, error)

    def _open(self, delivery: Delivery) -> _Opened:
        with device_list.locked():
            fresh = self._opened_before and device_list.refresh()
            try:
                return self._connect(delivery)
            except BackendMissingError:
                raise
            except AudioDeviceError:
                # It may have been plugged in, or renumbered, since the list was read.
                if fresh or not device_list.refresh():
                    raise
                return self._connect(delivery)

    def _connect(self, delivery: Delivery) -> _Opened:
        connection, inputs = reach(self._backend)
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
        self, connection: Connection, device: InputDevice, delivery: Delivery
    ) -> tuple[InputStream, StreamFormat]:
        first: tuple[StreamFormat, StreamRefusedError] | None = None
        for wanted in formats(device, self._block_ms):
            try:
                return connection.open(device, wanted, delivery.from_device), wanted
            except StreamRefusedError as error:
                first = first or (wanted, error)
                if error.code not in (_INVALID_SAMPLE_RATE, _INVALID_CHANNEL_COUNT):
                    break
        assert first is not None
        raise _refusal(device, *first) from first[1]


def _shut_refused(opened: _Opened) -> None:
    """Close what did not start: why it did not is what people are told, not what closing it met."""
    try:
        opened.shut()
    except Exception as error:  # noqa: BLE001 - a dead device may answer anything
        _LOG.warning("closing %s failed: %s", opened.info.name, error)


def choose_input(inputs: tuple[InputDevice, ...], wanted: str | None, host_api: str | None) -> InputDevice:
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
        raise DeviceNotFoundError(
            "No microphone was found: connect one, allow this program to use it, and press Start."
        )
    return default


def formats(device: InputDevice, block_ms: float) -> tuple[StreamFormat, ...]:
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


def _refusal(device: InputDevice, wanted: StreamFormat, error: StreamRefusedError) -> AudioDeviceError:
    label = f"The microphone {device.name!r} ({device.host_api})"
    if error.code == _DEVICE_UNAVAILABLE:
        return AudioDeviceError(
            f"{label} is in use or switched off: close the program that has it, or choose another one."
        )
    return AudioDeviceError(
        f"{label} cannot be opened at {wanted.rate_hz} Hz with {wanted.channels} channels ({error}): "
        f"check that it is connected and that this program may use the microphone, or choose another one."
    )
