"""The heads of genres and of instruments, learned from MTG-Jamendo's official split."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.track.tasks import InputKind
from training.intervals import DRAWS, percentile_interval
from training.mood.calibrate import best_thresholds, f1_at, mean_nll
from training.mood.head import MoodSettings, predict_probabilities
from training.mood.jamendo import TaggedTracks
from training.mood.protocols import TrackSplit, TrainedHead
from training.mood.ranking import artist_bootstrap, draw_artists, tag_areas
from training.track.readers.jamendo import read_jamendo_tracks

SETTINGS: Final[Mapping[str, MoodSettings]] = {
    "genre": MoodSettings(epochs=20, dropout=0.2, peak_rate=3e-3, patience=20),
    "instrument": MoodSettings(epochs=24, dropout=0.3, peak_rate=3e-3, patience=24),
}
"""Task of MTG-Jamendo -> how its head is trained. Genres are tagged more reliably than moods: less has to be
held back."""


@dataclass(frozen=True, eq=False)
class TagTask:
    """One kind of tags, and who is trained on and tested."""

    name: str  # key of `SETTINGS`
    labels: tuple[str, ...]
    tracks: TaggedTracks
    split: TrackSplit


def read_tag_task(jamendo: Path, name: str) -> TagTask:
    """The tracks of the official split-0 that have such tags and an embedding.

    Raises
    ------
    DataError
        A file is missing or damaged.
    """
    data = read_jamendo_tracks(jamendo, tasks=(name,))
    embeddings, labels = data.inputs[InputKind.EMBEDDING], data.targets[name] > 0.5
    digest = hashlib.sha256(embeddings.tobytes() + labels.tobytes())
    digest.update(repr((data.names, data.groups, data.sides)).encode())
    sides = np.array(data.sides)
    train, validation, test = (np.flatnonzero(sides == side) for side in ("train", "validation", "test"))
    return TagTask(
        name,
        data.tasks[0].labels,
        TaggedTracks(embeddings, labels, data.groups, digest.hexdigest()),
        TrackSplit(name, train, validation, test),
    )


def tag_thresholds(task: TagTask, head: TrainedHead) -> NDArray[np.float64]:
    """Of best F1 on the validation side, by the head that did not learn from it."""
    rows = task.split.validation
    answers = predict_probabilities(head.checked, task.tracks.embeddings[rows])
    return best_thresholds(answers, task.tracks.labels[rows])


def tag_figures(
    task: TagTask, answers: NDArray[np.float64], thresholds: NDArray[np.float64], *, draws: int = DRAWS
) -> dict[str, Any]:
    """Figures on the official test, of probabilities of its tracks, ``(test, labels)``.

    Returns
    -------
    dict
        ``macro_pr_auc`` and ``macro_roc_auc`` with their 95 % ``interval`` over artists, ``macro_f1`` at the
        thresholds, ``nll`` (nats an answer), ``tracks``, ``artists``, and ``by_label``.
    """
    rows = task.split.test
    truth, artists = task.tracks.labels[rows], [task.tracks.artists[row] for row in rows]
    pr_auc, roc_auc = tag_areas(answers, truth)
    spread = artist_bootstrap(answers, truth, draw_artists(artists, draws))
    precision, recall, f1 = f1_at(answers, truth, thresholds)
    columns = {"pr_auc": pr_auc, "roc_auc": roc_auc, "precision": precision, "recall": recall, "f1": f1}
    return {
        "tracks": len(rows),
        "artists": len(set(artists)),
        "macro_pr_auc": round(float(np.nanmean(pr_auc)), 4),
        "macro_roc_auc": round(float(np.nanmean(roc_auc)), 4),
        "interval": {
            f"macro_{name}": percentile_interval(np.nanmean(spread[name], axis=1))
            for name in ("pr_auc", "roc_auc")
        },
        "macro_f1": round(float(f1.mean()), 4),
        "nll": round(mean_nll(answers, truth), 4),
        "by_label": {
            label: {
                "n": int(truth[:, place].sum()),
                **{
                    name: round(float(values[place]), 4) if np.isfinite(values[place]) else None
                    for name, values in columns.items()
                },
            }
            for place, label in enumerate(task.labels)
        },
    }
