"""Owns the outline of a sound: how loud it is from place to place, small enough to draw."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from models.audio import Sound

__all__ = ["OUTLINE_SIZE", "Outline", "Peaks"]

Outline = npt.NDArray[np.uint8]
"""uint8, shape (n,), n at most `OUTLINE_SIZE`: peaks, 255 being full scale."""

OUTLINE_SIZE: Final = 800
"""Peaks at most: a screen shows hardly more."""

_FIRST_FRAMES: Final = 1_024
_HELD: Final = 16 * OUTLINE_SIZE
"""Finer than what is drawn, so that all parts of an outline are as good as equal."""


class Peaks:
    """Gathers the peaks of a sound that comes block by block, in constant memory.

    The outline does not depend on how the sound is cut into blocks.
    """

    def __init__(self) -> None:
        self._held = np.zeros(_HELD, dtype=np.float32)
        self._part_frames = _FIRST_FRAMES  # that each of them stands for
        self._frames = 0

    def push(self, block: Sound) -> None:
        """Take what comes next.

        Parameters
        ----------
        block
            float32, shape (frames, channels), range [-1, 1]; at least one frame.
        """
        frames, channels = block.shape
        end = self._frames + frames
        while end > _HELD * self._part_frames:
            self._coarsen()
        first, last = self._frames // self._part_frames, -(-end // self._part_frames)
        starts = np.maximum(np.arange(first, last) * self._part_frames - self._frames, 0)
        loudest = np.maximum.reduceat(np.abs(block).ravel(), starts * channels)
        self._held[first:last] = np.maximum(self._held[first:last], loudest)
        self._frames = end

    def outline(self) -> Outline:
        """Peaks so far, over equal parts and all channels; where it is short, one for each 1 024 frames."""
        fine = self._held[: -(-self._frames // self._part_frames)]
        if len(fine) > OUTLINE_SIZE:
            fine = np.maximum.reduceat(fine, np.arange(OUTLINE_SIZE) * len(fine) // OUTLINE_SIZE)
        return np.rint(255.0 * np.minimum(fine, 1.0)).astype(np.uint8)

    def _coarsen(self) -> None:
        half = _HELD // 2
        self._held[:half] = np.maximum(self._held[0::2], self._held[1::2])
        self._held[half:] = 0.0
        self._part_frames *= 2
