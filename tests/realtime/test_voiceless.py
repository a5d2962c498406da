"""Ten minutes of what is no voice: no emotion is ever accepted, the model is not even asked."""

from __future__ import annotations

import pytest

from benchmarks.false_alarms import count, hear
from benchmarks.sounds import VOICELESS


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", VOICELESS)
def test_ten_minutes_without_a_voice_give_no_emotion(name: str) -> None:
    figures = count(hear(VOICELESS[name](600.0)))
    assert figures["windows"] == 1_195
    assert figures["emotions_accepted"] == 0
    assert figures["windows_with_speech"] == 0
