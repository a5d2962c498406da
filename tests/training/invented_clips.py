"""Invented clips in memory, as a cache would hand them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["InventedClip", "InventedSource", "invented_clips"]


@dataclass(frozen=True)
class InventedClip:
    path: str
    pitch_hz: float
    active: tuple[int, int] = (0, 20_000)


class InventedSource:
    """A tone for every clip."""

    fingerprint = "invented"

    def audio(self, clip: InventedClip) -> NDArray[np.float32]:
        time_s = np.arange(20_000) / 16_000
        return (0.3 * np.sin(2 * np.pi * clip.pitch_hz * time_s)).astype(np.float32)


def invented_clips(pitches_hz: Sequence[float]) -> list[InventedClip]:
    return [InventedClip(f"clip-{index}", pitch_hz) for index, pitch_hz in enumerate(pitches_hz)]
