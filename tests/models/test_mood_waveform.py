"""The outline of a sound: peaks where they are, whatever the length, and cancelling."""

from __future__ import annotations

import numpy as np
import pytest
from tones import encoded

from core.errors import AnalysisCancelledError, AudioDecodeError
from models.mood.waveform import OUTLINE_SIZE, read_outline


def steps(seconds: float, rate_hz: int = 16_000) -> np.ndarray:
    """Silence, half scale, full scale; a third each."""
    third = round(seconds * rate_hz / 3)
    return np.repeat(np.array([0.0, 0.5, -1.0], dtype=np.float32), third)[:, np.newaxis]


@pytest.mark.parametrize("seconds", [3.0, 90.0, 600.0])
def test_peaks_stand_where_they_are(seconds: float) -> None:
    outline = read_outline(encoded(steps(seconds), 16_000), max_minutes=60)
    size = len(outline)
    assert size == min(OUTLINE_SIZE, -(-round(seconds * 16_000) // 1024))
    assert set(outline[: size // 3 - 1]) == {0}
    assert set(outline[size // 3 + 1 : 2 * size // 3 - 1]) == {128}
    assert set(outline[2 * size // 3 + 1 :]) == {255}


def test_the_loudest_channel_counts() -> None:
    sound = np.concatenate([0.1 * np.ones((4_096, 1)), 0.8 * np.ones((4_096, 1))], axis=1)
    assert set(read_outline(encoded(sound, 44_100), max_minutes=1)) == {204}


def test_progress_is_told_and_cancelling_ends_it() -> None:
    content = encoded(steps(60.0), 16_000)
    told: list[float] = []
    read_outline(content, max_minutes=2, on_progress=lambda done_s, _: told.append(done_s))
    assert told == sorted(told)
    assert told[-1] == 60.0
    with pytest.raises(AnalysisCancelledError, match=r"a\.wav was cancelled"):
        read_outline(content, max_minutes=2, name="a.wav", cancelled=lambda: True)


def test_what_is_no_sound_is_refused() -> None:
    with pytest.raises(AudioDecodeError, match="not sound"):
        read_outline(b"poem" * 99, max_minutes=1)
