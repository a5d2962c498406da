"""What a dataset of tracks holds, counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.track.tasks import Task, TaskKind
from training.track.dataset import TrackDataset


@dataclass(frozen=True, slots=True)
class LabelCount:
    """How often a label is there, or of a regression between which values."""

    dataset: str
    task: str
    label: str
    entries: int
    groups: int  # how many groups these entries are of
    # Of a regression, else None.
    mean: float | None = None
    minimum: float | None = None
    maximum: float | None = None


def count_labels(dataset: TrackDataset) -> tuple[LabelCount, ...]:
    """Count the entries of each label, and of no label, by task."""
    counts = []
    for task in dataset.tasks:
        targets = dataset.targets[task.name]
        for place, label in enumerate(task.labels):
            counts.append(_count(dataset, task, label, targets, place))
        unknown = np.atleast_1d(targets < 0 if targets.ndim == 1 else np.isnan(targets).all(axis=1))
        if unknown.any():
            counts.append(
                LabelCount(dataset.name, task.name, "(none)", int(unknown.sum()), _groups(dataset, unknown))
            )
    return tuple(counts)


def _count(
    dataset: TrackDataset,
    task: Task,
    label: str,
    targets: npt.NDArray[np.int64] | npt.NDArray[np.float32],
    place: int,
) -> LabelCount:
    if task.kind is TaskKind.REGRESSION:
        values = targets[:, place]
        known = ~np.isnan(values)
        return LabelCount(
            dataset.name,
            task.name,
            label,
            int(known.sum()),
            _groups(dataset, known),
            float(values[known].mean()),
            float(values[known].min()),
            float(values[known].max()),
        )
    has = targets == place if task.kind is TaskKind.SINGLE_LABEL else targets[:, place] > 0.5
    return LabelCount(dataset.name, task.name, label, int(has.sum()), _groups(dataset, has))


def _groups(dataset: TrackDataset, rows: npt.NDArray[np.bool_]) -> int:
    return len({dataset.groups[row] for row in np.flatnonzero(rows)})
