"""Records one take from a source on a thread of its own; its sound is only ever in memory."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

import numpy as np

from core.errors import AttuneError
from core.settings import Settings
from models.high_pass import HighPass
from models.resample import SAMPLE_RATE_HZ, Audio, MonoResampler
from models.runtime import Session
from realtime.calibration.take import MAX_TAKE_S, Take, is_complete, speech_seconds
from realtime.capture.source import AudioSource, Block
from realtime.fifo import Begin, BlockFifo, End, Gap, Sound
from realtime.level_meter import LevelMeter
from realtime.snapshot import InputLevel
from realtime.voice_activity import FRAME_SAMPLES, VoiceActivity

_LOG = logging.getLogger(__name__)
_POLL_S: Final = 0.1
_METER_INTERVAL_S: Final = 0.1
_JOIN_S: Final = 1.0
_NO_BLOCK: Final = np.zeros((0, 1), dtype=np.float32)


class RecordingState(StrEnum):
    """What the recorder is doing."""

    RECORDING = "recording"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Recording:
    """One moment of a recording."""

    state: RecordingState = RecordingState.RECORDING  # what the recorder is doing
    # Seconds since the first sound, and of speech among them.
    recorded_s: float = 0.0
    speech_s: float = 0.0
    level: InputLevel = field(default_factory=InputLevel)
    message: str = ""  # why it failed, for people; else empty


class TakeRecorder:
    """Records until the sentence is complete, the source ends, somebody stops it, or time is up.

    Parameters
    ----------
    source
        Where sound comes from; opened here, and closed as soon as the take is over.
    voice_activity
        Silero's session.
    settings
        `fifo_s`, `stall_s`, `speech_threshold` and `digital_silence_s` are read.
    on_done
        Called once with the take, on the recorder's thread, before the state says that it is done.

    Raises
    ------
    AttuneError
        The source cannot be opened.
    """

    def __init__(
        self,
        source: AudioSource,
        *,
        voice_activity: Session,
        settings: Settings,
        on_done: Callable[[Take], object],
    ) -> None:
        self._source = source
        self._settings = settings
        self._on_done = on_done
        self._fifo = BlockFifo(settings.fifo_s)
        self._stopping = threading.Event()
        self._now = Recording()
        self._max_samples = round(MAX_TAKE_S * SAMPLE_RATE_HZ)
        self._speech = VoiceActivity(
            voice_activity, window_samples=self._max_samples, threshold=settings.speech_threshold
        )
        self._parts: list[Audio] = []
        self._samples = 0
        self._resampler: MonoResampler | None = None
        self._high_pass = HighPass()
        self._meter: LevelMeter | None = None
        self._meter_due = 0.0
        source.open(self._fifo)
        self._thread = threading.Thread(target=self._work, name="attune-take", daemon=True)
        self._thread.start()

    def now(self) -> Recording:
        """The newest moment; never waits."""
        return self._now

    def stop(self) -> None:
        """End the take with what was recorded so far; harmless when it is over."""
        self._stopping.set()
        self._thread.join(_JOIN_S)

    def wait(self, timeout_s: float) -> bool:
        """Wait until the take is over and was handed on; False on time-out."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            try:
                self._record()
            finally:
                self._fifo.close()
                self._source.close()
            self._on_done(self._take())
            self._now = replace(self._now, state=RecordingState.DONE)
        except AttuneError as error:
            self._now = replace(self._now, state=RecordingState.FAILED, message=str(error))
        except Exception as error:  # noqa: BLE001 - the thread ends here, and says so
            _LOG.exception("recording ended by an internal error")
            sentence = f"Recording ended by an internal error ({error!r}): press Record to try again."
            self._now = replace(self._now, state=RecordingState.FAILED, message=sentence)
        finally:
            self._parts = []

    def _record(self) -> None:
        while not self._stopping.is_set():
            record = self._fifo.get(_POLL_S)
            match record:
                case Begin(info):
                    self._resampler = MonoResampler(info.rate_hz, info.channels)
                    self._meter = LevelMeter(info.rate_hz, digital_silence_s=self._settings.digital_silence_s)
                case Sound(block, _):
                    assert self._resampler is not None
                    assert self._meter is not None
                    self._append(self._resampler.process(block), block)
                case Gap():
                    self._speech.interrupt()
                case End(error):
                    if error is not None:
                        raise error
                    return
                case None:
                    self._check_alive()
            if is_complete(self._frames()):
                return

    def _append(self, audio: Audio, block: Block = _NO_BLOCK) -> None:
        assert self._meter is not None
        audio = audio[: self._max_samples - self._samples]
        self._parts.append(audio)
        self._samples += len(audio)
        heard = self._high_pass.process(audio)
        self._meter.feed(block, heard)
        self._speech.feed(heard)
        recorded_s = self._samples / SAMPLE_RATE_HZ
        if recorded_s >= self._meter_due:
            self._meter_due = recorded_s + _METER_INTERVAL_S
            speech_s = speech_seconds(self._frames())
            self._now = replace(
                self._now, recorded_s=recorded_s, speech_s=speech_s, level=self._meter.level()
            )

    def _frames(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        frames = self._speech.frames
        return frames[len(frames) - self._samples // FRAME_SAMPLES :]

    def _check_alive(self) -> None:
        if self._fifo.stalled(self._settings.stall_s, awaiting_sound=not self._samples):
            raise AttuneError(
                "The source has stopped delivering sound: connect it again, then say the sentence once more."
            )

    def _take(self) -> Take:
        if self._resampler is not None:
            self._append(self._resampler.finish())
        audio = np.concatenate(self._parts) if self._parts else np.zeros(0, dtype=np.float32)
        return Take(audio, self._frames())
