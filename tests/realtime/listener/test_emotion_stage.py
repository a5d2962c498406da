"""One window in; reading, decision and sustained emotion out; without a thread or a real model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from core.emotions import EMOTIONS, Emotion
from core.errors import ModelError
from core.settings import Settings
from models.emotion.recogniser import Answers, EmotionRecogniser
from models.emotion.separator import VoiceSeparator
from models.mood.audio_classes import AudioClassScores
from realtime.listener.emotion_stage import EmotionStage
from realtime.listener.stream_worker import Window
from realtime.live_mood_tagger import LiveMoodTagger
from realtime.snapshot import DecisionKind, MoodReading, RollingTheme

NOISE = (0.1 * np.random.default_rng(0).standard_normal(48_000)).astype(np.float32)


class AlwaysHappy:
    """The emotion model, with one answer to all; remembers what it was asked about."""

    def __init__(self) -> None:
        self.asked: list[np.ndarray] = []

    def answers(self, windows: np.ndarray) -> Answers:
        self.asked.append(windows)
        happy = np.array([[0.01, 0.01, 0.93, 0.01, 0.01, 0.01, 0.01, 0.01]])
        return Answers(happy, np.log(happy), np.log(happy), np.array([0.75], np.float32), None)


class Mood:
    """The mood models, with one answer to all."""

    def __init__(self, *, music: float, speech: float) -> None:
        self.scores = AudioClassScores(speech=speech, music=music, singing=0.0, silence=0.0)
        self.resets = 0

    def tag(self, _window: np.ndarray, clock: int) -> MoodReading:
        return MoodReading(clock, (self.scores,), (RollingTheme(10.0, (), ()),))

    def reset(self) -> None:
        self.resets += 1


def window(clock: int, *, speech_share: float = 1.0, stream: int = 1, audio: np.ndarray = NOISE) -> Window:
    return Window(audio, clock, speech_share, 0.0, {}, stream)


@pytest.fixture
def model() -> AlwaysHappy:
    return AlwaysHappy()


@pytest.fixture
def make(model: AlwaysHappy) -> Callable[..., EmotionStage]:
    def build(**more: Any) -> EmotionStage:
        settings = Settings(smoothing_s=0.0, min_dwell_s=0.0, voice_over_music=0.0)
        return EmotionStage(cast(EmotionRecogniser, model), settings, **more)

    return build


def test_speech_is_asked_about_and_everything_of_the_window_comes_as_one_value(
    make: Callable[..., EmotionStage], model: AlwaysHappy
) -> None:
    found = make().process(window(48_000))
    reading, decision, sustained = found.result.reading, found.result.decision, found.result.sustained
    assert (reading.clock, decision.clock, sustained.clock) == (48_000, 48_000, 48_000)
    assert reading.probabilities is not None
    assert (reading.energy, reading.pleasantness) == (0.75, None)
    assert decision.emotion is Emotion.HAPPY
    assert EMOTIONS[int(np.argmax(sustained.probabilities))] is Emotion.HAPPY
    assert sustained.emotion is None  # three seconds are not enough
    assert found.mood is None
    assert set(found.durations_ms) == {"emotion"}
    np.testing.assert_array_equal(model.asked[0], NOISE[np.newaxis])


def test_without_speech_the_model_is_not_asked(make: Callable[..., EmotionStage], model: AlwaysHappy) -> None:
    found = make().process(window(48_000, speech_share=0.1))
    assert found.result.reading.probabilities is None
    assert found.result.decision.kind is DecisionKind.NO_SPEECH
    assert model.asked == []
    assert found.durations_ms == {}


def test_the_sustained_emotion_adds_up_and_another_stream_forgets_it(
    make: Callable[..., EmotionStage],
) -> None:
    mood = Mood(music=0.0, speech=1.0)
    stage = make(mood=mood)
    found = [stage.process(window(clock)) for clock in range(48_000, 20 * 16_000, 8_000)]
    assert found[-1].result.sustained.emotion is Emotion.HAPPY
    reopened = stage.process(window(20 * 16_000, stream=2)).result
    assert reopened.sustained.emotion is None
    assert reopened.decision.changed
    assert mood.resets == 2


def test_a_voice_that_does_not_stand_out_from_music_is_not_asked_about(
    make: Callable[..., EmotionStage], model: AlwaysHappy
) -> None:
    found = make(mood=Mood(music=0.9, speech=0.2)).process(window(48_000))
    assert found.result.reading.only_music
    assert found.result.decision.kind is DecisionKind.NO_SPEECH
    assert model.asked == []
    assert set(found.durations_ms) == {"mood"}


def test_music_behind_a_voice_is_taken_out_before_the_model_is_asked(
    make: Callable[..., EmotionStage], model: AlwaysHappy
) -> None:
    class Halving:
        def separate(self, audio: np.ndarray) -> np.ndarray:
            return audio / 2

    stage = make(mood=Mood(music=0.5, speech=1.0), separator=cast(VoiceSeparator, Halving()))
    assert not stage.process(window(48_000)).result.reading.only_music
    np.testing.assert_array_equal(model.asked[0], NOISE[np.newaxis] / 2)


def test_models_of_music_that_fail_are_given_up_and_said(
    make: Callable[..., EmotionStage], model: AlwaysHappy
) -> None:
    class Broken(Mood):
        def tag(self, _window: np.ndarray, clock: int) -> MoodReading:
            raise ModelError(f"The backbone answers NaN at {clock}.")

    stage = make(mood=cast(LiveMoodTagger, Broken(music=0.0, speech=1.0)))
    assert stage.process(window(48_000)).mood is None
    assert stage.process(window(56_000)).result.decision.emotion is Emotion.HAPPY
    assert stage.problem.startswith("The backbone answers NaN at 48000. Listening goes on")

    class NoSeparator:
        def separate(self, _audio: np.ndarray) -> np.ndarray:
            raise ModelError("The separator answers NaN.")

    stage = make(mood=Mood(music=0.5, speech=1.0), separator=cast(VoiceSeparator, NoSeparator()))
    assert stage.process(window(48_000)).result.decision.emotion is Emotion.HAPPY
    assert stage.problem.startswith("The separator answers NaN. Listening goes on")
    np.testing.assert_array_equal(model.asked[-1], NOISE[np.newaxis])


def test_another_threshold_holds_from_the_next_window_on(make: Callable[..., EmotionStage]) -> None:
    stage = make()
    assert stage.process(window(48_000)).result.decision.emotion is Emotion.HAPPY
    stage.set_settings(Settings(hysteresis=0.0, threshold=0.99))
    assert stage.process(window(56_000)).result.decision.emotion is None


def test_a_word_gets_an_answer_that_is_less_sure_but_of_energy(
    make: Callable[..., EmotionStage], model: AlwaysHappy
) -> None:
    stage = make()
    word = replace(window(48_000, speech_share=0.2), stretch_share=0.5)
    reading = stage.process(word).result.reading
    assert reading.brief
    assert reading.probabilities is not None
    assert sum(reading.probabilities) == pytest.approx(1.0)
    assert EMOTIONS[int(np.argmax(reading.probabilities))] is Emotion.HAPPY
    assert max(reading.probabilities) < 0.7
    assert reading.energy == 0.75
    assert len(model.asked) == 1


def test_a_short_recording_is_less_sure_for_its_seconds_of_speech(make: Callable[..., EmotionStage]) -> None:
    short = replace(window(48_000, speech_share=0.9), sound_samples=8_000)
    full = window(56_000, speech_share=0.9)
    stage = make()
    assert stage.process(short).result.reading.brief
    assert not stage.process(full).result.reading.brief


def test_a_syllable_is_too_little(make: Callable[..., EmotionStage], model: AlwaysHappy) -> None:
    found = make().process(replace(window(48_000, speech_share=0.1), stretch_share=0.3))
    assert found.result.decision.kind is DecisionKind.NO_SPEECH
    assert model.asked == []
