"""The plane of energy and pleasantness: its two axes, and the directions that music can follow on it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from core.emotions import Emotion

ENERGETIC: Final = frozenset({Emotion.HAPPY, Emotion.ANGRY, Emotion.FEARFUL, Emotion.SURPRISED})
"""Emotions of high energy; neutral, calm and sad are of low energy, disgust is of neither."""

PLEASANT: Final = frozenset({Emotion.CALM, Emotion.HAPPY})
UNPLEASANT: Final = frozenset({Emotion.SAD, Emotion.ANGRY, Emotion.FEARFUL, Emotion.DISGUST})
"""Neutral and surprised are neither pleasant nor unpleasant."""

ENERGY_WORDS: Final = ("lively", "quiet")
PLEASANTNESS_WORDS: Final = ("pleasant", "unpleasant")  # the two sides of each axis, the high one first


class Direction(StrEnum):
    """Where on the plane a voice is: one of four corners, or only its upper or lower half.

    The axes are arousal and valence of Russell, "A circumplex model of affect", Journal of Personality
    and Social Psychology 39(6), 1980.
    """

    LIVELY_PLEASANT = "lively and pleasant"
    LIVELY_UNPLEASANT = "lively and unpleasant"
    QUIET_PLEASANT = "quiet and pleasant"
    QUIET_UNPLEASANT = "quiet and unpleasant"
    LIVELY = "lively"
    QUIET = "quiet"


DIRECTIONS: Final[tuple[Direction, ...]] = tuple(Direction)

Feeling = Emotion | Direction  # what music can follow

_CORNERS: Final = {
    (True, True): Direction.LIVELY_PLEASANT,
    (True, False): Direction.LIVELY_UNPLEASANT,
    (False, True): Direction.QUIET_PLEASANT,
    (False, False): Direction.QUIET_UNPLEASANT,
    (True, None): Direction.LIVELY,
    (False, None): Direction.QUIET,
}


def direction_of(energetic: bool | None, pleasant: bool | None) -> Direction | None:
    """The direction that two accepted statements add up to; None where the energy is unsure.

    Parameters
    ----------
    energetic, pleasant
        What was accepted about energy and about pleasantness; None where that is unsure.

    Examples
    --------
    >>> direction_of(True, None)
    <Direction.LIVELY: 'lively'>
    >>> direction_of(None, True) is None
    True
    """
    return None if energetic is None else _CORNERS[energetic, pleasant]
