"""What music is to follow: the accepted emotion, else that of the talk, else the direction."""

from __future__ import annotations

import pytest

from engine import feeling_of
from models.emotion.labels import EMOTIONS, Emotion
from models.emotion.plane import Direction, Feeling
from realtime.snapshot import AxisStatement, Decision, DecisionKind, Tenor

HAPPY, CALM = Emotion.HAPPY, Emotion.CALM


def decision(
    emotion: Emotion | None = None, *, lively: bool | None = None, pleasant: bool | None = None
) -> Decision:
    return Decision(
        clock=48_000,
        kind=DecisionKind.UNSURE if emotion is None else DecisionKind.ACCEPTED,
        emotion=emotion,
        leading=emotion or CALM,
        confidence=0.8,
        smoothed=(1 / len(EMOTIONS),) * len(EMOTIONS),
        changed=False,
        reason="So it is.",
        energy=AxisStatement(lively, 0.5),
        pleasantness=AxisStatement(pleasant, 0.5),
    )


def talk(emotion: Emotion | None) -> Tenor:
    return Tenor(48_000, emotion, (1 / len(EMOTIONS),) * len(EMOTIONS), 12.0)


@pytest.mark.parametrize(
    ("now", "of_the_talk", "expected"),
    [
        (decision(HAPPY, lively=False, pleasant=False), talk(CALM), HAPPY),
        (decision(lively=True, pleasant=True), talk(CALM), CALM),
        (decision(lively=True, pleasant=True), talk(None), Direction.LIVELY_PLEASANT),
        (decision(lively=True, pleasant=False), None, Direction.LIVELY_UNPLEASANT),
        (decision(lively=False), None, Direction.QUIET),
        (decision(pleasant=True), talk(None), None),
        (decision(), None, None),
    ],
)
def test_the_accepted_emotion_goes_before_that_of_the_talk_and_both_before_the_direction(
    now: Decision, of_the_talk: Tenor | None, expected: Feeling | None
) -> None:
    assert feeling_of(now, of_the_talk) is expected


def test_a_model_without_the_plane_leaves_it_to_the_emotions() -> None:
    old = Decision(48_000, DecisionKind.UNSURE, None, CALM, 0.4, None, False, "So it is.")
    assert feeling_of(old, talk(CALM)) is CALM
    assert feeling_of(old, talk(None)) is None
