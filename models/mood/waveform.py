"""Owns the outline of a sound: how loud it is from place to place, small enough to draw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from core.errors import AnalysisCancelledError
from models.audio import open_stream

__all__ = ["OUTLINE_SIZE", "Outline", "read_outline"]

Outline = npt.NDArray[np.uint8]
"""uint8, shape (n,), n at most `OUTLINE_SIZE`: peaks, 255 being full scale."""

OUTLINE_SIZE: Final = 800
"""Peaks at most: a screen shows hardly more."""

_BIN_FRAMES: Final = 1_024
_BLOCK_FRAMES: Final = 64 * _BIN_FRAMES


def read_outline(
    source: Path | bytes,
    *,
    max_minutes: float,
    name: str = "",
    on_progress: Callable[[float, float | None], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Outline:
    """Decode a file of any length in constant memory, and keep its peaks.

    Parameters
    ----------
    source, max_minutes, name
        As in `models.audio.open_stream`.
    on_progress, cancelled
        As in `models.mood.tagger.MoodTagger.analyse`.

    Returns
    -------
    outline
        Peaks over equal parts of the sound, over all channels; where it is short, one for each 1 024 frames.

    Raises
    ------
    AudioDecodeError
        As in `models.audio.open_stream`.
    AnalysisCancelledError
        `cancelled` said so.
    """
    peaks: list[npt.NDArray[np.float32]] = []
    with open_stream(source, max_minutes=max_minutes, name=name) as stream:
        for block in stream.blocks(_BLOCK_FRAMES):
            if cancelled is not None and cancelled():
                raise AnalysisCancelledError(
                    f"The analysis of {stream.name} was cancelled: start it again for its mood."
                )
            loudest = np.abs(block).max(axis=1)  # (frames,)
            peaks.append(np.maximum.reduceat(loudest, np.arange(0, len(loudest), _BIN_FRAMES)))
            if on_progress is not None:
                on_progress(stream.position / stream.rate_hz, stream.duration_s)
    fine = np.concatenate(peaks)
    if len(fine) > OUTLINE_SIZE:
        fine = np.maximum.reduceat(fine, np.arange(OUTLINE_SIZE) * len(fine) // OUTLINE_SIZE)
    return np.rint(255.0 * np.minimum(fine, 1.0)).astype(np.uint8)
