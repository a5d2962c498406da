"""Owns the conditions of the report: the same windows on a worse way in, and sounds that go on for hours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from models.resample import Audio
from models.training.channel import add_noise, opus, pink_noise, reverberate, telephone, within_range

__all__ = ["CONDITIONS", "Condition", "play_on"]

Condition = Callable[[Audio, Sequence[Audio], np.random.Generator], Audio]
"""From a window, recorded noises (none: pink noise) and chance to the window as it arrives."""


def play_on(recordings: Sequence[Audio], samples: int, rng: np.random.Generator, *, layers: int = 1) -> Audio:
    """Play recordings one after the other in random order and loudness, for as long as is asked.

    Parameters
    ----------
    recordings
        At least one that is not empty.
    samples
        Length of what comes out.
    rng
        Of order and loudness (peak -20 to -1 dBFS).
    layers
        How many play at the same time.

    Returns
    -------
    ndarray
        float32, ``(samples,)``, [-1, 1].
    """
    mix = np.zeros(samples, dtype=np.float32)
    for _ in range(layers):
        position = 0
        order: Iterator[int] = iter(())
        while position < samples:
            index = next(order, None)
            if index is None:
                order = iter(rng.permutation(len(recordings)).tolist())
                continue
            sound = recordings[index][: samples - position]
            peak = float(np.abs(sound).max(initial=1e-6))
            mix[position : position + len(sound)] += sound * np.float32(
                10 ** (rng.uniform(-20, -1) / 20) / peak
            )
            position += len(sound)
    return within_range(mix)


def _noisy(snr_db: float) -> Condition:
    def apply(window: Audio, noises: Sequence[Audio], rng: np.random.Generator) -> Audio:
        return add_noise(window, _some_noise(len(window), noises, rng), snr_db)

    return apply


def _some_noise(samples: int, noises: Sequence[Audio], rng: np.random.Generator) -> Audio:
    """A stretch of a recording drawn by chance, looped where it is short; pink noise without any."""
    if not noises:
        return pink_noise(samples, rng)
    noise = noises[int(rng.integers(len(noises)))]
    start = int(rng.integers(len(noise)))
    stretch: Audio = noise[(start + np.arange(samples)) % len(noise)]
    return stretch


CONDITIONS: Final[dict[str, Condition]] = {
    "noise, 20 dB": _noisy(20.0),
    "noise, 10 dB": _noisy(10.0),
    "noise, 5 dB": _noisy(5.0),
    "telephone": lambda window, _noises, _rng: telephone(window),
    "Opus, 16 kbit/s": lambda window, _noises, _rng: opus(window),
    "room, RT60 0.3 s": lambda window, _noises, rng: reverberate(window, 0.3, rng),
    "room, RT60 0.8 s": lambda window, _noises, rng: reverberate(window, 0.8, rng),
}
"""Every condition by its name, mildest first within a kind."""
