"""The outline of a sound: peaks where they are, whatever the length and the blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.mood.waveform import OUTLINE_SIZE, Outline, Peaks


def steps(seconds: float, rate_hz: int = 16_000) -> np.ndarray:
    """Silence, half scale, full scale; a third each."""
    third = round(seconds * rate_hz / 3)
    return np.repeat(np.array([0.0, 0.5, -1.0], dtype=np.float32), third)[:, np.newaxis]


def outline_of(sound: np.ndarray, *blocks: int) -> Outline:
    """Hand it over in blocks of these lengths, again and again."""
    peaks, first = Peaks(), 0
    while first < len(sound):
        for frames in blocks or (65_536,):
            if len(part := sound[first : first + frames]):
                peaks.push(part)
            first += frames
    return peaks.outline()


@pytest.mark.parametrize("seconds", [3.0, 90.0, 600.0, 1_500.0])
def test_peaks_stand_where_they_are(seconds: float) -> None:
    outline = outline_of(steps(seconds))
    size = len(outline)
    assert size == min(OUTLINE_SIZE, -(-round(seconds * 16_000) // 1024))
    assert set(outline[: size // 3 - 1]) == {0}
    assert set(outline[size // 3 + 1 : 2 * size // 3 - 1]) == {128}
    assert set(outline[2 * size // 3 + 1 :]) == {255}


def test_the_loudest_channel_counts() -> None:
    sound = np.concatenate([0.1 * np.ones((4_096, 1)), 0.8 * np.ones((4_096, 1))], axis=1)
    assert set(outline_of(sound.astype(np.float32))) == {204}


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 40_000), min_size=1, max_size=4), st.integers(1, 100_000), st.integers(1, 3))
def test_blocks_do_not_change_the_outline(blocks: list[int], frames: int, channels: int) -> None:
    sound = np.random.default_rng(frames).uniform(-1, 1, (frames, channels)).astype(np.float32)
    np.testing.assert_array_equal(outline_of(sound, *blocks), outline_of(sound, frames))


def test_a_day_takes_no_more_room_than_a_minute() -> None:
    block = np.full((10_000_000, 1), 0.5, dtype=np.float32)
    peaks = Peaks()
    for _ in range(140):  # 24 hours at 16 kHz
        peaks.push(block)
    assert set(peaks.outline()) == {128}
    assert len(peaks.outline()) == OUTLINE_SIZE
    assert peaks._peaks.nbytes < 100_000
