"""What a person means who says that the emotion is wrong; what is remembered of the voice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.emotions import Emotion
from realtime.corrections import Stretch, stretch_to_correct
from realtime.recent_voice import KEPT_S, VoiceWindow, mean_of, remember
from realtime.snapshot import Decision, DecisionKind, Snapshot, SustainedEmotion

RATE = 16_000
ANGRY, CALM, SAD = Emotion.ANGRY, Emotion.CALM, Emotion.SAD
SILENCE = "silence"


def decision(second: float, said: Emotion | str | None) -> Decision:
    clock = round(second * RATE)
    if said == SILENCE:
        return Decision(clock, DecisionKind.NO_SPEECH, None, None, 0.0, None, False, "No speech.")
    emotion = None if said is None else Emotion(said)
    kind = DecisionKind.UNSURE if emotion is None else DecisionKind.ACCEPTED
    return Decision(clock, kind, emotion, emotion or CALM, 0.8, (0.125,) * 8, False, "So it is.")


def heard(*said: Emotion | str | None, sustained: Emotion | None = None) -> Snapshot:
    """One decision a second, the first at 3 s."""
    history = tuple(decision(3.0 + number, one) for number, one in enumerate(said))
    adds_up = SustainedEmotion(history[-1].clock, sustained, (0.125,) * 8, 10.0) if history else None
    return Snapshot(
        session_id=7,
        clock=history[-1].clock if history else 0,
        decision=history[-1] if history else None,
        sustained=adds_up,
        history=history,
    )


def stretch(begins_s: float, ends_s: float, said: Emotion | None) -> Stretch:
    return Stretch(7, round(begins_s * RATE), round(ends_s * RATE), said)


def test_what_is_claimed_now_is_meant_from_its_beginning() -> None:
    found = stretch_to_correct(heard(CALM, None, ANGRY, ANGRY, ANGRY))
    assert found == stretch(5.0, 7.0, ANGRY)
    assert found is not None
    assert found.length_s == 2.0


def test_a_pause_between_sentences_does_not_end_it_and_a_long_one_does() -> None:
    paused = heard(ANGRY, SILENCE, SILENCE, SILENCE, ANGRY, SILENCE)
    assert stretch_to_correct(paused) == stretch(3.0, 7.0, ANGRY)
    apart = heard(ANGRY, *[SILENCE] * 4, ANGRY)
    assert stretch_to_correct(apart) == stretch(8.0, 8.0, ANGRY)


def test_a_claim_that_has_just_ended_is_meant_rather_than_the_doubt_after_it() -> None:
    assert stretch_to_correct(heard(ANGRY, ANGRY, None, None)) == stretch(3.0, 4.0, ANGRY)
    assert stretch_to_correct(heard(None, None, SILENCE)) == stretch(3.0, 4.0, None)
    assert stretch_to_correct(heard(ANGRY, *[None] * 25)) == stretch(4.0, 28.0, None)


def test_what_the_last_half_minute_adds_up_to_is_meant_where_that_is_shown() -> None:
    adds_up = heard(*[None] * 50, SILENCE, sustained=SAD)
    assert stretch_to_correct(adds_up) == stretch(23.0, 52.0, SAD)
    claimed = heard(None, None, ANGRY, sustained=SAD)
    assert stretch_to_correct(claimed) == stretch(5.0, 5.0, ANGRY)


def test_there_is_nothing_to_correct_where_nothing_was_said_or_recorded() -> None:
    assert stretch_to_correct(Snapshot()) is None
    assert stretch_to_correct(heard(SILENCE, SILENCE)) is None
    assert stretch_to_correct(heard(ANGRY, *[SILENCE] * 21)) is None
    assert stretch_to_correct(replace(heard(ANGRY), session_id=None)) is None


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.lists(st.sampled_from([ANGRY, CALM, None, SILENCE]), max_size=120), st.sampled_from([None, SAD]))
def test_a_stretch_holds_only_windows_of_which_its_claim_was_made(
    said: list[Emotion | str | None], sustained: Emotion | None
) -> None:
    snapshot = heard(*said, sustained=sustained)
    found = stretch_to_correct(snapshot)
    if found is None:
        return
    within = [one for one in snapshot.history if found.from_clock <= one.clock <= found.to_clock]
    assert found.length_s <= KEPT_S
    assert found.to_clock >= snapshot.clock - 20 * RATE
    assert within[0].kind is not DecisionKind.NO_SPEECH
    if found.said is not SAD:
        spoken = [one for one in within if one.kind is not DecisionKind.NO_SPEECH]
        assert {one.emotion for one in spoken} == {found.said}


def window(second: float, value: float) -> VoiceWindow:
    return VoiceWindow(round(second * RATE), np.full(8, value, np.float32), np.full(4, -value, np.float32))


def test_a_minute_of_voice_is_remembered_and_averaged_over_a_stretch() -> None:
    windows: tuple[VoiceWindow, ...] = ()
    for second in range(200):
        windows = remember(windows, window(second, float(second)))
    assert [one.clock // RATE for one in windows] == list(range(139, 200))
    mean = mean_of(windows, 150 * RATE, 153 * RATE)
    assert mean is not None
    assert (mean.clock, mean.windows) == (153 * RATE, 4)
    assert mean.logits.tolist() == [151.5] * 8
    assert mean.embedding.dtype == np.float32
    assert mean_of(windows, 0, 100 * RATE) is None
