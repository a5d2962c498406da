"""The conditions of the report: the same windows over a worse channel, and recordings played for hours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from models.resample import Audio
from training.channel import add_noise, opus, reverberate, telephone, within_range
from training.emotion.effects import some_noise

Condition = Callable[[Audio, Sequence[Audio], np.random.Generator], Audio]
"""From a window, recorded noises (none: pink noise) and a random generator to the window as it arrives."""


def play_on(recordings: Sequence[Audio], samples: int, rng: np.random.Generator, *, layers: int = 1) -> Audio:
    """Play recordings, so many at a time, in random order and loudness (peak -20 to -1 dBFS)."""
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
    return lambda window, noises, rng: add_noise(window, some_noise(rng, noises, len(window)), snr_db)


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
