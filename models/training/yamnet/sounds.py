"""Owns what students of YAMNet hear: pieces of recordings at any speed and level, alone or mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.training.yamnet.network import LEAST_PEAK

__all__ = ["PieceSettings", "random_windows"]

Audio = NDArray[np.float32]


@dataclass(frozen=True)
class PieceSettings:
    """Every knob of the windows.

    Attributes
    ----------
    fastest
        Recordings are played up to so many times as fast, or as slow, >= 1: other voices, other rooms.
    mixed_share, under_db
        Share of windows with a second recording, and the range of its level under the first, dB.
    quiet_share, quietest
        Share of windows below full level, and the lowest peak of those relative to it, (0, 1].
    """

    fastest: float = 1.4
    mixed_share: float = 0.5
    under_db: tuple[float, float] = (0.0, 30.0)
    quiet_share: float = 0.15
    quietest: float = 0.05


def random_windows(
    rng: np.random.Generator,
    recordings: Sequence[Audio],
    count: int,
    samples: int,
    *,
    peak: float,
    knobs: PieceSettings | None = None,
) -> Audio:
    """Windows drawn by chance from recordings.

    Parameters
    ----------
    rng
        Source of every choice.
    recordings
        float32 at 16 kHz; each is as likely as any other. What is shorter than a window lies somewhere in it,
        in silence.
    count, samples
        How many windows, and how long each.
    peak
        Full level.
    knobs
        How much of everything.

    Returns
    -------
    ndarray
        float32, ``(count, samples)``.
    """
    knobs = knobs or PieceSettings()
    windows = np.empty((count, samples), dtype=np.float32)
    for row in range(count):
        window = _piece(rng, recordings, samples, knobs)
        if rng.random() < knobs.mixed_share:
            under = 10.0 ** (-rng.uniform(*knobs.under_db) / 20.0)
            window = window + under * _piece(rng, recordings, samples, knobs)
        level = rng.uniform(knobs.quietest, 1.0) if rng.random() < knobs.quiet_share else 1.0
        windows[row] = window * (peak * level / max(LEAST_PEAK, float(np.abs(window).max())))
    return windows


def _piece(
    rng: np.random.Generator, recordings: Sequence[Audio], samples: int, knobs: PieceSettings
) -> Audio:
    """A stretch of one recording at peak 1, played faster or slower, somewhere in the window."""
    sound = recordings[int(rng.integers(len(recordings)))]
    speed = float(knobs.fastest ** rng.uniform(-1.0, 1.0))
    first = int(rng.integers(max(1, sound.size - int(samples * speed) + 1)))
    cut = sound[first : first + int(samples * speed) + 1]
    window = np.zeros(samples, dtype=np.float32)
    if not cut.size:
        return window
    played = np.interp(np.arange(0.0, max(1, cut.size - 1), speed), np.arange(cut.size), cut)[:samples]
    begin = int(rng.integers(samples - played.size + 1))
    window[begin : begin + played.size] = played / max(LEAST_PEAK, float(np.abs(played).max()))
    return window
