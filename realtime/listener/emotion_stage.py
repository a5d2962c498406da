"""One window in; its reading, the gate's decision and the sustained emotion out; no threads."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.errors import ModelError
from core.settings import Settings
from models.emotion.personal import PersonalVoice, apply_personal
from models.emotion.recogniser import WINDOW_SAMPLES, Answers, Recogniser
from models.emotion.separator import VoiceSeparator
from models.mood.audio_classes import AudioClassScores
from models.resample import Audio
from realtime import gate, music_rejection, sustained_emotion
from realtime.echo_cancellation import EchoReference, cancel_echo
from realtime.listener.stream_worker import Window
from realtime.live_mood_tagger import WITHOUT_MOOD, WITHOUT_SEPARATOR, LiveMoodTagger
from realtime.recent_voice import VoiceWindow
from realtime.snapshot import MoodReading, Reading, WindowResult

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StageResult:
    """What one window led to."""

    result: WindowResult  # what is handed out
    # The music beside the voice; None without mood models.
    mood: MoodReading | None
    # When the stage began, and when all models had answered (`time.perf_counter`).
    started_s: float
    answered_s: float
    durations_ms: Mapping[str, float]  # what the models took, ms, of those that were asked
    voice: VoiceWindow | None = None  # the model's own answers, where there was enough voice for them


class EmotionStage:
    """Asks the models about each window and remembers what the gate needs; used by one thread at a time.

    Parameters
    ----------
    recogniser
        The emotion model.
    settings
        Those of the gate and of music rejection are read.
    mood
        Hears the music beside the voice; None: it is not listened to, and holds nothing back.
    separator
        Takes music out from behind a voice; None leaves it in.
    echo
        What this program plays itself, whose echo is taken out of each window; None: nothing.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        settings: Settings,
        *,
        mood: LiveMoodTagger | None = None,
        separator: VoiceSeparator | None = None,
        echo: EchoReference | None = None,
    ) -> None:
        # What adapts the model to the user's voice, from the next window on; any thread may replace it.
        self.voice: PersonalVoice | None = None
        # One sentence for people once the mood models or the separator have failed, else empty.
        self.problem = ""
        self._recogniser = recogniser
        self._mood = mood
        self._separator = separator
        self._echo = echo
        self.set_settings(settings)
        self._stream = 0
        self._gate_state = gate.GateState()
        self._sustained_config = sustained_emotion.SustainedEmotionConfig()
        self._sustained_state = sustained_emotion.SustainedEmotionState()
        self._voice_before = False

    def set_settings(self, settings: Settings) -> None:
        """Take the limits of gate and music rejection over, from the next window on; any thread may."""
        self.gate_config = gate.gate_config(settings)
        self._rejection = music_rejection.music_rejection_config(settings)

    def process(self, window: Window) -> StageResult:
        """Classify a window.

        Parameters
        ----------
        window
            Later than the one before; of another stream, what was remembered is forgotten.

        Raises
        ------
        ModelError
            The emotion model cannot run. Mood models and separator that cannot run are given up,
            see `problem`.
        """
        started_s = time.perf_counter()
        config = self.gate_config
        if window.stream != self._stream:
            self._reset(window.stream)
        mood = self._tag_mood(window)
        tagged_s = time.perf_counter()
        speech = max(window.speech_share, window.stretch_share) >= config.min_speech_share
        audio, only_music = self._voice_of(window, () if mood is None else mood.class_scores, speech=speech)
        asked = speech and not only_music
        self._voice_before = asked
        answers = self._answers(audio) if asked else None
        spoken_share = window.speech_share * window.sound_samples / WINDOW_SAMPLES
        brief = asked and spoken_share < config.min_speech_share
        if answers is not None and brief:
            answers = _less_sure(answers, spoken_share / config.min_speech_share)
        answered_s = time.perf_counter()
        reading = Reading(
            clock=window.clock,
            speech_share=window.speech_share,
            probabilities=None if answers is None else tuple(answers.probabilities[0].tolist()),
            latency_ms=(answered_s - window.arrival_time_s) * 1000.0,
            only_music=only_music,
            energy=None if answers is None else _first(answers.energy),
            pleasantness=None if answers is None else _first(answers.pleasantness),
            brief=brief,
        )
        self._gate_state, decision = gate.step(self._gate_state, reading, config)
        self._sustained_state, sustained = sustained_emotion.step(
            self._sustained_state, reading, self._sustained_config
        )
        durations_ms = {}
        if mood is not None:
            durations_ms["mood"] = (tagged_s - started_s) * 1000.0
        if asked:
            durations_ms["emotion"] = (answered_s - tagged_s) * 1000.0
        result = WindowResult(reading, decision, sustained)
        voice = None
        if answers is not None and not brief:
            voice = VoiceWindow(window.clock, answers.logits[0], answers.embedding[0])
        return StageResult(result, mood, started_s, answered_s, durations_ms, voice)

    def _reset(self, stream: int) -> None:
        self._stream = stream
        self._gate_state = gate.GateState()
        self._sustained_state = sustained_emotion.SustainedEmotionState()
        self._voice_before = False
        if self._mood is not None:
            self._mood.reset()

    def _tag_mood(self, window: Window) -> MoodReading | None:
        """The music beside the voice; when its models fail, listening goes on without them."""
        if self._mood is None:
            return None
        try:
            return self._mood.tag(window.audio, window.clock)
        except ModelError as error:
            _LOG.exception("the mood models failed; listening goes on without them")
            self._mood = None
            self.problem = f"{error} {WITHOUT_MOOD}"
            return None

    def _voice_of(
        self, window: Window, scores: Sequence[AudioClassScores], *, speech: bool
    ) -> tuple[Audio, bool]:
        """The window without our own music and without other music; whether it held nothing but music."""
        audio, config, voice_before = window.audio, self._rejection, self._voice_before
        if not speech:
            return audio, music_rejection.only_music(scores, config, voice_before=voice_before)
        played = None if self._echo is None else self._echo.around(WINDOW_SAMPLES, window.arrival_time_s)
        own_music = played is not None
        if music_rejection.only_music(scores, config, voice_before=voice_before, own_music=own_music):
            return audio, True
        if not own_music and music_rejection.music_score(scores) < config.beside_from:
            return audio, False
        remainder = self._without_music(audio if played is None else cancel_echo(audio, played))
        return remainder, music_rejection.only_residue(audio, remainder)

    def _without_music(self, audio: Audio) -> Audio:
        """The voice alone; when the separator fails, listening goes on without it."""
        if self._separator is None:
            return audio
        try:
            return self._separator.separate(audio)
        except ModelError as error:
            _LOG.exception("the separator failed; listening goes on without it")
            self._separator = None
            self.problem = f"{error} {WITHOUT_SEPARATOR}"
            return audio

    def _answers(self, audio: Audio) -> Answers:
        """What the model says of the window; adapted to the user's voice, of the emotions alone."""
        answers, voice = self._recogniser.answers(audio[np.newaxis]), self.voice
        if voice is None:
            return answers
        return replace(answers, probabilities=apply_personal(voice, answers))


def _less_sure(answers: Answers, weight: float) -> Answers:
    """Answers to a window with little speech: their log-odds shrink with it, but for energy, which is right.

    Of half a second of speech the model would name an emotion with at least 70 % in 12 % of clips, of which
    46 % are right (RAVDESS and EMO-DB); of energy 98 % are.
    """
    shrunk = answers.probabilities**weight
    shrunk /= shrunk.sum(axis=1, keepdims=True)
    high = answers.pleasantness
    if high is not None:
        high = np.divide(high**weight, high**weight + (1.0 - high) ** weight, dtype=np.float32)
    return replace(answers, probabilities=shrunk, pleasantness=high)


def _first(values: npt.NDArray[np.float32] | None) -> float | None:
    return None if values is None else float(values[0])
