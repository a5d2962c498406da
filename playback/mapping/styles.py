"""The styles of playlists, and which of them fit what is felt by default."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from core.directions import Direction, Feeling
from core.emotions import Emotion


class Style(StrEnum):
    """What a playlist is for."""

    CHILL = "chill"
    UPBEAT = "upbeat"
    UPLIFTING = "uplifting"
    CALMING = "calming"
    ENERGETIC = "energetic"
    EXCITING = "exciting"


class Strategy(StrEnum):
    """Whether music is like what is felt, or leads away from it."""

    MATCH = "match"
    LIFT = "lift"


MATCH: Final[Mapping[Feeling, tuple[Style, ...]]] = {
    Emotion.NEUTRAL: (Style.CHILL,),
    Emotion.CALM: (Style.CHILL,),
    Emotion.HAPPY: (Style.UPBEAT,),
    Emotion.SAD: (Style.CALMING,),
    Emotion.ANGRY: (Style.ENERGETIC,),
    Emotion.FEARFUL: (Style.CALMING,),
    Emotion.DISGUST: (Style.CALMING,),
    Emotion.SURPRISED: (Style.EXCITING,),
    Direction.LIVELY_PLEASANT: (Style.UPBEAT,),
    Direction.LIVELY_UNPLEASANT: (Style.ENERGETIC,),
    Direction.QUIET_PLEASANT: (Style.CHILL,),
    Direction.QUIET_UNPLEASANT: (Style.CALMING,),
    Direction.LIVELY: (Style.UPBEAT, Style.ENERGETIC),
    Direction.QUIET: (Style.CHILL,),
}
"""Styles that go with an emotion or a direction, the best first."""

LIFT: Final[Mapping[Feeling, tuple[Style, ...]]] = {
    Emotion.NEUTRAL: (Style.UPLIFTING,),
    Emotion.CALM: (Style.UPLIFTING,),
    Emotion.HAPPY: (Style.UPBEAT,),
    Emotion.SAD: (Style.UPLIFTING, Style.CALMING),
    Emotion.ANGRY: (Style.CALMING,),
    Emotion.FEARFUL: (Style.UPLIFTING, Style.CALMING),
    Emotion.DISGUST: (Style.UPLIFTING,),
    Emotion.SURPRISED: (Style.CALMING,),
    Direction.LIVELY_PLEASANT: (Style.UPBEAT,),
    Direction.LIVELY_UNPLEASANT: (Style.CALMING,),
    Direction.QUIET_PLEASANT: (Style.UPLIFTING,),
    Direction.QUIET_UNPLEASANT: (Style.UPLIFTING, Style.CALMING),
    Direction.LIVELY: (Style.CALMING,),
    Direction.QUIET: (Style.UPLIFTING,),
}
"""Styles that lead away from it, the best first."""
