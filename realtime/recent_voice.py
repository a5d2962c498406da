"""What the emotion model said of the voice of the last minute: no sound, in memory alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from models.resample import SAMPLE_RATE_HZ

KEPT_S: Final = 60.0
"""What was said longer ago is forgotten."""


@dataclass(frozen=True, slots=True, eq=False)
class VoiceWindow:
    """The model's answers to one window of voice; to several, their means."""

    clock: int  # sample clock of the window's end, of the last one's
    logits: npt.NDArray[np.float32]  # shape (8,)
    embedding: npt.NDArray[np.float32]  # shape (E,)
    windows: int = 1  # how many it stands for


def remember(windows: tuple[VoiceWindow, ...], newest: VoiceWindow) -> tuple[VoiceWindow, ...]:
    """Add the newest window, and forget those of more than 60 s before it."""
    begins = newest.clock - KEPT_S * SAMPLE_RATE_HZ
    return (*(one for one in windows if one.clock >= begins), newest)


def mean_of(windows: tuple[VoiceWindow, ...], from_clock: int, to_clock: int) -> VoiceWindow | None:
    """Mean over a stretch, as `models.emotion.personal.summarise_clip` takes it of a clip, if anything is."""
    chosen = [one for one in windows if from_clock <= one.clock <= to_clock]
    if not chosen:
        return None
    return VoiceWindow(
        chosen[-1].clock,
        np.mean([one.logits for one in chosen], axis=0),
        np.mean([one.embedding for one in chosen], axis=0),
        len(chosen),
    )
