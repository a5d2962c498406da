"""Sounds without a voice, synthesised: what must never be taken for an emotion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from models.resample import SAMPLE_RATE_HZ, Audio

_CHORDS_HZ: Final = (
    (220.0, 261.6, 329.6),
    (174.6, 220.0, 261.6),
    (196.0, 246.9, 293.7),
    (164.8, 196.0, 246.9),
)
_SCALE_HZ: Final = (440.0, 523.3, 587.3, 659.3, 784.0, 880.0)
_BEAT_S: Final = 0.5


def silence(seconds: float) -> Audio:
    """Digital silence."""
    return np.zeros(round(seconds * SAMPLE_RATE_HZ), dtype=np.float32)


def key_clicks(seconds: float) -> Audio:
    """Somebody typing: decaying bursts of noise, a press and a fainter release, over a quiet room."""
    rng = np.random.default_rng(0)
    audio = 0.001 * rng.standard_normal(round(seconds * SAMPLE_RATE_HZ))
    start_s = 0.1
    while start_s < seconds - 0.3:
        length = round(rng.uniform(0.004, 0.02) * SAMPLE_RATE_HZ)
        burst = rng.standard_normal(length) * np.exp(-np.arange(length) / (length / 5))
        for delay_s, gain in ((0.0, rng.uniform(0.1, 0.5)), (rng.uniform(0.06, 0.12), 0.15)):
            first = round((start_s + delay_s) * SAMPLE_RATE_HZ)
            audio[first : first + length] += gain * burst
        start_s += rng.gamma(2.0, 0.09)
    return np.clip(audio, -1.0, 1.0).astype(np.float32)


def instrumental_music(seconds: float, *, seed: int = 0) -> Audio:
    """A band: chords with harmonics, a plucked melody with vibrato, a beat of noise."""
    rng = np.random.default_rng(seed)
    beat = round(_BEAT_S * SAMPLE_RATE_HZ)
    time_s = np.arange(2 * beat) / SAMPLE_RATE_HZ
    pluck = np.exp(-4.0 * time_s)
    audio = np.zeros(round(seconds * SAMPLE_RATE_HZ) + 2 * beat)
    for index, first in enumerate(range(0, len(audio) - 2 * beat, beat)):
        chord = _CHORDS_HZ[index // 4 % len(_CHORDS_HZ)]
        melody_hz = rng.choice(_SCALE_HZ)
        vibrato = 0.3 * np.sin(2 * np.pi * 5.0 * time_s)
        sound = sum(_harmonic(note_hz, time_s) for note_hz in chord) * np.hanning(2 * beat) * 0.05
        sound += 0.15 * pluck * np.sin(2 * np.pi * melody_hz * time_s + vibrato)
        sound += 0.05 * rng.standard_normal(2 * beat) * np.exp(-60.0 * time_s)
        audio[first : first + 2 * beat] += sound
    return np.clip(audio[: round(seconds * SAMPLE_RATE_HZ)], -1.0, 1.0).astype(np.float32)


def _harmonic(pitch_hz: float, time_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    order = np.arange(1, 6)[:, np.newaxis]
    tones = np.sin(2 * np.pi * pitch_hz * order * time_s) / order**1.5  # (5, samples)
    mixed: npt.NDArray[np.float64] = tones.sum(axis=0)
    return mixed


VOICELESS: Final[Mapping[str, Callable[..., Audio]]] = {
    "silence": silence,
    "key clicks": key_clicks,
    "instrumental music": instrumental_music,
}
"""Name -> maker, called with seconds."""
