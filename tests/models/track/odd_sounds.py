"""Sounds that have neither a pulse nor a key."""

from __future__ import annotations

import numpy as np

from models.resample import SAMPLE_RATE_HZ
from training.speed.synthetic_sounds import instrumental_music


def _noise(seconds: float, slope: float, peak: float = 0.3) -> np.ndarray:
    size = round(seconds * SAMPLE_RATE_HZ)
    bins = np.fft.rfft(np.random.default_rng(5).standard_normal(size))
    noise = np.fft.irfft(bins / np.maximum(1.0, np.arange(size // 2 + 1)) ** slope, size)
    return (peak * noise / np.abs(noise).max()).astype(np.float32)


def _speech(seconds: float) -> np.ndarray:
    """Syllables of uneven length and pitch, with harmonics and a breath between phrases."""
    dice = np.random.default_rng(6)
    sound = np.zeros(round(seconds * SAMPLE_RATE_HZ))
    start_s = 0.1
    while start_s < seconds - 0.5:
        length_s = dice.uniform(0.08, 0.3)
        time_s = np.arange(round(length_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        pitch_hz = dice.uniform(90.0, 220.0) * (1.0 + dice.uniform(-0.4, 0.4) * time_s / length_s)
        phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
        voice = sum(dice.uniform(0.1, 1.0) / order * np.sin(order * phase) for order in range(1, 20))
        first = round(start_s * SAMPLE_RATE_HZ)
        sound[first : first + len(time_s)] += 0.1 * voice * np.hanning(len(time_s))
        start_s += length_s + dice.choice((0.0, 0.05, 0.5), p=(0.6, 0.3, 0.1)) * dice.uniform(0.5, 1.5)
    return sound.astype(np.float32)


ODD_SOUNDS = {
    "silence": np.zeros(10 * SAMPLE_RATE_HZ, dtype=np.float32),
    "one second": instrumental_music(1.0),
    "one sample": np.ones(1, dtype=np.float32),
    "white noise": _noise(20.0, 0.0),
    "brown noise": _noise(20.0, 1.0),
    "faint noise": _noise(20.0, 0.5, peak=1e-4),
    "speech": _speech(20.0),
    "an offset": np.full(10 * SAMPLE_RATE_HZ, 0.3, dtype=np.float32),
}
