"""Which feelings lie within which: derived from the plane, so that a direction is told from news."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.directions import DIRECTIONS, Direction, Feeling
from core.emotions import EMOTIONS, Emotion
from playback.mapping.feelings import FEELINGS, contains, continues, overlaps

FEELING = st.sampled_from(FEELINGS)


@pytest.mark.parametrize(
    ("direction", "within"),
    [
        (Direction.LIVELY_PLEASANT, {Emotion.HAPPY}),
        (Direction.LIVELY_UNPLEASANT, {Emotion.ANGRY, Emotion.FEARFUL}),
        (Direction.QUIET_PLEASANT, {Emotion.CALM}),
        (Direction.QUIET_UNPLEASANT, {Emotion.SAD}),
        (
            Direction.LIVELY,
            {
                *(Emotion.HAPPY, Emotion.ANGRY, Emotion.FEARFUL, Emotion.SURPRISED),
                *(Direction.LIVELY_PLEASANT, Direction.LIVELY_UNPLEASANT),
            },
        ),
        (
            Direction.QUIET,
            {
                *(Emotion.NEUTRAL, Emotion.CALM, Emotion.SAD),
                *(Direction.QUIET_PLEASANT, Direction.QUIET_UNPLEASANT),
            },
        ),
    ],
)
def test_a_direction_contains_what_lies_on_every_side_that_it_names(
    direction: Direction, within: set[Feeling]
) -> None:
    assert {one for one in FEELINGS if contains(direction, one)} == within


def test_there_are_eight_emotions_and_six_directions_to_follow() -> None:
    assert (*EMOTIONS, *DIRECTIONS) == FEELINGS
    assert len(set(FEELINGS)) == 14


@given(FEELING, FEELING)
def test_an_emotion_contains_nothing_and_nothing_contains_itself(one: Feeling, other: Feeling) -> None:
    assert not contains(one, one)
    if isinstance(one, Emotion):
        assert not contains(one, other)


@given(FEELING, FEELING, FEELING)
def test_containing_is_an_order(wide: Feeling, middle: Feeling, narrow: Feeling) -> None:
    assert not (contains(wide, middle) and contains(middle, wide))
    if contains(wide, middle) and contains(middle, narrow):
        assert contains(wide, narrow)


def test_a_feeling_goes_on_in_a_direction_that_contains_it_and_not_the_other_way_round() -> None:
    assert continues(Emotion.HAPPY, Emotion.HAPPY)
    assert continues(Emotion.HAPPY, Direction.LIVELY_PLEASANT)
    assert continues(Emotion.HAPPY, Direction.LIVELY)
    assert continues(Direction.LIVELY_PLEASANT, Direction.LIVELY)
    assert not continues(Direction.LIVELY_PLEASANT, Emotion.HAPPY)
    assert not continues(Emotion.HAPPY, Direction.LIVELY_UNPLEASANT)
    assert not continues(Emotion.HAPPY, Direction.QUIET)
    assert not continues(Emotion.NEUTRAL, Direction.QUIET_UNPLEASANT)


@given(FEELING, FEELING)
def test_overlapping_is_mutual(one: Feeling, other: Feeling) -> None:
    assert overlaps(one, other) == overlaps(other, one)
    assert overlaps(one, other) == (one is other or contains(one, other) or contains(other, one))
