"""What goes with the emotion of a recording: a mood of music, a status, and a warning where it is unsure."""

from __future__ import annotations

import pytest

from core.emotions import EMOTIONS, Emotion
from realtime.clip_summary import ClipEmotion
from realtime.emotion_answer import MUSIC_MOODS, AnswerStatus, EmotionAnswer, emotion_answer
from realtime.snapshot import Decision, DecisionKind, Reading, SustainedEmotion, WindowResult


def clip(
    kind: DecisionKind, emotion: Emotion | None, confidence: float, *windows: WindowResult
) -> ClipEmotion:
    return ClipEmotion(kind, emotion, confidence, None, windows)


def test_every_emotion_has_a_mood_of_music() -> None:
    assert tuple(MUSIC_MOODS) == EMOTIONS


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_accepted_emotion_is_a_success_without_a_warning(emotion: Emotion) -> None:
    answer = emotion_answer(clip(DecisionKind.ACCEPTED, emotion, 0.9), 0.7)
    assert answer == EmotionAnswer(MUSIC_MOODS[emotion], AnswerStatus.SUCCESS, None)


def test_unsure_emotion_keeps_its_mood_and_says_what_is_missing() -> None:
    answer = emotion_answer(clip(DecisionKind.UNSURE, Emotion.SAD, 0.55), 0.7)
    assert (answer.music_mood, answer.status) == ("uplifting", AnswerStatus.LOW_CONFIDENCE)
    assert answer.warning == "The emotion is unsure: sad reaches 55\xa0%, and 70\xa0% are needed."


@pytest.mark.parametrize(
    ("only_music", "warning"),
    [
        (False, "No speech was heard, so no emotion is named."),
        (True, "No voice stands out from the music, so no emotion is named."),
    ],
)
def test_without_a_voice_there_is_no_mood(only_music: bool, warning: str) -> None:
    window = WindowResult(
        Reading(48_000, 0.0, None, only_music=only_music),
        Decision(48_000, DecisionKind.NO_SPEECH, None, None, 0.0, None, False, ""),
        SustainedEmotion(48_000, None, (0.125,) * 8, 0.0),
    )
    answer = emotion_answer(clip(DecisionKind.NO_SPEECH, None, 0.0, window), 0.7)
    assert answer == EmotionAnswer(None, AnswerStatus.LOW_CONFIDENCE, warning)
