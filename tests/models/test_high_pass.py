"""The high-pass: offsets and rumble go, voices stay, in any block size."""

from __future__ import annotations

import numpy as np
import pytest

from models.high_pass import HighPass

RATE_HZ = 16_000


def filtered(audio: np.ndarray, block: int = 320) -> np.ndarray:
    high_pass = HighPass()
    parts = [high_pass.process(audio[start : start + block]) for start in range(0, len(audio), block)]
    return np.concatenate(parts)


def tone(frequency_hz: float, seconds: float = 3.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ).astype(np.float32)


@pytest.mark.parametrize(
    ("frequency_hz", "gain_db"), [(2.0, -40.0), (10.0, -12.3), (20.0, -3.0), (40.0, -0.26), (1_000.0, 0.0)]
)
def test_gain_is_that_of_a_butterworth_filter_of_second_order(frequency_hz: float, gain_db: float) -> None:
    level = np.square(filtered(tone(frequency_hz))[RATE_HZ : 2 * RATE_HZ]).mean() / 0.5
    assert 10 * np.log10(level) == pytest.approx(gain_db, abs=0.1)


@pytest.mark.parametrize("offset", [0.1, -0.9])
def test_an_offset_from_the_start_leaves_nothing(offset: float) -> None:
    assert np.abs(filtered(np.full(RATE_HZ, offset, dtype=np.float32))).max() < 1e-6


def test_an_offset_that_comes_later_fades() -> None:
    audio = np.concatenate([np.zeros(1_000), np.full(RATE_HZ, 0.5)]).astype(np.float32)
    assert np.abs(filtered(audio)[1_000 + RATE_HZ // 4 :]).max() < 1e-6


@pytest.mark.parametrize("block", [1, 127, 128, 129, 1_000, 10**6])
def test_block_size_does_not_change_a_bit(block: int) -> None:
    audio = np.random.default_rng(0).standard_normal(3_000).astype(np.float32) + np.float32(0.3)
    np.testing.assert_array_equal(filtered(audio, block), filtered(audio))


def test_nothing_in_nothing_out() -> None:
    assert HighPass().process(np.zeros(0, dtype=np.float32)).shape == (0,)
