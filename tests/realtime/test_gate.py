"""The gate: abstains, smooths, keeps and gives up, as its settings say."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.directions import Direction
from core.emotions import EMOTIONS, Emotion
from core.settings import Settings
from realtime.gate import (
    GateConfig,
    GateState,
    Limits,
    StatementState,
    _step_statement,
    decide_again,
    gate_config,
    step,
)
from realtime.snapshot import AxisStatement, Decision, DecisionKind, Reading

HOP = 8_000
PROMPT = GateConfig(smoothing_s=0.0, min_dwell_s=0.0)


def reading(
    index: int,
    emotion: Emotion = Emotion.HAPPY,
    p: float = 0.9,
    speech: float = 1.0,
    energy: float | None = None,
    pleasantness: float | None = None,
) -> Reading:
    rest = (1.0 - p) / 7
    return Reading(
        clock=48_000 + index * HOP,
        speech_share=speech,
        probabilities=tuple(p if label == emotion else rest for label in EMOTIONS),
        energy=energy,
        pleasantness=pleasantness,
    )


def run(readings: list[Reading], config: GateConfig) -> list[Decision]:
    state, decisions = GateState(), []
    for item in readings:
        state, decision = step(state, item, config)
        decisions.append(decision)
    return decisions


def accepted(statement: AxisStatement | None) -> bool | None:
    assert statement is not None
    return statement.accepted


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
    assert "69\xa0%" in decision.reason
    assert "70\xa0%" in decision.reason


def test_gate_claims_nothing_without_speech_however_sure_the_model_is() -> None:
    (decision,) = run([reading(0, p=0.99, speech=0.2)], PROMPT)
    assert decision.kind is DecisionKind.NO_SPEECH
    assert decision.emotion is None
    assert decision.smoothed is None
    assert "20\xa0%" in decision.reason


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


def test_config_follows_settings() -> None:
    for threshold, leave in ((0.8, 0.7), (0.6, 0.5)):
        config = gate_config(Settings(threshold=threshold, hysteresis=0.1))
        assert config.enter == threshold
        assert config.leave == pytest.approx(leave)


def test_what_was_decided_is_decided_again_from_the_readings() -> None:
    sequence = [reading(i) for i in range(6)] + [reading(6, Emotion.ANGRY)] + [reading(7)]
    assert list(decide_again(sequence, GateConfig())) == run(sequence, GateConfig())
    stricter = decide_again(sequence, GateConfig(enter=0.99, leave=0.98))
    assert all(decision.emotion is None for decision in stricter)


def test_limits_of_the_plane_follow_settings_and_not_the_threshold_of_the_emotion() -> None:
    for threshold in (0.7, 0.5):
        config = gate_config(
            Settings(threshold=threshold, energy_threshold=0.9, pleasantness_threshold=0.7, hysteresis=0.1)
        )
        assert (config.energy.enter, config.pleasantness.enter) == (0.9, 0.7)
        assert config.energy.leave == pytest.approx(0.8)
        assert config.pleasantness.leave == pytest.approx(0.6)


def test_defaults_of_gate_and_settings_agree() -> None:
    assert gate_config(Settings()) == GateConfig(leave=0.7 - 0.15)


def test_side_is_not_kept_once_the_other_is_likelier_however_wide_the_hysteresis() -> None:
    settings = Settings(energy_threshold=0.6, hysteresis=0.3, smoothing_s=0.0, min_dwell_s=0.0)
    decisions = run([reading(0, energy=0.7), reading(1, energy=0.49)], gate_config(settings))
    assert [accepted(d.energy) for d in decisions] == [True, None]


def test_each_statement_is_accepted_or_unsure_by_itself() -> None:
    sure, unsure = run(
        [
            reading(0, p=0.9, energy=0.5, pleasantness=0.1),
            reading(6, p=0.3, energy=0.85, pleasantness=0.5),
        ],
        PROMPT,
    )
    assert (sure.kind, accepted(sure.energy), accepted(sure.pleasantness)) == ("accepted", None, False)
    assert (unsure.kind, accepted(unsure.energy), accepted(unsure.pleasantness)) == ("unsure", True, None)
    assert sure.direction is None  # music does not follow pleasantness alone
    assert unsure.direction is Direction.LIVELY


@pytest.mark.parametrize(
    ("energy", "pleasantness", "direction"),
    [
        (0.9, 0.9, Direction.LIVELY_PLEASANT),
        (0.9, 0.1, Direction.LIVELY_UNPLEASANT),
        (0.1, 0.9, Direction.QUIET_PLEASANT),
        (0.1, 0.1, Direction.QUIET_UNPLEASANT),
        (0.9, 0.6, Direction.LIVELY),
        (0.1, None, Direction.QUIET),
        (0.6, 0.9, None),
    ],
)
def test_accepted_statements_add_up_to_a_direction(
    energy: float, pleasantness: float | None, direction: Direction | None
) -> None:
    (decision,) = run([reading(0, p=0.4, energy=energy, pleasantness=pleasantness)], PROMPT)
    assert decision.direction is direction


@pytest.mark.parametrize("axis", ["energy", "pleasantness"])
@pytest.mark.parametrize("high", [True, False])
def test_hysteresis_keeps_each_side_of_each_axis_down_to_leave(axis: str, high: bool) -> None:
    ps = [0.79, 0.81, 0.70, 0.66, 0.64, 0.79]
    answers = [{axis: p if high else 1.0 - p} for p in ps]
    decisions = run([reading(i, p=0.3, **answer) for i, answer in enumerate(answers)], PROMPT)
    statements = [getattr(decision, axis) for decision in decisions]
    assert [s.accepted for s in statements] == [None, high, high, high, None, None]
    assert [s.confidence for s in statements] == pytest.approx(ps)


def test_axis_waits_for_the_dwell_time_and_changes_sides_only_after_it() -> None:
    config = GateConfig(smoothing_s=0.0, min_dwell_s=0.5)
    decisions = run([reading(i, energy=p) for i, p in enumerate([0.9, 0.9, 0.1, 0.1])], config)
    assert [accepted(d.energy) for d in decisions] == [None, True, None, False]


def test_statements_on_the_plane_are_smoothed_over_time_too() -> None:
    config = GateConfig(smoothing_s=1.5, min_dwell_s=0.0)
    sequence = [reading(i, energy=0.95) for i in range(6)] + [reading(6, energy=0.05)]
    decisions = run(sequence, config)
    assert all(accepted(d.energy) for d in decisions[:6])
    assert accepted(decisions[6].energy) is not False
    assert decisions[6].energy is not None
    assert 0.05 < decisions[6].energy.probability < 0.95


def test_without_speech_all_three_statements_are_forgotten() -> None:
    for silence in (reading(1, speech=0.0), Reading(56_000, 1.0, None, only_music=True)):
        sure, nothing, again = run(
            [
                reading(0, energy=0.9, pleasantness=0.9),
                silence,
                reading(2, p=0.6, energy=0.7, pleasantness=0.7),  # enough to be kept, not to be accepted
            ],
            PROMPT,
        )
        assert sure.direction is Direction.LIVELY_PLEASANT
        assert (nothing.energy, nothing.pleasantness, nothing.direction) == (None, None, None)
        assert nothing.changed
        assert (again.emotion, again.direction) == (None, None)


def test_model_without_the_plane_gets_no_statement_on_it() -> None:
    for decision in run([reading(i) for i in range(3)], PROMPT):
        assert decision.emotion is Emotion.HAPPY
        assert (decision.energy, decision.pleasantness, decision.direction) == (None, None, None)


def test_reason_says_what_is_sure_where_the_emotion_is_not() -> None:
    both, energy, pleasantness, none, sure = (
        run([item], PROMPT)[0].reason
        for item in (
            reading(0, p=0.5, energy=0.9, pleasantness=0.9),
            reading(0, p=0.5, energy=0.1, pleasantness=0.5),
            reading(0, p=0.5, energy=0.5, pleasantness=0.1),
            reading(0, p=0.5, energy=0.5, pleasantness=0.5),
            reading(0, p=0.9, energy=0.9, pleasantness=0.9),
        )
    )
    why = "but the emotion is unsure: happy leads with 50\xa0%; 70\xa0% is needed."
    assert both == f"Sounds lively and pleasant, {why}"
    assert energy == f"Sounds quiet, {why}"
    assert pleasantness == f"Sounds unpleasant, {why}"
    assert none == "Happy leads with 50\xa0%; 70\xa0% is needed."
    assert sure == "Happy leads with 90\xa0%, above 70\xa0%, for 0 s."


def test_reason_says_what_is_sure_while_an_emotion_waits_to_be_accepted() -> None:
    config = GateConfig(smoothing_s=0.0, min_dwell_s=0.5)
    waiting = [reading(0, p=0.5, energy=0.9), reading(1, p=0.9, energy=0.9)]
    assert run(waiting, config)[-1].reason == (
        "Sounds lively, but the emotion is unsure: happy leads with 90\xa0%, for 0 s; "
        "it is accepted after 0.5 s."
    )


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


def distributions(classes: int) -> st.SearchStrategy[tuple[float, ...]]:
    return st.lists(st.floats(0.0, 1.0), min_size=classes, max_size=classes).map(
        lambda raw: tuple((value + 1e-9) / (sum(raw) + classes * 1e-9) for value in raw)
    )


@given(
    answers=st.integers(2, 8).flatmap(
        lambda classes: st.lists(
            st.tuples(distributions(classes), st.integers(1, 40_000)), min_size=1, max_size=40
        )
    ),
    enter=st.floats(0.5, 0.99),
    hysteresis=st.floats(0.0, 0.3),
    smoothing_s=st.floats(0.0, 5.0),
    min_dwell_s=st.floats(0.0, 3.0),
)
def test_judge_never_claims_what_it_must_not_of_any_number_of_classes(
    answers: list[tuple[tuple[float, ...], int]],
    enter: float,
    hysteresis: float,
    smoothing_s: float,
    min_dwell_s: float,
) -> None:
    limits = Limits(enter, enter - hysteresis)
    state, clock = StatementState(), 48_000
    for probabilities, elapsed in answers:
        before, clock = state, clock + elapsed
        state = _step_statement(
            before, clock, probabilities, limits, smoothing_s=smoothing_s, min_dwell_s=min_dwell_s
        )
        now = state.probabilities
        assert math.isclose(sum(now), 1.0, rel_tol=1e-6)
        assert now[state.leading] == max(now)
        if state.accepted is None:
            continue
        if state.accepted == before.accepted:
            assert now[state.accepted] >= limits.leave
        else:
            assert now[state.accepted] == max(now) >= limits.enter
            assert (clock - state.since) / 16_000 >= min_dwell_s


AXIS = st.lists(st.one_of(st.none(), st.floats(0.0, 1.0)), min_size=1, max_size=40)


@given(energies=AXIS, smoothing_s=st.floats(0.0, 5.0), min_dwell_s=st.floats(0.0, 2.0))
def test_two_sides_of_an_axis_are_judged_alike(
    energies: list[float | None], smoothing_s: float, min_dwell_s: float
) -> None:
    """What is said of 1 - p is the opposite of what is said of p; of no answer nothing is said."""
    odd = Limits(math.sqrt(0.6), math.sqrt(0.4))  # no answer lies just on them, where rounding decides
    config = GateConfig(smoothing_s=smoothing_s, min_dwell_s=min_dwell_s, energy=odd)
    there = run([reading(i, energy=p) for i, p in enumerate(energies)], config)
    mirrored = [None if p is None else 1.0 - p for p in energies]
    back = run([reading(i, energy=p) for i, p in enumerate(mirrored)], config)
    for p, one, other in zip(energies, there, back, strict=True):
        if p is None:
            assert one.energy is other.energy is None
            continue
        assert one.energy is not None
        assert other.energy is not None
        assert one.energy.probability == pytest.approx(1.0 - other.energy.probability, abs=1e-6)
        assert (one.energy.accepted is None) == (other.energy.accepted is None)
        if one.energy.accepted is not None:
            assert one.energy.accepted is not other.energy.accepted


@given(emotions=st.lists(PROBABILITIES, min_size=5, max_size=5), energies=AXIS, pleasant=AXIS)
def test_no_statement_depends_on_the_others(
    emotions: list[tuple[float, ...]], energies: list[float | None], pleasant: list[float | None]
) -> None:
    def at(values: list[float | None], index: int) -> float | None:
        return values[index] if index < len(values) else None

    def readings(*, plane: bool) -> list[Reading]:
        return [
            Reading(
                clock=48_000 + i * HOP,
                speech_share=1.0,
                probabilities=p,
                energy=at(energies, i) if plane else None,
                pleasantness=at(pleasant, i) if plane else None,
            )
            for i, p in enumerate(emotions)
        ]

    config = GateConfig(enter=0.4, leave=0.3)
    for one, other in zip(run(readings(plane=True), config), run(readings(plane=False), config), strict=True):
        assert (one.kind, one.emotion, one.smoothed, one.changed) == (
            other.kind,
            other.emotion,
            other.smoothed,
            other.changed,
        )
    alone = run([reading(i, p=0.5, energy=at(energies, i)) for i in range(5)], config)
    together = run(readings(plane=True), config)
    assert [d.energy for d in alone] == [d.energy for d in together]


def test_a_word_may_be_accepted_though_the_window_holds_little_speech() -> None:
    word = replace(reading(0, p=0.9, speech=0.2), brief=True)
    (decision,) = run([word], PROMPT)
    assert decision.emotion is Emotion.HAPPY
    assert decision.brief


def test_words_do_not_decide_about_the_sentence_that_follows() -> None:
    words = [replace(reading(index, p=0.95, speech=0.2), brief=True) for index in range(3)]
    talk = [reading(index, p=0.5) for index in range(3, 6)]
    config = GateConfig(smoothing_s=2.0, min_dwell_s=0.0)
    found = run([*words, *talk], config)
    assert [one.kind for one in found] == [DecisionKind.ACCEPTED] * 3 + [DecisionKind.UNSURE] * 3
    assert found[3].changed
    assert [one.smoothed for one in found[3:]] == [one.smoothed for one in run(talk, config)]
