"""A whole recording: three statements drawn from its windows, each accepted or unsure by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.directions import Direction
from core.emotions import EMOTIONS, Emotion
from realtime.clip_summary import ClipEmotion, summarise
from realtime.gate import GateConfig, GateState, step
from realtime.snapshot import AxisStatement, DecisionKind, Reading, SustainedEmotion, WindowResult

NOTHING_SUSTAINED = SustainedEmotion(48_000, None, (0.125,) * 8, 0.0)


def clip(
    *answers: tuple[float | None, float | None], p: float = 0.9, speech: tuple[float, ...] = ()
) -> ClipEmotion:
    """A clip of happy windows with these answers to energy and pleasantness."""
    happy = tuple(p if label is Emotion.HAPPY else (1.0 - p) / 7 for label in EMOTIONS)
    windows = []
    for index, (energy, pleasantness) in enumerate(answers):
        share = speech[index] if speech else 1.0
        reading = Reading(48_000 + index * 8_000, share, happy, energy=energy, pleasantness=pleasantness)
        windows.append(WindowResult(reading, step(GateState(), reading, GateConfig())[1], NOTHING_SUSTAINED))
    return summarise(windows, threshold=0.7, energy_threshold=0.8, pleasantness_threshold=0.6)


def test_each_statement_has_its_own_threshold() -> None:
    found = clip((0.79, 0.61))
    assert found.kind is DecisionKind.ACCEPTED
    assert found.energy == AxisStatement(None, pytest.approx(0.79))
    assert found.pleasantness == AxisStatement(True, pytest.approx(0.61))
    assert found.direction is None


def test_direction_of_a_clip_stands_where_its_emotion_is_unsure() -> None:
    found = clip((0.1, 0.2), (0.05, 0.3), p=0.4)
    assert found.kind is DecisionKind.UNSURE
    assert found.direction is Direction.QUIET_UNPLEASANT


def test_windows_count_as_much_as_they_hold_speech() -> None:
    found = clip((0.9, 0.5), (0.1, 0.5), speech=(1.0, 0.4))
    assert found.energy is not None
    logs = np.average(np.log([[0.9, 0.1], [0.1, 0.9]]), axis=0, weights=[1.0, 0.4])
    assert found.energy.probability == pytest.approx(np.exp(logs[0]) / np.exp(logs).sum())


def test_clip_of_a_model_without_the_plane_has_no_statement_on_it() -> None:
    found = clip((None, None), (None, None))
    assert found.emotion is Emotion.HAPPY
    assert (found.energy, found.pleasantness, found.direction) == (None, None, None)


def test_clip_without_speech_claims_nothing() -> None:
    reading = Reading(48_000, 0.0, None)
    found = summarise(
        [WindowResult(reading, step(GateState(), reading, GateConfig())[1], NOTHING_SUSTAINED)],
        threshold=0.7,
        notice="It ends.",
    )
    assert (found.kind, found.emotion, found.energy, found.pleasantness) == ("no speech", None, None, None)
    assert found.notice == "It ends."


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20))
def test_side_of_a_clip_is_claimed_only_as_surely_as_asked(energies: list[float]) -> None:
    found = clip(*((p, None) for p in energies)).energy
    assert found is not None
    assert 0.0 <= found.probability <= 1.0
    if found.accepted is not None:
        assert found.confidence >= 0.8 - 1e-9
        assert found.accepted is (found.probability > 0.5)
    else:
        assert found.confidence < 0.8 + 1e-9


def test_words_count_only_where_there_is_nothing_longer() -> None:
    def result(energy: float, *, brief: bool) -> WindowResult:
        reading = Reading(48_000, 0.3, (0.125,) * 8, energy=energy, brief=brief)
        return WindowResult(reading, step(GateState(), reading, GateConfig())[1], NOTHING_SUSTAINED)

    word, talk = result(0.9, brief=True), result(0.2, brief=False)
    for windows, energy in (([word], 0.9), ([word, talk], 0.2)):
        found = summarise(windows, threshold=0.7).energy
        assert found is not None
        assert found.probability == pytest.approx(energy)
