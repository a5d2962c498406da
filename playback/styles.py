"""Owns the styles of playlists, and which of them fit an emotion by default."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from models.emotion.labels import Emotion

__all__ = ["LIFT", "MATCH", "Strategy", "Style"]


class Style(StrEnum):
    """What a playlist is for."""

    CHILL = "chill"
    UPBEAT = "upbeat"
    UPLIFTING = "uplifting"
    CALMING = "calming"
    ENERGETIC = "energetic"
    EXCITING = "exciting"


class Strategy(StrEnum):
    """Whether music is like the emotion, or leads away from it."""

    MATCH = "match"
    LIFT = "lift"


MATCH: Final[Mapping[Emotion, tuple[Style, ...]]] = {
    Emotion.NEUTRAL: (Style.CHILL,),
    Emotion.CALM: (Style.CHILL,),
    Emotion.HAPPY: (Style.UPBEAT,),
    Emotion.SAD: (Style.CALMING,),
    Emotion.ANGRY: (Style.ENERGETIC,),
    Emotion.FEARFUL: (Style.CALMING,),
    Emotion.DISGUST: (Style.CALMING,),
    Emotion.SURPRISED: (Style.EXCITING,),
}
"""Styles that go with an emotion, the best first."""

LIFT: Final[Mapping[Emotion, tuple[Style, ...]]] = {
    Emotion.NEUTRAL: (Style.UPLIFTING,),
    Emotion.CALM: (Style.UPLIFTING,),
    Emotion.HAPPY: (Style.UPBEAT,),
    Emotion.SAD: (Style.UPLIFTING, Style.CALMING),
    Emotion.ANGRY: (Style.CALMING,),
    Emotion.FEARFUL: (Style.UPLIFTING, Style.CALMING),
    Emotion.DISGUST: (Style.UPLIFTING,),
    Emotion.SURPRISED: (Style.CALMING,),
}
"""Styles that lead away from an unpleasant emotion, the best first."""
