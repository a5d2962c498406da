"""Every condition of the report: in range, the same by seed, noise for as long as is asked."""

from __future__ import annotations

import numpy as np
import pytest

from training.report.conditions import CONDITIONS, play_on

RATE_HZ = 16_000
WINDOW = 48_000


def tone(pitch_hz: float, level: float = 0.2) -> np.ndarray:
    return (level * np.sin(2 * np.pi * pitch_hz * np.arange(WINDOW) / RATE_HZ)).astype(np.float32)


def power(audio: np.ndarray) -> float:
    return float(np.mean(np.square(audio, dtype=np.float64)))


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_condition_gives_a_window_in_range_and_the_same_by_seed(name: str) -> None:
    for window in (tone(300.0, level=0.99), np.zeros(WINDOW, dtype=np.float32)):
        first, second = (CONDITIONS[name](window, [], np.random.default_rng(5)) for _ in range(2))
        assert first.shape == (WINDOW,)
        assert first.dtype == np.float32
        assert np.isfinite(first).all()
        assert np.abs(first).max() <= 1.0
        assert np.array_equal(first, second)


def test_short_noise_is_looped() -> None:
    noisy = CONDITIONS["noise, 5 dB"](tone(300.0), [tone(2000.0)[:700]], np.random.default_rng(0))
    added = noisy - tone(300.0)
    assert power(added[-700:]) == pytest.approx(power(added[:700]), rel=0.05)


def test_recordings_play_on_for_as_long_as_is_asked() -> None:
    mix = play_on([tone(300.0)[:5000], tone(600.0)[:3000]], 20_000, np.random.default_rng(0), layers=2)
    assert mix.shape == (20_000,)
    assert power(mix[-1000:]) > 0.0
    assert np.abs(mix).max() <= 1.0
