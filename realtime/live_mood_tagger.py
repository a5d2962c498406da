"""The music beside the voice, live: class scores, moods and the position on the plane."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.mood.audio_classes import AudioClassReader, AudioClassScores
from models.mood.backbone import Backbone
from models.mood.head import Head
from models.mood.mood_scale import mood_weights
from models.mood.music_share import MUSIC_FROM, music_shares
from models.mood.patches import PATCH_SAMPLES
from models.mood.plane import plane_positions
from models.mood.result import top_tags
from models.mood.tagger import SILENT_DBFS
from models.resample import SAMPLE_RATE_HZ, Audio
from realtime.snapshot import MoodReading, RollingTheme

WITHOUT_MOOD: Final = "Listening goes on without the mood of music, and singing may count as a voice."

WITHOUT_SEPARATOR: Final = "Listening goes on, but music behind a voice will make it less sure."

ROLLING_S: Final = (10.0, 60.0)  # spans of the rolling themes
_STEP_SAMPLES: Final = 7_680  # patches are at least 0.48 s apart, however often windows come
_TAGS: Final = 5
_SILENT_POWER: Final = 10.0 ** (SILENT_DBFS / 10.0)


@dataclass(frozen=True, slots=True)
class _Patch:
    clock: int
    embedding: np.ndarray
    scores: AudioClassScores
    music: float  # how much of it is music, 0 to 1
    sounding: bool


class LiveMoodTagger:
    """Scores the newest patches of each window; used by one thread at a time.

    Themes are of the mean embedding over the last seconds, as the head was trained on means. Each patch
    counts as much as it is music, and without music enough there is no mood, as for files.

    Parameters
    ----------
    backbone, head
        The models.

    Raises
    ------
    WeightsError
        The backbone lacks the classes that scores are read from.
    """

    def __init__(self, backbone: Backbone, head: Head) -> None:
        self._backbone, self._head = backbone, head
        self._read = AudioClassReader(backbone.info.classes)
        self._thresholds = np.array(head.info.thresholds, dtype=np.float32)
        self._patches: deque[_Patch] = deque()

    def reset(self) -> None:
        """Forget everything: another stream begins."""
        self._patches.clear()

    def tag(self, window: Audio, clock: int) -> MoodReading:
        """Score what is new in a window.

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
        scored_to = self._patches[-1].clock if self._patches else clock - len(window)
        oldest = max(scored_to + _STEP_SAMPLES, clock - len(window) + PATCH_SAMPLES)
        clocks = range(clock, oldest - 1, -_STEP_SAMPLES)[::-1]
        if clocks:
            self._score(window, clock, clocks)
        while self._patches and clock - self._patches[0].clock >= ROLLING_S[-1] * SAMPLE_RATE_HZ:
            self._patches.popleft()
        return MoodReading(
            clock=clock,
            class_scores=tuple(
                patch.scores
                for patch in self._patches
                if patch.sounding and patch.clock - PATCH_SAMPLES >= clock - len(window)
            ),
            themes=tuple(self._theme(clock, seconds) for seconds in ROLLING_S),
        )

    def _score(self, window: Audio, clock: int, clocks: Sequence[int]) -> None:
        ends = [len(window) - (clock - end) for end in clocks]
        patches = np.stack([window[end - PATCH_SAMPLES : end] for end in ends])
        predicted = self._backbone.predict(patches)
        loud = np.mean(np.square(patches), axis=1) >= _SILENT_POWER
        scores = self._read.read(predicted.scores)
        rows = zip(clocks, predicted.embedding, scores, music_shares(scores), loud, strict=True)
        self._patches += [
            _Patch(end, embedding, AudioClassScores.of(row), float(music), bool(sounds))
            for end, embedding, row, music, sounds in rows
        ]

    def _theme(self, clock: int, seconds: float) -> RollingTheme:
        since = clock - seconds * SAMPLE_RATE_HZ
        sounding = [patch for patch in self._patches if patch.clock > since and patch.sounding]
        if not sounding:
            return RollingTheme(seconds, (), ())
        music = np.array([patch.music for patch in sounding], dtype=np.float32)
        share = float(music.mean())
        if share < MUSIC_FROM:
            return RollingTheme(seconds, (), (), music_share=share)
        embeddings = np.stack([patch.embedding for patch in sounding])  # (n, 1024)
        probabilities = self._head.predict((music @ embeddings / music.sum())[np.newaxis])
        pleasantness, energy = plane_positions(probabilities)[0].tolist()
        return RollingTheme(
            seconds,
            tuple(top_tags(probabilities[0], _TAGS)),
            tuple(mood_weights(probabilities, self._thresholds, self._head.moods)[0].tolist()),
            energy,
            pleasantness,
            share,
        )
