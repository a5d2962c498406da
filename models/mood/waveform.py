"""Waveform outline of a sound: its peaks, few enough to draw."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from models.decoders.track import Sound

Outline = npt.NDArray[np.uint8]  # uint8, shape (n,), n at most `OUTLINE_SIZE`: peaks, 255 being full scale

OUTLINE_SIZE: Final = 800  # peaks at most, about as many as a screen can show

_FIRST_FRAMES: Final = 1_024
_BINS: Final = 16 * OUTLINE_SIZE
"""Finer than what is drawn, so that the parts of an outline are of almost equal length."""


class Peaks:
    """Collects the peaks of a sound block by block, in constant memory.

    The outline does not depend on how the sound is cut into blocks.
    """

    def __init__(self) -> None:
        self._peaks = np.zeros(_BINS, dtype=np.float32)
        self._bin_frames = _FIRST_FRAMES  # frames of a bin
        self._frames = 0

    def push(self, block: Sound) -> None:
        """Add the next block.

        Parameters
        ----------
        block
            float32, shape (frames, channels), range [-1, 1]; at least one frame.
        """
        frames, channels = block.shape
        end = self._frames + frames
        while end > _BINS * self._bin_frames:
            self._coarsen()
        first, last = self._frames // self._bin_frames, -(-end // self._bin_frames)
        starts = np.maximum(np.arange(first, last) * self._bin_frames - self._frames, 0)
        loudest = np.maximum.reduceat(np.abs(block).ravel(), starts * channels)
        self._peaks[first:last] = np.maximum(self._peaks[first:last], loudest)
        self._frames = end

    def outline(self) -> Outline:
        """Peaks so far, over equal parts and all channels; of short sounds one for each 1 024 frames."""
        fine = self._peaks[: -(-self._frames // self._bin_frames)]
        if len(fine) > OUTLINE_SIZE:
            fine = np.maximum.reduceat(fine, np.arange(OUTLINE_SIZE) * len(fine) // OUTLINE_SIZE)
        return np.rint(255.0 * np.minimum(fine, 1.0)).astype(np.uint8)

    def _coarsen(self) -> None:
        half = _BINS // 2
        self._peaks[:half] = np.maximum(self._peaks[0::2], self._peaks[1::2])
        self._peaks[half:] = 0.0
        self._bin_frames *= 2
