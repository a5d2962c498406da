"""The music follows the accepted emotion, else the sustained one, else the direction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.directions import Direction, Feeling
from core.emotions import EMOTIONS, Emotion
from realtime.response import feeling_to_follow
from realtime.snapshot import AxisStatement, Decision, DecisionKind, SustainedEmotion

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


def sustained(emotion: Emotion | None) -> SustainedEmotion:
    return SustainedEmotion(48_000, emotion, (1 / len(EMOTIONS),) * len(EMOTIONS), 12.0)


@pytest.mark.parametrize(
    ("now", "so_far", "expected"),
    [
        (decision(HAPPY, lively=False, pleasant=False), sustained(CALM), HAPPY),
        (decision(lively=True, pleasant=True), sustained(CALM), CALM),
        (decision(lively=True, pleasant=True), sustained(None), Direction.LIVELY_PLEASANT),
        (decision(lively=True, pleasant=False), None, Direction.LIVELY_UNPLEASANT),
        (decision(lively=False), None, Direction.QUIET),
        (decision(pleasant=True), sustained(None), None),
        (decision(), None, None),
    ],
)
def test_the_accepted_emotion_goes_before_the_sustained_one_and_both_before_the_direction(
    now: Decision, so_far: SustainedEmotion | None, expected: Feeling | None
) -> None:
    assert feeling_to_follow(now, so_far) is expected


def test_a_word_moves_no_music() -> None:
    word = replace(decision(HAPPY, lively=True, pleasant=True), brief=True)
    assert feeling_to_follow(word, sustained(CALM)) is CALM
    assert feeling_to_follow(word, sustained(None)) is None


def test_a_model_without_the_plane_leaves_it_to_the_emotions() -> None:
    old = Decision(48_000, DecisionKind.UNSURE, None, CALM, 0.4, None, False, "So it is.")
    assert feeling_to_follow(old, sustained(CALM)) is CALM
    assert feeling_to_follow(old, sustained(None)) is None
