"""Ten minutes of what is no voice: no emotion is ever accepted, the model is not even asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.false_alarms import count, hear
from core.emotions import Emotion
from realtime.clip_summary import ClipEmotion
from realtime.snapshot import AxisStatement, Decision, DecisionKind, Reading, SustainedEmotion, WindowResult
from training.speed.synthetic_sounds import VOICELESS


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", VOICELESS)
def test_ten_minutes_without_a_voice_give_no_emotion(name: str) -> None:
    figures = count(hear(VOICELESS[name](600.0)))
    assert figures["windows"] == 1_195
    assert figures["emotions_accepted"] == 0
    assert figures["energy_accepted"] == figures["pleasantness_accepted"] == 0
    assert figures["windows_with_speech"] == 0


def test_a_side_of_an_axis_that_is_taken_up_counts_once() -> None:
    unsure = Decision(16_000, DecisionKind.UNSURE, None, Emotion.SAD, 0.5, (0.125,) * 8, False, "")
    lively, quiet = (AxisStatement(side, 0.9 if side else 0.1) for side in (True, False))
    decisions = [
        unsure,
        replace(unsure, energy=lively, pleasantness=AxisStatement(None, 0.5)),
        replace(unsure, energy=lively),
        replace(unsure, energy=quiet),
    ]
    reading, sustained = Reading(16_000, 1.0, (0.125,) * 8), SustainedEmotion(16_000, None, (0.125,) * 8, 1.0)
    windows = tuple(WindowResult(reading, decision, sustained) for decision in decisions)
    figures = count(ClipEmotion(DecisionKind.UNSURE, Emotion.SAD, 0.5, (0.125,) * 8, windows))
    assert (figures["energy_accepted"], figures["pleasantness_accepted"]) == (2, 0)
    assert figures["emotions_accepted"] == 0
