"""Emotions and directions that music can follow, and which of them lie within which. Pure."""

from __future__ import annotations

from itertools import product
from typing import Final

from core.directions import DIRECTIONS, ENERGETIC, PLEASANT, UNPLEASANT, Direction, Feeling, direction_of
from core.emotions import EMOTIONS, Emotion

FEELINGS: Final[tuple[Feeling, ...]] = (*EMOTIONS, *DIRECTIONS)
"""All that music can follow: the eight emotions, then the six directions."""

_Axes = tuple[bool | None, bool | None]
"""Lively and pleasant: True, False, or None where it is neither (an emotion) or not known (a direction)."""


def _axes() -> dict[Feeling, _Axes]:
    found: dict[Feeling, _Axes] = {}
    for emotion in EMOTIONS:
        lively = None if emotion is Emotion.DISGUST else emotion in ENERGETIC
        pleasant = emotion in PLEASANT if emotion in PLEASANT | UNPLEASANT else None
        found[emotion] = lively, pleasant
    for lively, pleasant in product((True, False), (True, False, None)):
        direction = direction_of(lively, pleasant)
        assert direction is not None  # the energy is known
        found[direction] = lively, pleasant
    return found


_AXES: Final = _axes()


def contains(wide: Feeling, narrow: Feeling) -> bool:
    """Whether one feeling lies wholly within another, and is not the same.

    Only a direction contains anything. An emotion that is of neither side of an axis, such as neutral of
    pleasantness, lies within no direction that speaks of that axis: the direction then says something new.

    Examples
    --------
    >>> contains(Direction.LIVELY_PLEASANT, Emotion.HAPPY)
    True
    >>> contains(Direction.LIVELY, Direction.LIVELY_PLEASANT)
    True
    >>> contains(Direction.QUIET_UNPLEASANT, Emotion.NEUTRAL)
    False
    """
    if not isinstance(wide, Direction) or wide is narrow:
        return False
    pairs = zip(_AXES[wide], _AXES[narrow], strict=True)
    return all(wider is None or wider is narrower for wider, narrower in pairs)


def continues(feeling: Feeling, heard: Feeling) -> bool:
    """Whether what is heard is the same feeling: itself, or only a direction that contains it."""
    return heard is feeling or contains(heard, feeling)


def overlaps(one: Feeling, other: Feeling) -> bool:
    """Whether one of two feelings is, or contains, the other."""
    return continues(one, other) or contains(one, other)
