"""Adapts the emotion model to the user's voice: records takes, fits, keeps the result; keeps no sound."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.emotions import EMOTIONS, Emotion
from core.errors import AudioDecodeError, VoiceError
from core.settings import Settings
from models.audio import decode
from models.emotion.personal import (
    PersonalVoice,
    ValidatedFit,
    VoiceClips,
    fit_and_validate,
    load_voice,
    save_voice,
    summarise_clip,
)
from models.emotion.recogniser import Answers, EmotionRecogniser
from models.high_pass import HighPass
from models.resample import SAMPLE_RATE_HZ
from models.runtime import Session
from realtime.calibration.take import Take, TakeCheck, check_take, windows_of
from realtime.calibration.take_recorder import Recording, RecordingState, TakeRecorder
from realtime.capture.source import AudioSource, SourceSpec
from realtime.voice_activity import FRAME_SAMPLES, VoiceActivity

_LOG = logging.getLogger(__name__)
_MAX_CLIP_SAMPLES: Final = 30 * SAMPLE_RATE_HZ  # of a longer recording, its beginning
_BATCH: Final = 8
_NO_TAKES: Final = (
    "No sentences of yours are kept yet that corrections could stand beside: record them first."
)


@dataclass(frozen=True, slots=True)
class AnalysedTake:
    """A take that was analysed; its sound is gone."""

    emotion: Emotion  # how the sentence was to be spoken
    check: TakeCheck  # whether the take can be used
    # The model's, of its windows; None unless the take is good.
    answers: Answers | None


class Calibration:
    """The takes of one process and the one voice that is kept; any thread may use it.

    Parameters
    ----------
    settings
        `max_file_minutes`, and what `TakeRecorder` reads.
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
        self._takes: dict[str, AnalysedTake] = {}
        self._recorder: TakeRecorder | None = None
        self._voice: PersonalVoice | None = None
        self._read = False
        self.problem = ""  # why the voice that is kept is not used, for people; empty when all is well

    def set_settings(self, settings: Settings) -> None:
        """Take other settings over; takes and voice belong to one emotion model."""
        with self._lock:
            before, self._settings = self._settings, settings
            if before.emotion_model != settings.emotion_model:
                self._voice, self._read, self._takes, self.problem = None, False, {}, ""

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
    def takes(self) -> Mapping[str, AnalysedTake]:
        """The newest take of each key, good or not."""
        return dict(self._takes)

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
                on_done=lambda take: self._analyse(key, emotion, take),
            )

    def recording(self) -> Recording | None:
        """How the newest recording stands; None before the first; never waits."""
        recorder = self._recorder
        return None if recorder is None else recorder.now()

    def stop_recording(self) -> None:
        """End the take with what was recorded so far; harmless when nothing is recorded."""
        recorder = self._recorder
        if recorder is not None and recorder.now().state is RecordingState.RECORDING:
            recorder.stop()

    def wait(self, timeout_s: float) -> bool:
        """Wait until the take is over and analysed; False on time-out."""
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
        detector.feed(HighPass().process(audio))
        return self._analyse(key, emotion, Take(audio, detector.frames[: len(audio) // FRAME_SAMPLES])).check

    def forget(self) -> None:
        """Forget all takes; the voice that is kept stays."""
        with self._recording:
            self.stop_recording()
            self._takes = {}
            self._recorder = None

    def fit(self, *, neutral_only: bool = False, corrections: VoiceClips | None = None) -> ValidatedFit:
        """Fit to all good takes and measure on left-out ones; nothing is kept yet.

        Parameters
        ----------
        neutral_only
            Use the neutral takes alone.
        corrections
            What the user corrected while they were listened to, which counts beside the takes.

        Raises
        ------
        VoiceError
            The takes do not suffice.
        """
        recogniser, _ = self._models()
        clips = [
            (EMOTIONS.index(take.emotion), *summarise_clip(take.answers))
            for take in self._takes.values()
            if take.answers is not None and (take.emotion is Emotion.NEUTRAL or not neutral_only)
        ]
        return fit_and_validate(
            [logits for _, logits, _ in clips],
            [embedding for _, _, embedding in clips],
            [label for label, _, _ in clips],
            model=recogniser.info,
            corrections=corrections,
        )

    def fit_again(self, corrections: VoiceClips | None) -> ValidatedFit:
        """Fit to the takes that are kept with the voice, and to corrections; nothing is kept yet.

        Raises
        ------
        VoiceError
            There is no voice, or one from before its takes were kept.
        """
        voice = self.voice
        takes = None if voice is None else voice.takes
        if takes is None:
            raise VoiceError(self.problem or _NO_TAKES)
        recogniser, _ = self._models()
        return fit_and_validate(
            takes.logits, takes.embedding, takes.labels, model=recogniser.info, corrections=corrections
        )

    def _analyse(self, key: str, emotion: Emotion, take: Take) -> AnalysedTake:
        check = check_take(take)
        answers = None
        if check.good:
            recogniser, _ = self._models()
            windows = windows_of(take)
            batches = range(0, len(windows), _BATCH)
            answers = _concatenate([recogniser.answers(windows[at : at + _BATCH]) for at in batches])
        analysed = AnalysedTake(emotion, check, answers)
        self._takes = {**self._takes, key: analysed}
        return analysed


def _concatenate(parts: Sequence[Answers]) -> Answers:
    """Join the windows of all batches; what a model does not say is None in all of them."""
    joined: dict[str, Any] = {}
    for field in fields(Answers):
        values = [getattr(part, field.name) for part in parts]
        joined[field.name] = None if values[0] is None else np.concatenate(values)
    return Answers(**joined)
