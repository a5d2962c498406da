"""The one window of a clip: the voice stands in its middle, however it is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from training.data.window import active_range, centre_window, voice_window


def clip(*, before: int, voice: int, after: int, level: float = 0.5) -> np.ndarray:
    """A tone with silence around it, whole frames of 20 ms each."""
    tone = level * np.sin(2 * np.pi * 440 * np.arange(voice) / 16_000)
    return np.pad(tone, (before, after)).astype(np.float32)


def test_voice_stands_in_the_middle() -> None:
    audio = np.zeros(90_000, dtype=np.float32)
    audio[60_000:70_000] = 1.0
    window = voice_window(audio, (60_000, 70_000))
    assert window.shape == (48_000,)
    assert np.flatnonzero(window)[[0, -1]].tolist() == [19_000, 28_999]


def test_short_clip_lies_in_silence() -> None:
    window = voice_window(np.ones(100, dtype=np.float32), (0, 100))
    assert window.sum() == 100
    assert window[23_950:24_050].all()


@pytest.mark.parametrize(("before", "after"), [(0, 64_000), (64_000, 0), (3_200, 3_200), (0, 0)])
def test_the_voice_is_found_wherever_the_clip_has_it(before: int, after: int) -> None:
    audio = clip(before=before, voice=16_000, after=after)
    assert active_range(audio) == (before, before + 16_000)
    window = centre_window(audio)
    assert np.flatnonzero(np.abs(window) > 0.01)[[0, -1]] == pytest.approx([16_000, 31_999], abs=5)


def test_the_range_is_the_same_at_any_level_and_for_samples_as_they_are_kept() -> None:
    audio = clip(before=9_600, voice=12_800, after=25_600, level=0.3)
    kept = np.round(audio * 32_768).astype(np.int16)
    assert active_range(kept) == active_range(kept / np.float32(32_768)) == active_range(audio * 1e-3)


def test_what_is_35_db_below_the_loudest_is_no_voice() -> None:
    loud, hum = clip(before=0, voice=8_000, after=0), clip(before=0, voice=8_000, after=0, level=0.5e-2)
    assert active_range(np.concatenate([hum, loud, hum])) == (8_000, 16_000)


@pytest.mark.parametrize("samples", [1, 10, 319, 321])
def test_a_scrap_and_silence_are_taken_whole(samples: int) -> None:
    assert active_range(np.zeros(samples, dtype=np.float32))[0] == 0
    assert centre_window(np.ones(samples, dtype=np.float32)).sum() == pytest.approx(samples)
