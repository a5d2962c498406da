"""Owns what is heard of the music beside the voice: shares, moods and the place on the plane."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.mood.backbone import Backbone
from models.mood.groups import mood_weights
from models.mood.head import Head
from models.mood.patches import PATCH_SAMPLES
from models.mood.plane import places
from models.mood.result import ranked
from models.mood.shares import ShareReader, Shares
from models.mood.tagger import SILENT_DBFS
from models.resample import SAMPLE_RATE_HZ, Audio
from realtime.guard import music_score
from realtime.snapshot import MoodReading, RollingTheme

__all__ = ["ROLLING_S", "WITHOUT_MOOD", "WITHOUT_SEPARATOR", "MoodEar"]

WITHOUT_MOOD: Final = "Listening goes on without the mood of music, and singing may count as a voice."

WITHOUT_SEPARATOR: Final = "Listening goes on, but music behind a voice will make it less sure."

ROLLING_S: Final = (10.0, 60.0)
"""What the rolling themes look back on."""
_STEP_SAMPLES: Final = 7_680
"""Patches are at least 0.48 s apart, however often windows come."""
_TAGS: Final = 5
_SILENT_POWER: Final = 10.0 ** (SILENT_DBFS / 10.0)


@dataclass(frozen=True, slots=True)
class _Patch:
    clock: int
    embedding: np.ndarray
    shares: Shares
    sounding: bool


class MoodEar:
    """Hears the newest patches of each window; used by one thread at a time.

    Themes are of the mean embedding over the last seconds, as the head has learned from means. Patches
    without music do not count: talk and fans have no mood of music.

    Parameters
    ----------
    backbone, head
        The models.
    music_from
        Score of music or singing from which a patch counts as music, 0 to 1.

    Raises
    ------
    WeightsError
        The backbone lacks the classes that shares are read from.
    """

    def __init__(self, backbone: Backbone, head: Head, *, music_from: float) -> None:
        self._backbone, self._head, self._music_from = backbone, head, music_from
        self._read = ShareReader(backbone.info.classes)
        self._thresholds = np.array(head.info.thresholds, dtype=np.float32)
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

        Raises
        ------
        ModelError
            The models cannot run, or answer no numbers.
        """
        heard_to = self._patches[-1].clock if self._patches else clock - len(window)
        oldest = max(heard_to + _STEP_SAMPLES, clock - len(window) + PATCH_SAMPLES)
        clocks = range(clock, oldest - 1, -_STEP_SAMPLES)[::-1]
        if clocks:
            self._hear(window, clock, clocks)
        while self._patches and clock - self._patches[0].clock >= ROLLING_S[-1] * SAMPLE_RATE_HZ:
            self._patches.popleft()
        return MoodReading(
            clock=clock,
            shares=tuple(
                patch.shares
                for patch in self._patches
                if patch.sounding and patch.clock - PATCH_SAMPLES >= clock - len(window)
            ),
            themes=tuple(self._theme(clock, seconds) for seconds in ROLLING_S),
        )

    def _hear(self, window: Audio, clock: int, clocks: Sequence[int]) -> None:
        ends = [len(window) - (clock - end) for end in clocks]
        patches = np.stack([window[end - PATCH_SAMPLES : end] for end in ends])
        heard = self._backbone.hear(patches)
        loud = np.mean(np.square(patches), axis=1) >= _SILENT_POWER
        rows = zip(clocks, heard.embedding, self._read.read(heard.scores), loud, strict=True)
        self._patches += [
            _Patch(end, embedding, Shares.of(row), bool(sounds)) for end, embedding, row, sounds in rows
        ]

    def _theme(self, clock: int, seconds: float) -> RollingTheme:
        since = clock - seconds * SAMPLE_RATE_HZ
        played = [
            patch.embedding
            for patch in self._patches
            if patch.clock > since and patch.sounding and music_score([patch.shares]) >= self._music_from
        ]
        if not played:
            return RollingTheme(seconds, (), ())
        probabilities = self._head.probabilities(np.mean(played, axis=0, keepdims=True))
        pleasantness, energy = places(probabilities)[0].tolist()
        return RollingTheme(
            seconds,
            tuple(ranked(probabilities[0], _TAGS)),
            tuple(mood_weights(probabilities, self._thresholds, self._head.info.moods)[0].tolist()),
            energy,
            pleasantness,
        )
