"""The loudspeaker through PortAudio: found by name, fed by a callback, known when it is lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

import numpy as np

from core.audio_devices.call_timeout import call_with_timeout, close_with_timeout
from core.audio_devices.device_list import device_list
from core.audio_devices.names import find_by_name
from core.audio_devices.portaudio import (
    INVALID_SAMPLE_RATE,
    PortAudioDevice,
    list_sounddevice,
    load_sounddevice,
    unreadable_list,
)
from core.errors import AudioDeviceError, DeviceNotFoundError
from playback.local_player.mixer import CHANNELS, Render, Stereo

_LOG = logging.getLogger(__name__)
_CALL_S: Final = 4.0
_CLOSE_S: Final = 0.4
_STALL_S: Final = 2.0
_LONGEST_S: Final = 2.0
# PulseAudio and PipeWire show ALSA a default buffer of 40 ms: a busy machine may take longer to answer. With
# 0.2 s and three times more to do than it can, sound was lost now and then; with 0.3 s none was.
_ALSA_LATENCY_S: Final = 0.3
_FALLBACK_RATES_HZ: Final = (48_000, 44_100)

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


class PortAudioOutputs:
    """The loudspeakers that sounddevice knows; see `SoundOutputs`."""

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
            with device_list.locked():
                device_list.refresh()
                speakers = sorted(_speakers(_library()), key=lambda one: not one.is_default)
            return tuple(dict.fromkeys(speaker.name for speaker in speakers))

        return self._with_timeout(listed, late=lambda _names: None)

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
        return self._with_timeout(
            lambda: device_list.open(lambda: self._open(name, connect), refresh_first=True),
            late=_PortAudioOutput.shut,
        )

    def _open(self, name: str, connect: Connect) -> _PortAudioOutput:
        library = _library()
        speakers = _speakers(library)
        default = next((speaker for speaker in speakers if speaker.is_default), None)
        if name:
            api = default.host_api if default else ""
            speaker = find_by_name(speakers, name, preferred_api=api, sort="loudspeaker")
        elif default is not None:
            speaker = default
        else:
            raise DeviceNotFoundError("No loudspeaker was found: connect one, and play again.")
        return self._open_at_a_rate(library, speaker, connect)

    def _open_at_a_rate(self, library: Any, speaker: PortAudioDevice, connect: Connect) -> _PortAudioOutput:
        for rate_hz in dict.fromkeys((speaker.rate_hz, *_FALLBACK_RATES_HZ)):
            output = _PortAudioOutput(speaker.name)
            try:
                output.start(library, speaker, rate_hz, connect(rate_hz))
            except (library.PortAudioError, ValueError) as error:
                refusal = error
                output.close()
                if (*error.args, 0, 0)[1] != INVALID_SAMPLE_RATE:
                    break
            else:
                return output
        raise AudioDeviceError(
            f"The loudspeaker {speaker.name!r} ({speaker.host_api}) cannot be opened ({refusal.args[0]}): "
            "check that it is connected and that no other program holds it."
        ) from refusal

    def _with_timeout(self, call: Callable[[], T], *, late: Callable[[T], None]) -> T:
        try:
            return call_with_timeout(call, timeout_s=_CALL_S, name="attune-speaker-open", late=late)
        except TimeoutError as error:
            raise AudioDeviceError(
                f"The sound system has not answered for {_CALL_S:g} s, so nothing can be played: restart it, "
                "or the machine."
            ) from error


class _PortAudioOutput:
    """See `Output`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._stream: Any = None
        self._called_s = time.perf_counter()
        self._fault: Exception | None = None
        self._abandoned = False
        self._shut = False

    @property
    def lost(self) -> bool:
        """Whether its callback has failed, or not been called for 2 s."""
        return self._fault is not None or time.perf_counter() - self._called_s > _STALL_S

    def start(self, library: Any, speaker: PortAudioDevice, rate_hz: int, render: Render) -> None:
        """Open and start; raises what the library does."""
        channels = min(CHANNELS, speaker.channels)
        wide = np.zeros((round(rate_hz * _LONGEST_S), CHANNELS), dtype=np.float32)
        abort = library.CallbackAbort

        def callback(out: Stereo, frames: int, at: Any, _status: object) -> None:
            self._called_s = time.perf_counter()
            if self._abandoned:  # left behind once, it must not play beside the one that came after it
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
        device_list.hold()
        latency_s = min(float(self._stream.latency), _LONGEST_S)
        self._called_s = time.perf_counter()
        self._stream.start()

    def close(self) -> None:
        """Let go of it, even if it is dead; calling it again changes nothing."""
        self._abandoned = True
        if self._fault is not None:
            _LOG.error("the sound could not be made", exc_info=self._fault)
        close_with_timeout(self.shut, timeout_s=_CLOSE_S, name="attune-speaker-close", device=self.name)

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
                device_list.release()


def _library() -> Any:
    return load_sounddevice(consequence="nothing can be played")


def _speakers(library: Any) -> tuple[PortAudioDevice, ...]:
    try:
        return list_sounddevice(library, "output")
    except Exception as error:
        raise unreadable_list("loudspeakers", error) from error
