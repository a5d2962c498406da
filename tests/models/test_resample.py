"""Resampling: the same samples for any block size, and the right pitch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import AudioDecodeError
from models.resample import SAMPLE_RATE_HZ, MonoResampler

RATES_HZ = [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000]


def resample(signal: np.ndarray, rate_hz: int, blocks: list[int]) -> np.ndarray:
    resampler = MonoResampler(rate_hz, signal.shape[1])
    out, start = [], 0
    while start < len(signal):
        size = blocks[len(out) % len(blocks)]
        out.append(resampler.process(signal[start : start + size]))
        start += size
    return np.concatenate([*out, resampler.finish()])


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(RATES_HZ), st.lists(st.integers(1, 5_000), min_size=1, max_size=5))
def test_block_size_does_not_change_a_bit(rate_hz: int, blocks: list[int]) -> None:
    signal = np.random.default_rng(0).uniform(-0.5, 0.5, (rate_hz // 2, 2)).astype(np.float32)
    whole = resample(signal, rate_hz, [len(signal)])
    assert abs(len(whole) - len(signal) * SAMPLE_RATE_HZ / rate_hz) <= 1.0
    np.testing.assert_array_equal(resample(signal, rate_hz, blocks), whole)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("channels", [1, 8])
def test_sine_keeps_pitch_and_level(rate_hz: int, channels: int) -> None:
    time_s = np.arange(rate_hz) / rate_hz
    wave = 0.5 * np.sin(2 * np.pi * 1_000 * time_s)
    signal = np.repeat(wave[:, np.newaxis], channels, axis=1).astype(np.float32)
    audio = resample(signal, rate_hz, [1_024])
    spectrum = np.abs(np.fft.rfft(audio))
    assert int(spectrum.argmax()) == 1_000
    assert np.sqrt(np.mean(audio[1_000:-1_000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)


def test_nan_becomes_silence_and_does_not_poison_what_follows() -> None:
    signal = np.full((4_800, 1), 0.1, dtype=np.float32)
    signal[100] = np.nan
    signal[200] = np.inf
    audio = resample(signal, 48_000, [480])
    assert np.isfinite(audio).all()
    assert audio[800:1_500] == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(("rate_hz", "channels"), [(7_999, 1), (192_001, 1), (16_000, 0), (16_000, 9)])
def test_rates_and_channels_out_of_range_are_refused_by_value(rate_hz: int, channels: int) -> None:
    with pytest.raises(AudioDecodeError, match=str(rate_hz if channels == 1 else channels)):
        MonoResampler(rate_hz, channels)


def test_block_of_another_shape_is_refused() -> None:
    with pytest.raises(AudioDecodeError, match=r"\(10, 2\)"):
        MonoResampler(16_000, 1).process(np.zeros((10, 2), dtype=np.float32))
