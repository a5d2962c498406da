"""The loudness of tracks: measured when they are indexed, made alike when they are played."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

_TARGET_RMS: Final = 10.0 ** (-18.0 / 20.0)
_MOST: Final = 10.0 ** (9.0 / 20.0)
_LEAST: Final = 10.0 ** (-12.0 / 20.0)
_CEILING: Final = 0.98


class Loudness:
    """The level of a sound that comes block by block."""

    def __init__(self) -> None:
        self.peak = 0.0  # highest magnitude so far, 1 is full scale
        self._energy = 0.0
        self._samples = 0

    def push(self, block: npt.NDArray[np.float32]) -> None:
        """Add what follows; float32, finite, any shape."""
        if block.size:
            flat = block.reshape(-1)
            self.peak = max(self.peak, float(flat.max()), -float(flat.min()))
            self._energy += float(np.dot(flat, flat))
            self._samples += flat.size

    @property
    def rms(self) -> float:
        """Root of the mean square so far; 0 before anything came."""
        return float(np.sqrt(self._energy / self._samples)) if self._samples else 0.0


def levelling_gain(rms: float | None, peak: float | None) -> float:
    """By what to multiply a track so that all are about equally loud.

    It aims at -18 dBFS, within -12 and +9 dB, and never lets a peak reach full scale; a track whose level is
    not known, or that is silent, stays as it is.
    """
    if not rms or not peak:
        return 1.0
    return min(max(_TARGET_RMS / rms, _LEAST), _MOST, _CEILING / peak)
