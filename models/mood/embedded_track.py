"""What one pass of the backbone gives of a whole sound: its mood, and the embeddings behind it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from models.mood.centred_sums import CentredSums
from models.mood.result import Floats, MoodResult
from models.resample import Audio


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedTrack:
    """A sound as every head on embeddings is given it."""

    mood: MoodResult
    embeddings: npt.NDArray[np.float16] = field(repr=False)  # float16, shape (n, 1024): of each patch
    # float32, shape (n,): how much of each patch is music, 0 to 1 and 0 where silent; and 1 where it sounds.
    music: Floats = field(repr=False)
    sounding: Floats = field(repr=False)
    radius: int  # patches on each side that a row of the timeline sees
    audio: Audio = field(repr=False)  # the beginning of the sound, at 16 kHz, as much as was asked for

    @property
    def mean(self) -> Floats:
        """Embedding of the whole, float32, shape (1024,): of its music, without that of what sounds.

        Zeros where all is silent.
        """
        weights = self.music if self.mood.has_music else self.sounding
        total = weights.sum(dtype=np.float64)
        if total <= 0.0:
            return np.zeros(self.embeddings.shape[1], dtype=np.float32)
        mean: Floats = (weights @ self.embeddings.astype(np.float32) / total).astype(np.float32)
        return mean

    def centred(self) -> Floats:
        """Mean embedding of the music around each patch, as the timeline of moods sees it.

        Returns
        -------
        embeddings
            float32, shape (n, 1024); zeros where the row has no mood.
        """
        rows = np.column_stack([self.embeddings * self.music[:, np.newaxis], self.music]).astype(np.float32)
        sums = CentredSums(self.radius, rows.shape[1])
        summed = np.concatenate([sums.push(rows), sums.finish()])
        musical = self.mood.timeline.any(axis=1)
        means = np.zeros_like(summed[:, :-1])
        means[musical] = summed[musical, :-1] / summed[musical, -1:]
        return means
