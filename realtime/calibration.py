"""Adapts the model to the user's voice: takes the takes, fits, keeps, switches; holds no sound."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from core.errors import AudioDecodeError, VoiceError
from core.settings import Settings
from models.audio import decode
from models.emotion.labels import EMOTIONS, Emotion
from models.emotion.personal import (
    PersonalVoice,
    Trial,
    load_voice,
    save_voice,
    summarise_clip,
    try_personal,
)
from models.emotion.recogniser import Answers, EmotionRecogniser
from models.resample import SAMPLE_RATE_HZ
from models.runtime import Session
from realtime.capture.source import AudioSource, SourceSpec
from realtime.recorder import Recording, RecordingState, TakeRecorder
from realtime.take import Take, TakeCheck, check_take, windows_of
from realtime.voice_activity import FRAME_SAMPLES, VoiceActivity

__all__ = ["Calibration", "Heard"]

_LOG = logging.getLogger(__name__)
_MAX_CLIP_SAMPLES: Final = 30 * SAMPLE_RATE_HZ  # of a longer recording, its beginning
_BATCH: Final = 8


@dataclass(frozen=True, slots=True)
class Heard:
    """A take that was judged; of its sound nothing is left.

    Parameters
    ----------
    emotion
        How it was to be said.
    check
        Whether it can be used.
    answers
        What the model said of its windows; None unless it is good.
    """

    emotion: Emotion
    check: TakeCheck
    answers: Answers | None


class Calibration:
    """The takes of one process and the one voice that is kept; any thread may use it.

    Parameters
    ----------
    settings
        All knobs.
    models
        Gives the emotion model and Silero's session, loading them if need be.
    open_source
        Makes the source that a take is recorded from.
    file
        Where the voice is kept (`core.paths.voice_file`).
    on_change
        Called with the voice that is to be used from now on, None for none.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        models: Callable[[], tuple[EmotionRecogniser, Session]],
        open_source: Callable[[SourceSpec], AudioSource],
        file: Path,
        on_change: Callable[[PersonalVoice | None], None],
    ) -> None:
        self._settings = settings
        self._models = models
        self._open_source = open_source
        self._file = file
        self._on_change = on_change
        self._lock = threading.RLock()
        # Apart from the other: opening a source takes the engine's lock, under which it asks for the voice.
        self._recording = threading.Lock()
        self._heard: dict[str, Heard] = {}
        self._recorder: TakeRecorder | None = None
        self._voice: PersonalVoice | None = None
        self._read = False
        self.problem = ""
        """Why the voice that is kept is not used, for people; empty when all is well."""

    # The voice that is kept

    @property
    def voice(self) -> PersonalVoice | None:
        """What is kept, switched on or not; None if nothing is, or if it cannot be used (see `problem`).

        Raises
        ------
        WeightsError
            The model cannot be loaded.
        """
        with self._lock:
            if not self._read:
                recogniser, _ = self._models()
                try:
                    self._voice = load_voice(self._file, recogniser.info)
                except VoiceError as error:
                    self.problem = str(error)
                    _LOG.warning("%s", error)
                self._read = True
            return self._voice

    @property
    def active(self) -> PersonalVoice | None:
        """The voice, where it is switched on."""
        voice = self.voice
        return voice if voice is not None and voice.enabled else None

    def keep(self, voice: PersonalVoice) -> None:
        """Keep a voice instead of the one before, and use it if it is enabled.

        Raises
        ------
        VoiceError
            It cannot be written; the one before stays.
        """
        with self._lock:
            save_voice(voice, self._file)
            self._voice, self._read, self.problem = voice, True, ""
            self._on_change(self.active)

    def enable(self, on: bool) -> None:
        """Switch the voice on or off; it stays kept.

        Raises
        ------
        VoiceError
            There is none, or the change cannot be written.
        """
        with self._lock:
            voice = self.voice
            if voice is None:
                raise VoiceError(
                    self.problem or "No voice is kept yet: record yours with `attune calibrate` first."
                )
            if voice.enabled != on:
                self.keep(replace(voice, enabled=on))

    def delete(self) -> bool:
        """Delete the voice, also one that cannot be used; False if there was none.

        Raises
        ------
        VoiceError
            The file cannot be deleted.
        """
        with self._lock:
            there = self._file.exists()
            try:
                self._file.unlink(missing_ok=True)
            except OSError as error:
                raise VoiceError(
                    f"The file of your voice, {self._file}, cannot be deleted ({error.strerror}): "
                    "change its folder's permissions."
                ) from error
            self._voice, self._read, self.problem = None, True, ""
            self._on_change(None)
            return there

    # Takes

    @property
    def heard(self) -> Mapping[str, Heard]:
        """The newest take of each key, good or not."""
        return dict(self._heard)

    def record(self, key: str, emotion: Emotion, spec: SourceSpec) -> None:
        """Begin to record a take; it replaces one of the same key when it is over.

        Raises
        ------
        AttuneError
            The source or the model is not to be had.
        """
        with self._recording:
            self.stop_recording()
            _, voice_activity = self._models()
            self._recorder = TakeRecorder(
                self._open_source(spec),
                voice_activity=voice_activity,
                settings=self._settings,
                on_done=lambda take: self._judge(key, emotion, take),
            )

    def recording(self) -> Recording | None:
        """How the newest recording stands; None before the first; never waits."""
        recorder = self._recorder
        return None if recorder is None else recorder.now()

    def stop_recording(self) -> None:
        """End the take with what was heard so far; harmless when nothing is recorded."""
        recorder = self._recorder
        if recorder is not None and recorder.now().state is RecordingState.RECORDING:
            recorder.stop()

    def wait(self, timeout_s: float) -> bool:
        """Wait until the take is over and judged; False on time-out."""
        recorder = self._recorder
        return recorder is None or recorder.wait(timeout_s)

    def add(self, key: str, emotion: Emotion, source: Path | bytes) -> TakeCheck:
        """Take a recording, or the bytes of one, as a take.

        Raises
        ------
        AttuneError
            It cannot be read, or the model cannot be used.
        """
        if isinstance(source, Path) and not source.is_file():
            raise AudioDecodeError(f"There is no recording {source}: check the path.")
        _, voice_activity = self._models()
        audio = decode(source, max_minutes=self._settings.max_file_minutes)[:_MAX_CLIP_SAMPLES]
        detector = VoiceActivity(
            voice_activity,
            window_samples=max(len(audio), FRAME_SAMPLES),
            threshold=self._settings.speech_threshold,
        )
        detector.feed(audio)
        return self._judge(key, emotion, Take(audio, detector.frames[: len(audio) // FRAME_SAMPLES])).check

    def forget(self) -> None:
        """Forget all takes; the voice that is kept stays."""
        with self._recording:
            self.stop_recording()
            self._heard = {}
            self._recorder = None

    def fit(self, *, neutral_only: bool = False) -> Trial:
        """Fit to all good takes and measure on left-out ones; nothing is kept yet.

        Parameters
        ----------
        neutral_only
            Use the neutral takes alone.

        Raises
        ------
        VoiceError
            The takes do not suffice.
        """
        recogniser, _ = self._models()
        clips = [
            (EMOTIONS.index(heard.emotion), *summarise_clip(heard.answers))
            for heard in self._heard.values()
            if heard.answers is not None and (heard.emotion is Emotion.NEUTRAL or not neutral_only)
        ]
        return try_personal(
            [logits for _, logits, _ in clips],
            [embedding for _, _, embedding in clips],
            [label for label, _, _ in clips],
            model=recogniser.info,
        )

    def _judge(self, key: str, emotion: Emotion, take: Take) -> Heard:
        check = check_take(take)
        answers = None
        if check.good:
            recogniser, _ = self._models()
            windows = windows_of(take)
            parts = [
                recogniser.answers(windows[start : start + _BATCH])
                for start in range(0, len(windows), _BATCH)
            ]
            answers = Answers(
                np.concatenate([part.probabilities for part in parts]),
                np.concatenate([part.logits for part in parts]),
                np.concatenate([part.embedding for part in parts]),
                _joined([part.energy for part in parts]),
                _joined([part.pleasantness for part in parts]),
            )
        heard = Heard(emotion, check, answers)
        self._heard = {**self._heard, key: heard}
        return heard


def _joined(parts: list[npt.NDArray[np.float32] | None]) -> npt.NDArray[np.float32] | None:
    """The windows of all batches; None where the model does not say this."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None
