"""The eight emotions, in the order of every probability vector of this project."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Emotion(StrEnum):
    """One of the eight emotions of RAVDESS, in its code order 01..08.

    Source: Livingstone and Russo, "The Ryerson Audio-Visual Database of Emotional Speech and
    Song (RAVDESS)", PLoS ONE 13(5), 2018.
    """

    NEUTRAL = "neutral"
    CALM = "calm"
    HAPPY = "happy"
    SAD = "sad"
    ANGRY = "angry"
    FEARFUL = "fearful"
    DISGUST = "disgust"
    SURPRISED = "surprised"


EMOTIONS: Final[tuple[Emotion, ...]] = tuple(Emotion)
