"""Invented datasets of tracks whose inputs tell genre, moods and tempo."""

from __future__ import annotations

import numpy as np

from models.track.features import FEATURE_NAMES
from models.track.tasks import InputKind, Task, TaskKind
from training.track.dataset import TrackDataset

GENRE = Task("genre", TaskKind.SINGLE_LABEL, ("ambient", "house", "rock"))
MOODS = Task("moods", TaskKind.MULTI_LABEL, ("calm", "dark", "epic"))
TEMPO = Task("bpm", TaskKind.REGRESSION, ("bpm",))
FRAMES, STEPS = 48, 6


def invented_tracks(
    count: int = 60, *, kinds: tuple[InputKind, ...] = tuple(InputKind), seed: int = 0
) -> TrackDataset:
    """Entries in pairs of one group; some targets are unknown, "epic" is rare, features last 10 s."""
    rng = np.random.default_rng(seed)
    genre = rng.integers(0, 3, count)
    moods = np.stack([genre == 0, rng.random(count) < 0.5, np.arange(count) % 10 == 3], axis=1)
    bpm = rng.uniform(70, 160, count)
    said = np.column_stack([np.eye(3)[genre], moods, (bpm - 115) / 26])  # (count, 7)
    embedding = rng.random((count, 1024))
    embedding[:, :700] += np.repeat(np.maximum(said, 0), 100, axis=1)
    features = rng.standard_normal((count, len(FEATURE_NAMES)))
    features[:, :70] += np.repeat(2 * said, 10, axis=1)
    features[:, FEATURE_NAMES.index("duration")] = 10.0
    spectrogram = rng.standard_normal((count, 128, FRAMES))
    spectrogram[:, :112] += np.repeat(2 * said, 16, axis=1)[:, :, np.newaxis]
    over_time = embedding[:, np.newaxis] + rng.random((count, STEPS, 1024)) * 0.1
    inputs = {
        InputKind.EMBEDDING: embedding,
        InputKind.EMBEDDINGS: over_time,
        InputKind.FEATURES: features,
        InputKind.SPECTROGRAM: spectrogram,
    }
    genre_targets, mood_targets, tempos = genre.astype(np.int64), moods.astype(np.float32), bpm.astype("f4")
    genre_targets[5], mood_targets[6] = -1, np.nan
    tempos[7] = np.nan
    return TrackDataset(
        name="invented",
        tasks=(GENRE, MOODS, TEMPO),
        names=tuple(f"track {number}" for number in range(count)),
        groups=tuple(f"artist {number // 2}" for number in range(count)),
        sides=("",) * count,
        inputs={kind: inputs[kind].astype(np.float32) for kind in kinds},
        targets={"genre": genre_targets, "moods": mood_targets, "bpm": tempos[:, np.newaxis]},
    )
