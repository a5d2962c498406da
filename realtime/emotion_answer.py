"""What programs are told about a recording beside its emotion: the music for it, and whether that is sure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.emotions import Emotion
from core.text import percent
from realtime.clip_summary import ClipEmotion
from realtime.snapshot import DecisionKind

MUSIC_MOODS: Final[Mapping[Emotion, str]] = {
    Emotion.NEUTRAL: "chill",
    Emotion.CALM: "relaxing",
    Emotion.HAPPY: "upbeat",
    Emotion.SAD: "uplifting",
    Emotion.ANGRY: "energetic",
    Emotion.FEARFUL: "calming",
    Emotion.DISGUST: "neutral",
    Emotion.SURPRISED: "exciting",
}
"""Emotion -> mood of the music for it, as the HTTP API of "AI Music Mood Detection" names them.

What Attune itself plays is decided by `playback.mapping`, and by the user."""


class AnswerStatus(StrEnum):
    """Whether an emotion is sure enough to act on."""

    SUCCESS = "success"
    LOW_CONFIDENCE = "low_confidence"  # also where no voice was heard


@dataclass(frozen=True, slots=True)
class EmotionAnswer:
    """What goes with the emotion of a recording."""

    music_mood: str | None  # of the likeliest emotion, however unsure; None without one
    status: AnswerStatus
    warning: str | None  # one sentence on why it is not sure; None where it is


def emotion_answer(clip: ClipEmotion, threshold: float) -> EmotionAnswer:
    """Derive what goes with the emotion of a recording.

    Parameters
    ----------
    clip
        The recording's answer.
    threshold
        Confidence from which its emotion was accepted, 0 to 1.
    """
    music_mood = None if clip.emotion is None else MUSIC_MOODS[clip.emotion]
    if clip.kind is DecisionKind.ACCEPTED:
        return EmotionAnswer(music_mood, AnswerStatus.SUCCESS, None)
    return EmotionAnswer(music_mood, AnswerStatus.LOW_CONFIDENCE, _warning(clip, threshold))


def _warning(clip: ClipEmotion, threshold: float) -> str:
    if clip.emotion is not None:
        return (
            f"The emotion is unsure: {clip.emotion} reaches {percent(clip.confidence)}, "
            f"and {percent(threshold)} are needed."
        )
    if any(window.reading.only_music for window in clip.windows):
        return "No voice stands out from the music, so no emotion is named."
    return "No speech was heard, so no emotion is named."
