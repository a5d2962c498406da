"""Owns what is heard of the music beside the voice: shares, and the moods of the last seconds."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.mood.backbone import Backbone
from models.mood.groups import mood_weights
from models.mood.head import Head
from models.mood.patches import PATCH_SAMPLES
from models.mood.result import ranked
from models.mood.shares import ShareReader, Shares
from models.resample import SAMPLE_RATE_HZ, Audio
from realtime.snapshot import MoodReading, RollingTheme

__all__ = ["ROLLING_S", "MoodEar"]

ROLLING_S: Final = (10.0, 60.0)
"""What the rolling themes look back on."""
_PATCH_EVERY_S: Final = 0.5
"""Windows that come less often are heard in several patches."""
_TAGS: Final = 5
_SILENT_SHARE: Final = 0.5
"""Score of silence from which a patch says nothing of music."""


@dataclass(frozen=True, slots=True)
class _Patch:
    clock: int
    embedding: np.ndarray
    shares: Shares


class MoodEar:
    """Hears the newest patches of each window; used by one thread at a time.

    Themes are of the mean embedding over the last seconds, as the head has learned from means. Silent
    patches do not count.

    Parameters
    ----------
    backbone, head
        The models.
    hop_s
        Time between windows, seconds.

    Raises
    ------
    WeightsError
        The backbone lacks the classes that shares are read from.
    """

    def __init__(self, backbone: Backbone, head: Head, *, hop_s: float) -> None:
        self._backbone, self._head = backbone, head
        self._read = ShareReader(backbone.info.classes)
        self._thresholds = np.array(head.info.thresholds, dtype=np.float32)
        self._count = max(1, math.ceil(hop_s / _PATCH_EVERY_S - 1e-9))
        self._step = round(hop_s / self._count * SAMPLE_RATE_HZ)
        self._patches: deque[_Patch] = deque()

    def reset(self) -> None:
        """Forget what was heard: another stream begins."""
        self._patches.clear()

    def hear(self, window: Audio, clock: int) -> MoodReading:
        """Hear what is new in a window.

        Parameters
        ----------
        window
            The newest 3 s, float32 at 16 kHz.
        clock
            Sample clock of its end; later than that of the window before.
        """
        ends = [len(window) - back * self._step for back in reversed(range(self._count))]
        ends = [end for end in ends if end >= PATCH_SAMPLES]
        heard = self._backbone.hear(np.stack([window[end - PATCH_SAMPLES : end] for end in ends]))
        for end, embedding, row in zip(ends, heard.embedding, self._read.read(heard.scores), strict=True):
            self._patches.append(_Patch(clock - len(window) + end, embedding, Shares.of(row)))
        while clock - self._patches[0].clock >= ROLLING_S[-1] * SAMPLE_RATE_HZ:
            self._patches.popleft()
        return MoodReading(
            clock=clock,
            shares=tuple(
                patch.shares for patch in self._patches if patch.clock - PATCH_SAMPLES >= clock - len(window)
            ),
            themes=tuple(self._theme(clock, seconds) for seconds in ROLLING_S),
        )

    def _theme(self, clock: int, seconds: float) -> RollingTheme:
        since = clock - seconds * SAMPLE_RATE_HZ
        sounding = [
            patch.embedding
            for patch in self._patches
            if patch.clock > since and patch.shares.silence < _SILENT_SHARE
        ]
        if not sounding:
            return RollingTheme(seconds, (), ())
        probabilities = self._head.probabilities(np.mean(sounding, axis=0, keepdims=True))
        return RollingTheme(
            seconds,
            tuple(ranked(probabilities[0], _TAGS)),
            tuple(mood_weights(probabilities, self._thresholds)[0].tolist()),
        )
