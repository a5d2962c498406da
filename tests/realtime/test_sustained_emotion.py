"""The sustained emotion: many unsure windows of one emotion add up, a few sure ones of another do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.emotions import EMOTIONS, Emotion
from realtime.snapshot import Reading, SustainedEmotion
from realtime.sustained_emotion import SustainedEmotionConfig, SustainedEmotionState, step

HOP = 8_000
CONFIG = SustainedEmotionConfig()


def leaning(emotion: Emotion, probability: float) -> tuple[float, ...]:
    rest = (1.0 - probability) / (len(EMOTIONS) - 1)
    return tuple(probability if other is emotion else rest for other in EMOTIONS)


def talk(
    windows: Sequence[tuple[float, ...] | None], config: SustainedEmotionConfig = CONFIG, hop: int = HOP
) -> list[SustainedEmotion]:
    state, found = SustainedEmotionState(), []
    for number, probabilities in enumerate(windows):
        state, sustained = step(state, Reading(48_000 + hop * number, 0.8, probabilities), config)
        found.append(sustained)
    return found


def test_unsure_windows_of_one_emotion_add_up() -> None:
    found = talk([leaning(Emotion.SAD, 0.4)] * 60)
    assert found[0].emotion is None
    assert found[-1].emotion is Emotion.SAD
    assert found[-1].probabilities[EMOTIONS.index(Emotion.SAD)] > 0.9


def test_windows_that_say_nothing_add_up_to_nothing() -> None:
    assert all(sustained.emotion is None for sustained in talk([leaning(Emotion.SAD, 1 / 8)] * 200))


def test_one_sure_window_is_no_sustained_emotion() -> None:
    assert talk([leaning(Emotion.ANGRY, 0.99)])[-1].emotion is None


def test_another_emotion_takes_over_after_a_while() -> None:
    found = talk([leaning(Emotion.SAD, 0.5)] * 60 + [leaning(Emotion.HAPPY, 0.5)] * 60)
    emotions = [sustained.emotion for sustained in found]
    assert emotions[59] is Emotion.SAD
    assert emotions[-1] is Emotion.HAPPY
    assert None in emotions[60:]  # between them nothing is claimed


def test_silence_lets_it_fade() -> None:
    found = talk([leaning(Emotion.SAD, 0.6)] * 40 + [None] * 600)
    assert found[40].emotion is Emotion.SAD
    assert found[-1].emotion is None
    assert found[-1].probabilities == pytest.approx((1 / 8,) * 8, abs=0.05)


def test_what_is_ruled_out_once_may_come_back() -> None:
    certain = tuple(1.0 if e is Emotion.CALM else 0.0 for e in EMOTIONS)
    found = talk([certain] * 3 + [leaning(Emotion.FEARFUL, 0.6)] * 80)
    assert found[-1].emotion is Emotion.FEARFUL


@pytest.mark.parametrize("hop", [4_000, 8_000, 16_000])
def test_how_often_windows_come_matters_little(hop: int) -> None:
    windows = [leaning(Emotion.SAD, 0.35)] * (20 * 16_000 // hop)
    assert talk(windows, hop=hop)[-1].probabilities == pytest.approx(
        talk([leaning(Emotion.SAD, 0.35)] * 40)[-1].probabilities, abs=0.05
    )


@given(st.lists(st.none() | st.sampled_from(EMOTIONS).map(lambda e: leaning(e, 0.7)), max_size=80))
def test_probabilities_sum_to_one_and_a_sustained_emotion_begins_as_the_likeliest(
    windows: list,
) -> None:
    held = None
    for sustained in talk(windows):
        assert sum(sustained.probabilities) == pytest.approx(1.0)
        assert 0.0 <= sustained.voice_s <= CONFIG.memory_s + 3.0
        if sustained.emotion is not None and sustained.emotion is not held:
            assert sustained.probabilities[EMOTIONS.index(sustained.emotion)] >= CONFIG.enter
        held = sustained.emotion


def test_a_higher_bar_is_reached_later() -> None:
    windows = [leaning(Emotion.SAD, 0.3)] * 60
    low, high = (
        [sustained.emotion for sustained in talk(windows, replace(CONFIG, enter=enter))]
        for enter in (0.6, 0.8)
    )
    assert low.index(Emotion.SAD) < high.index(Emotion.SAD)


def test_words_alone_are_no_sustained_emotion() -> None:
    state, words = SustainedEmotionState(), leaning(Emotion.SAD, 0.9)
    for number in range(60):
        state, found = step(state, Reading(48_000 + HOP * number, 0.2, words, brief=True), CONFIG)
    assert found.emotion is None
    assert found.voice_s == 0.0
