"""Owns the loudspeaker through PortAudio: found by name, fed by a callback, known when it is lost."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import numpy as np

from core.errors import AudioDeviceError, BackendMissingError, DeviceNotFoundError
from playback.mixer import CHANNELS, Render, Stereo

__all__ = ["Connect", "Output", "PortAudioOutputs", "SoundOutputs", "SoundSystem"]

_LOG = logging.getLogger(__name__)
_CALL_S: Final = 4.0
_CLOSE_S: Final = 0.4
_STALL_S: Final = 2.0
_LONGEST_S: Final = 2.0
# PulseAudio and PipeWire show ALSA a default buffer of 40 ms: a busy machine may take longer to answer. With
# 0.2 s and three times more to do than it can, sound was lost now and then; with 0.3 s none was.
_ALSA_LATENCY_S: Final = 0.3
_FALLBACK_RATES_HZ: Final = (48_000, 44_100)

# PortAudio's error number (portaudio.h).
_INVALID_SAMPLE_RATE: Final = -9997

Connect = Callable[[int], Render]
"""Called with the rate at which an output opens; gives what fills its blocks."""

T = TypeVar("T")


class Output(Protocol):
    """An open loudspeaker."""

    @property
    def name(self) -> str:
        """By which it is found again."""

    @property
    def lost(self) -> bool:
        """Whether it has stopped taking sound."""

    def close(self) -> None:
        """Let go of it, within half a second."""


class SoundOutputs(Protocol):
    """The loudspeakers of this machine."""

    def names(self) -> tuple[str, ...]:
        """Names of all; raises `AudioDeviceError`."""

    def open(self, name: str, connect: Connect) -> Output:
        """Open one by name, the default where that is empty; raises `AudioDeviceError`."""


class DeviceGuard(Protocol):
    """PortAudio's one list of devices in this process (`realtime.capture.portaudio.DeviceList`)."""

    def locked(self) -> AbstractContextManager[None]:
        """Be alone with PortAudio."""

    def hold(self) -> None:
        """Count a stream in."""

    def release(self) -> None:
        """Count a stream out."""

    def refresh(self) -> bool:
        """Read the devices anew, unless a stream is open."""


class Bounded(Protocol):
    """Makes a call that may hang, and gives up (`realtime.capture.bounded.bounded`)."""

    def __call__(self, call: Callable[[], T], *, timeout_s: float, name: str, late: Callable[[T], None]) -> T:
        """Raises `TimeoutError`; `late` gets a result that comes after all."""


class FindByName(Protocol):
    """Finds the one device that a name means (`realtime.capture.names.find_by_name`)."""

    def __call__(
        self, devices: Sequence[_Speaker], wanted: str, *, preferred_api: str, sort: str
    ) -> _Speaker:
        """Raises `DeviceNotFoundError`."""


@dataclass(frozen=True, slots=True)
class SoundSystem:
    """What all that uses PortAudio in this process has to share; the engine joins it."""

    devices: DeviceGuard
    bounded: Bounded
    find: FindByName


@dataclass(frozen=True, slots=True)
class _Speaker:
    name: str
    host_api: str
    index: int
    rate_hz: int
    channels: int
    is_default: bool


class PortAudioOutputs:
    """The loudspeakers that sounddevice knows; see `SoundOutputs`.

    Parameters
    ----------
    system
        See `SoundSystem`.
    """

    def __init__(self, system: SoundSystem) -> None:
        self._system = system

    def names(self) -> tuple[str, ...]:
        """Names of all loudspeakers, the default first.

        Raises
        ------
        BackendMissingError
            sounddevice or PortAudio is not installed.
        AudioDeviceError
            They cannot be listed.
        """

        def listed() -> tuple[str, ...]:
            with self._system.devices.locked():
                self._system.devices.refresh()
                speakers = sorted(_speakers(_library()), key=lambda one: not one.is_default)
            return tuple(dict.fromkeys(speaker.name for speaker in speakers))

        return self._bounded(listed, late=lambda _names: None)

    def open(self, name: str, connect: Connect) -> Output:
        """Open a loudspeaker at its own rate, in stereo, and begin to play.

        Parameters
        ----------
        name
            Of the loudspeaker, or an unmistakable part of it; empty takes the system's default.
        connect
            See `Connect`; called on a thread of its own, perhaps more than once.

        Raises
        ------
        BackendMissingError
            sounddevice or PortAudio is not installed.
        DeviceNotFoundError
            No loudspeaker has the name, or there is none.
        AudioDeviceError
            It is busy, refused, or the sound system does not answer.
        """

        def opened() -> _PortAudioOutput:
            with self._system.devices.locked():
                fresh = self._system.devices.refresh()
                try:
                    return self._open(name, connect)
                except BackendMissingError:
                    raise
                except AudioDeviceError:
                    # It may have been plugged in, or renumbered, since the list was read.
                    if fresh or not self._system.devices.refresh():
                        raise
                    return self._open(name, connect)

        return self._bounded(opened, late=_PortAudioOutput.shut)

    def _open(self, name: str, connect: Connect) -> _PortAudioOutput:
        library = _library()
        speakers = _speakers(library)
        default = next((speaker for speaker in speakers if speaker.is_default), None)
        if name:
            api = default.host_api if default else ""
            speaker = self._system.find(speakers, name, preferred_api=api, sort="loudspeaker")
        elif default is not None:
            speaker = default
        else:
            raise DeviceNotFoundError("No loudspeaker was found: connect one, and play again.")
        return self._opened_at_a_rate(library, speaker, connect)

    def _opened_at_a_rate(self, library: Any, speaker: _Speaker, connect: Connect) -> _PortAudioOutput:
        for rate_hz in dict.fromkeys((speaker.rate_hz, *_FALLBACK_RATES_HZ)):
            output = _PortAudioOutput(self._system, speaker.name)
            try:
                output.start(library, speaker, rate_hz, connect(rate_hz))
            except (library.PortAudioError, ValueError) as error:
                refusal = error
                output.close()
                if (*error.args, 0, 0)[1] != _INVALID_SAMPLE_RATE:
                    break
            else:
                return output
        raise AudioDeviceError(
            f"The loudspeaker {speaker.name!r} ({speaker.host_api}) cannot be opened ({refusal.args[0]}): "
            "check that it is connected and that no other program holds it."
        ) from refusal

    def _bounded(self, call: Callable[[], T], *, late: Callable[[T], None]) -> T:
        try:
            return self._system.bounded(call, timeout_s=_CALL_S, name="attune-speaker-open", late=late)
        except TimeoutError as error:
            raise AudioDeviceError(
                f"The sound system has not answered for {_CALL_S:g} s, so nothing can be played: restart it, "
                "or the machine."
            ) from error


class _PortAudioOutput:
    """See `Output`."""

    def __init__(self, system: SoundSystem, name: str) -> None:
        self.name = name
        self._system = system
        self._stream: Any = None
        self._called_s = time.perf_counter()
        self._fault: Exception | None = None
        self._cut = False
        self._shut = False

    @property
    def lost(self) -> bool:
        """Whether its callback has failed, or not been called for 2 s."""
        return self._fault is not None or time.perf_counter() - self._called_s > _STALL_S

    def start(self, library: Any, speaker: _Speaker, rate_hz: int, render: Render) -> None:
        """Open and start; raises what the library does."""
        channels = min(CHANNELS, speaker.channels)
        wide = np.zeros((round(rate_hz * _LONGEST_S), CHANNELS), dtype=np.float32)
        abort = library.CallbackAbort

        def callback(out: Stereo, frames: int, at: Any, _status: object) -> None:
            self._called_s = time.perf_counter()
            if self._cut:  # left behind once, it must not play beside the one that came after it
                out.fill(0.0)
                raise abort
            try:
                ahead_s = at.outputBufferDacTime - at.currentTime
                if not 0.0 < ahead_s < _LONGEST_S:  # some host APIs do not know it
                    ahead_s = latency_s
                end_s = self._called_s + ahead_s + frames / rate_hz
                if channels == CHANNELS:
                    render(out, end_s)
                else:
                    render(wide[:frames], end_s)
                    np.mean(wide[:frames], axis=1, keepdims=True, out=out)
            except Exception as error:
                self._fault = error
                out.fill(0.0)
                raise abort from error

        latency_s = 0.0
        self._stream = library.OutputStream(
            device=speaker.index,
            samplerate=rate_hz,
            channels=channels,
            latency=_ALSA_LATENCY_S if speaker.host_api == "ALSA" else "high",
            dtype="float32",
            callback=callback,
        )
        self._system.devices.hold()
        latency_s = min(float(self._stream.latency), _LONGEST_S)
        self._called_s = time.perf_counter()
        self._stream.start()

    def close(self) -> None:
        """Let go of it, even if it is dead; calling it again changes nothing."""
        self._cut = True
        if self._fault is not None:
            _LOG.error("the sound could not be made", exc_info=self._fault)
        try:
            self._system.bounded(
                self.shut, timeout_s=_CLOSE_S, name="attune-speaker-close", late=lambda _nothing: None
            )
        except TimeoutError:
            _LOG.warning("%s does not let itself be closed: left behind", self.name)
        except Exception as error:  # noqa: BLE001 - a dead device may answer anything; it is closed for us
            _LOG.warning("closing %s failed: %s", self.name, error)

    def shut(self) -> None:
        """Abort and close; returns only when PortAudio does, and only then is the stream counted out."""
        if self._stream is None or self._shut:
            return
        self._shut = True
        try:
            # Abort, not stop: stop waits for the device to play out what it may no longer take.
            self._stream.abort()
        finally:
            try:
                self._stream.close()
            finally:
                self._system.devices.release()


def _library() -> Any:
    """The library, loaded when the first loudspeaker is wanted."""
    try:
        return importlib.import_module("sounddevice")
    except ImportError as error:
        raise BackendMissingError(
            "The Python package sounddevice is not installed, so nothing can be played: install Attune's "
            "requirements again, pip install -e ."
        ) from error
    except OSError as error:
        raise BackendMissingError(
            "PortAudio is not installed, so nothing can be played: install it (Debian and Ubuntu: apt "
            "install libportaudio2; Fedora: dnf install portaudio) and start again."
        ) from error
    except Exception as error:
        # PortAudioError cannot be named here: its module has just failed to load.
        raise BackendMissingError(
            f"PortAudio does not start ({error}), so nothing can be played: check the sound system."
        ) from error


def _speakers(library: Any) -> tuple[_Speaker, ...]:
    try:
        apis = library.query_hostapis()
        try:
            default = library.query_devices(kind="output")["index"]
        except (library.PortAudioError, ValueError):
            default = -1
        return tuple(
            _Speaker(
                name=device["name"],
                host_api=apis[device["hostapi"]]["name"],
                index=device["index"],
                rate_hz=round(device["default_samplerate"]),
                channels=device["max_output_channels"],
                is_default=device["index"] == default,
            )
            for device in library.query_devices()
            if device["max_output_channels"] > 0
        )
    except Exception as error:
        # PortAudioError, a name that is not UTF-8, an index that means nothing any more.
        raise AudioDeviceError(
            f"The list of loudspeakers cannot be read ({str(error) or repr(error)}): check that the sound "
            "system runs, then try again."
        ) from error
