"""System audio: what this machine plays, recorded through soundcard (extra `loopback`)."""

from __future__ import annotations

import importlib
import logging
import queue
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from core.audio_devices.call_timeout import call_with_timeout
from core.audio_devices.names import describe, find_by_name
from core.errors import (
    AttuneError,
    AudioDeviceError,
    BackendMissingError,
    DeviceLostError,
    DeviceNotFoundError,
)
from core.extras import missing_library
from models.resample import MAX_CHANNELS
from realtime.capture.delivery import CLOSE_TIMEOUT_S, Delivery
from realtime.capture.source import AudioSink, SourceInfo, SourceKind

_LOG = logging.getLogger(__name__)

# soundcard does not tell the device's own rate; every system mixes at one it can turn into this one.
RATE_HZ: Final = 48_000
_OPEN_TIMEOUT_S: Final = 5.0
_HOST_API: Final = {"linux": "PulseAudio", "win32": "Windows WASAPI"}.get(sys.platform, "")
_BLACKHOLE: Final = (
    "macOS does not let programs record what it plays: install BlackHole "
    "(https://existential.audio/blackhole), send the sound to it as a Multi-Output Device, "
    "and choose the microphone 'BlackHole 2ch'."
)
_NO_SERVER: Final = (
    "System audio cannot be recorded, because no sound server answers: start PulseAudio or PipeWire "
    "(Debian: apt install pipewire-pulse), or choose a microphone."
)


@dataclass(frozen=True, slots=True)
class LoopbackDevice:
    """Something whose sound can be recorded while it plays."""

    id: str  # the system's own name, e.g. "alsa_output.pci-0000_00_1f.3.analog-stereo.monitor"
    name: str  # name for people, e.g. "Monitor of Built-in Audio"
    channels: int  # channels it plays
    is_default: bool  # it belongs to the default loudspeaker
    host_api: str = _HOST_API  # "PulseAudio" (PipeWire answers to it too) or "Windows WASAPI"


class _Soundcard:
    """Holds the library, and mends its connection to PulseAudio.

    soundcard connects when it is imported and never again, and on a connection that has died it
    hands libpulse a null operation, which aborts the whole process (soundcard 0.4.6). A failed import
    leaves a thread behind each time, so it is repeated only when somebody asks for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failure: BackendMissingError | None = None

    def load(self, *, retry: bool) -> Any:
        """Import the library, with a live connection; `retry` even if it failed before."""
        with self._lock, _program_name():
            if self._failure is not None and not retry:
                raise self._failure
            try:
                soundcard = self._import()
                _mend(sys.modules.get("soundcard.pulseaudio"))
                # On Windows it warns of every interruption, on stderr and without end.
                warnings.filterwarnings("ignore", message="data discontinuity in recording")
            except BackendMissingError as error:
                self._failure = error
                raise
            self._failure = None
            return soundcard

    def _import(self) -> Any:
        try:
            return importlib.import_module("soundcard")
        except ImportError as error:
            raise BackendMissingError(missing_library("loopback", "soundcard")) from error
        except Exception as error:
            # It connects while it is imported, and asserts, so anything can come.
            raise BackendMissingError(_NO_SERVER) from error


@contextmanager
def _program_name() -> Iterator[None]:
    """Name the program: soundcard takes its name from `sys.argv`, and fails under `python -c` alone."""
    argv, sys.argv = sys.argv, ["attune"]
    try:
        yield
    finally:
        sys.argv = argv


_library: Final = _Soundcard()


def _mend(module: Any) -> None:
    """Give soundcard's PulseAudio module a connection that works, if it has lost its own."""
    pulse = getattr(module, "_pulse", None)
    if pulse is None:
        return
    if pulse._pa_context_get_state(pulse.context) != module._pa.PA_CONTEXT_READY:
        pulse = _reconnect(module)
        module._pulse = pulse
    if "_pa_operation_unref" not in vars(pulse):
        unref = pulse._pa_operation_unref

        def unref_if_any(operation: Any) -> None:
            # The server may die at any moment, so checking before each call would not be enough.
            if operation != module._ffi.NULL:
                unref(operation)

        pulse._pa_operation_unref = unref_if_any


def _reconnect(module: Any) -> Any:
    pulse = module._PulseAudio.__new__(module._PulseAudio)
    try:
        pulse.__init__()
    except Exception as error:
        # It asserts, or finds no context. What was begun must be taken down by hand, or every attempt
        # would leave a thread behind.
        pulse._pa_context_disconnect(pulse.context)
        pulse._pa_context_unref(pulse.context)
        module._pa.pa_threaded_mainloop_stop(pulse.mainloop)
        module._pa.pa_threaded_mainloop_free(pulse.mainloop)
        raise BackendMissingError(_NO_SERVER) from error
    return pulse


def list_loopbacks() -> tuple[LoopbackDevice, ...]:
    """List what can be recorded while it plays; a sound server that was missing before is not sought again.

    Raises
    ------
    BackendMissingError
        soundcard is not installed, no sound server answers, or this is macOS.
    AudioDeviceError
        The sound server hangs, or breaks off.
    """
    return tuple(device for device, _ in _loopbacks(retry=False))


def _loopbacks(*, retry: bool) -> list[tuple[LoopbackDevice, Any]]:
    if sys.platform == "darwin":
        raise BackendMissingError(_BLACKHOLE)
    try:
        return call_with_timeout(
            lambda: _ask(retry=retry),
            timeout_s=_OPEN_TIMEOUT_S,
            name="attune-loopback-list",
            late=lambda _: None,
        )
    except TimeoutError as error:
        raise AudioDeviceError(
            f"The sound server has not answered for {_OPEN_TIMEOUT_S:g} s, so system audio cannot be "
            f"recorded: restart it (systemctl --user restart pipewire pulseaudio), or the machine."
        ) from error
    except AttuneError:
        raise
    except Exception as error:
        # soundcard asserts, indexes and runs into null pointers when a device or the server goes away.
        raise AudioDeviceError(
            f"The sound server does not tell what can be recorded ({error!r}): check that it runs, "
            f"then try again."
        ) from error


def _ask(*, retry: bool) -> list[tuple[LoopbackDevice, Any]]:
    with _com():
        soundcard = _library.load(retry=retry)
        cards = [card for card in soundcard.all_microphones(include_loopback=True) if card.isloopback]
        if not cards:
            return []
        try:
            speaker = soundcard.default_speaker().id
        except IndexError:
            speaker = None  # none is the default, or it has gone away since
        # Windows gives a loudspeaker and its loopback one name, PulseAudio adds ".monitor".
        default_ids = (speaker, f"{speaker}.monitor")
        return [
            (LoopbackDevice(card.id, card.name, card.channels, card.id in default_ids), card)
            for card in cards
        ]


class LoopbackSource:
    """What a loudspeaker of this machine plays.

    Parameters
    ----------
    device
        Name or id of the loopback (on Linux a monitor, "room.monitor"), or an unmistakable part;
        None takes the default loudspeaker's.
    block_ms
        Length of a block, ms.
    """

    def __init__(self, device: str | None = None, *, block_ms: float = 20.0) -> None:
        self._device = device or None
        self._block_frames = max(1, round(RATE_HZ * block_ms / 1000.0))
        self._recording: _Recording | None = None

    def open(self, sink: AudioSink) -> SourceInfo:
        """Find the loudspeaker by name and begin to deliver; see `AudioSource.open`.

        Raises
        ------
        BackendMissingError
            soundcard is not installed, no sound server answers, or this is macOS.
        DeviceNotFoundError
            Nothing has the name, or nothing plays at all.
        AudioDeviceError
            It does not let itself be recorded.
        """
        self.close()
        device, card = _choose(_loopbacks(retry=True), self._device)
        self._device = device.id
        recording = _Recording(device, card, self._block_frames, Delivery(sink))
        self._recording = recording
        try:
            return recording.start()
        except AttuneError:
            self.close()
            raise

    def close(self) -> None:
        """Stop delivering, within a second; see `AudioSource.close`."""
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.stop()


def _choose(found: list[tuple[LoopbackDevice, Any]], wanted: str | None) -> tuple[LoopbackDevice, Any]:
    devices = [device for device, _ in found]
    if wanted is None:
        chosen = next((device for device in devices if device.is_default), None)
        if chosen is None:
            raise DeviceNotFoundError(
                f"There is no default loudspeaker to record: connect one, or name one of {describe(devices)}."
            )
    else:
        by_id = [device for device in devices if device.id == wanted]
        chosen = by_id[0] if by_id else find_by_name(devices, wanted, sort="loudspeaker")
    return next(pair for pair in found if pair[0] is chosen)


class _Recording:
    """One opened loopback with its thread.

    The recorder is entered, used and left in that one thread: on Windows COM wants it so, and a
    server that does not answer then blocks nobody else.
    """

    def __init__(self, device: LoopbackDevice, card: Any, block_frames: int, delivery: Delivery) -> None:
        self._device = device
        self._card = card
        self._block_frames = block_frames
        self._delivery = delivery
        self._begun = False
        self._stopping = threading.Event()
        self._answers: queue.SimpleQueue[SourceInfo | Exception] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="attune-loopback", daemon=True)

    def start(self) -> SourceInfo:
        self._thread.start()
        try:
            answer = self._answers.get(timeout=_OPEN_TIMEOUT_S)
        except queue.Empty:
            answer = TimeoutError(f"no answer within {_OPEN_TIMEOUT_S:g} s")
        if isinstance(answer, SourceInfo):
            return answer
        if isinstance(answer, AttuneError):
            raise answer
        raise AudioDeviceError(
            f"System audio of {self._device.name!r} cannot be recorded ({answer}): check that it is "
            f"connected, or choose another one."
        ) from answer

    def stop(self) -> None:
        self._stopping.set()
        self._delivery.cut()
        if self._thread is not threading.current_thread():
            # A server that hangs keeps the thread inside libpulse, where nothing can end it; it is left
            # behind, cut off from the sink, and ends when the server answers or dies.
            self._thread.join(CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        with _com():
            try:
                self._record()
            except Exception as error:  # noqa: BLE001 - soundcard raises whatever a dead stream leads to
                self._answers.put(error)
                self._lose(error)

    def _lose(self, error: Exception) -> None:
        if self._begun and not self._stopping.is_set():
            _LOG.warning("recording %s broke off: %r", self._device.id, error)
            self._delivery.end(
                DeviceLostError(
                    f"{self._device.name} has stopped delivering sound: check that it is still connected."
                )
            )

    def _record(self) -> None:
        channels = min(self._device.channels, MAX_CHANNELS)
        # Without a block size of ours the system may hold sound back for seconds.
        recorder = self._card.recorder(RATE_HZ, channels=channels, blocksize=self._block_frames)
        with recorder:
            info = SourceInfo(
                SourceKind.SYSTEM,
                name=self._device.name,
                rate_hz=RATE_HZ,
                channels=channels,
                host_api=self._device.host_api,
                live=True,
            )
            self._delivery.begin(info)
            self._begun = True
            self._answers.put(info)
            while not self._stopping.is_set():
                block = recorder.record(self._block_frames)  # (frames, channels)
                if not self._delivery.write(np.asarray(block, dtype=np.float32)):
                    return


@contextmanager
def _com() -> Iterator[None]:
    """Join COM's multithreaded apartment on Windows: soundcard does so only in the thread that imports it."""
    if sys.platform != "win32":
        yield
        return
    import ctypes  # noqa: PLC0415 - Windows only

    ole32 = ctypes.windll.ole32
    joined = ole32.CoInitializeEx(None, 0) >= 0
    try:
        yield
    finally:
        if joined:
            ole32.CoUninitialize()
