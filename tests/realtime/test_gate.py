"""The gate: abstains, smooths, keeps and gives up, as its settings say."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.settings import Settings
from models.emotion.labels import EMOTIONS, Emotion
from realtime.gate import GateConfig, GateState, gate_config, step
from realtime.snapshot import Decision, DecisionKind, Reading

HOP = 8_000
PROMPT = GateConfig(smoothing_s=0.0, min_dwell_s=0.0)


def reading(index: int, emotion: Emotion = Emotion.HAPPY, p: float = 0.9, speech: float = 1.0) -> Reading:
    rest = (1.0 - p) / 7
    return Reading(
        clock=48_000 + index * HOP,
        speech_share=speech,
        probabilities=tuple(p if label == emotion else rest for label in EMOTIONS),
    )


def run(readings: list[Reading], config: GateConfig) -> list[Decision]:
    state, decisions = GateState(), []
    for item in readings:
        state, decision = step(state, item, config)
        decisions.append(decision)
    return decisions


def test_gate_accepts_above_threshold_at_once_without_dwell_and_smoothing() -> None:
    (decision,) = run([reading(0, p=0.71)], PROMPT)
    assert decision.kind is DecisionKind.ACCEPTED
    assert decision.emotion is Emotion.HAPPY
    assert decision.confidence == pytest.approx(0.71)
    assert decision.changed


def test_gate_abstains_below_threshold_and_names_the_leader() -> None:
    (decision,) = run([reading(0, p=0.69)], PROMPT)
    assert decision.kind is DecisionKind.UNSURE
    assert decision.emotion is None
    assert decision.leading is Emotion.HAPPY
    assert "69%" in decision.reason
    assert "70%" in decision.reason


def test_gate_claims_nothing_without_speech_however_sure_the_model_is() -> None:
    (decision,) = run([reading(0, p=0.99, speech=0.2)], PROMPT)
    assert decision.kind is DecisionKind.NO_SPEECH
    assert decision.emotion is None
    assert decision.smoothed is None
    assert "20%" in decision.reason


def test_gate_waits_for_the_dwell_time() -> None:
    config = GateConfig(smoothing_s=0.0, min_dwell_s=1.0)
    kinds = [d.kind for d in run([reading(i) for i in range(4)], config)]
    assert kinds == [DecisionKind.UNSURE, DecisionKind.UNSURE, DecisionKind.ACCEPTED, DecisionKind.ACCEPTED]


def test_dwell_starts_anew_when_the_candidate_falters() -> None:
    config = GateConfig(smoothing_s=0.0, min_dwell_s=1.0)
    ps = [0.9, 0.9, 0.6, 0.9, 0.9, 0.9]
    accepted = [d.emotion is not None for d in run([reading(i, p=p) for i, p in enumerate(ps)], config)]
    assert accepted == [False, False, False, False, False, True]


def test_hysteresis_keeps_an_accepted_emotion_down_to_leave() -> None:
    ps = [0.9, 0.60, 0.56, 0.54, 0.60]
    decisions = run([reading(i, p=p) for i, p in enumerate(ps)], PROMPT)
    assert [d.emotion for d in decisions] == [Emotion.HAPPY] * 3 + [None] * 2
    assert "kept" in decisions[1].reason


def test_gate_changes_from_one_emotion_to_another_only_after_dwell() -> None:
    config = GateConfig(smoothing_s=0.0, min_dwell_s=0.5)
    emotions = [Emotion.HAPPY, Emotion.HAPPY, Emotion.SAD, Emotion.SAD]
    decisions = run([reading(i, e) for i, e in enumerate(emotions)], config)
    assert [d.emotion for d in decisions] == [None, Emotion.HAPPY, None, Emotion.SAD]
    assert [d.changed for d in decisions] == [False, True, True, True]


def test_silence_makes_the_gate_forget() -> None:
    decisions = run([reading(0), reading(1, speech=0.0), reading(2, p=0.6)], PROMPT)
    assert [d.emotion for d in decisions] == [Emotion.HAPPY, None, None]
    assert decisions[1].changed


def test_smoothing_weighs_by_elapsed_sample_clock_not_by_count() -> None:
    """Two half-second steps towards the same answer equal one full second."""
    config = GateConfig(smoothing_s=1.0, min_dwell_s=0.0)
    twice = run([reading(0), reading(1, Emotion.SAD), reading(2, Emotion.SAD)], config)[-1]
    once = run([reading(0), reading(2, Emotion.SAD)], config)[-1]
    assert twice.smoothed is not None
    assert once.smoothed is not None
    assert twice.smoothed == pytest.approx(once.smoothed, abs=0.03)


def test_one_odd_window_does_not_flip_a_smoothed_gate() -> None:
    config = GateConfig(smoothing_s=1.5, min_dwell_s=0.0)
    sequence = [reading(i) for i in range(6)] + [reading(6, Emotion.ANGRY)] + [reading(7)]
    assert all(d.emotion is not Emotion.ANGRY for d in run(sequence, config))


def test_config_follows_settings_and_override() -> None:
    settings = Settings(threshold=0.8, hysteresis=0.1)
    assert gate_config(settings).leave == pytest.approx(0.7)
    assert gate_config(settings, threshold=0.6).enter == 0.6
    assert gate_config(settings, threshold=0.6).leave == pytest.approx(0.5)


PROBABILITIES = st.lists(st.floats(0.0, 1.0), min_size=8, max_size=8).map(
    lambda raw: tuple((value + 1e-9) / (sum(raw) + 8e-9) for value in raw)
)


@given(
    answers=st.lists(st.tuples(PROBABILITIES, st.floats(0.0, 1.0)), min_size=1, max_size=40),
    enter=st.floats(0.3, 0.99),
    hysteresis=st.floats(0.0, 0.3),
    smoothing_s=st.floats(0.0, 5.0),
    min_dwell_s=st.floats(0.0, 3.0),
)
def test_gate_never_claims_what_it_must_not(
    answers: list[tuple[tuple[float, ...], float]],
    enter: float,
    hysteresis: float,
    smoothing_s: float,
    min_dwell_s: float,
) -> None:
    config = GateConfig(enter, max(0.0, enter - hysteresis), smoothing_s, min_dwell_s)
    readings = [
        Reading(clock=48_000 + i * HOP, speech_share=share, probabilities=p)
        for i, (p, share) in enumerate(answers)
    ]
    before: Emotion | None = None
    for item, decision in zip(readings, run(readings, config), strict=True):
        assert decision.reason
        assert decision.changed == (decision.emotion != before)
        if item.speech_share < config.min_speech_share:
            assert decision.kind is DecisionKind.NO_SPEECH
        if decision.smoothed is not None:
            assert math.isclose(sum(decision.smoothed), 1.0, rel_tol=1e-6)
        if decision.emotion is not None:
            needed = config.leave if decision.emotion == before else config.enter
            assert decision.confidence >= needed - 1e-9
        before = decision.emotion
