"""What is done for labels that few entries have: weights in the loss, or entries made up by SMOTE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from models.track.tasks import InputKind, Task, TaskKind
from training.track.prepare import PreparedSide

_MOST: Final = 20.0
"""Largest weight of a label: beyond it single entries would lead."""
_NEIGHBOURS: Final = 5
_VECTORS: Final = frozenset({InputKind.FEATURES, InputKind.EMBEDDING})


def label_weights(task: Task, targets: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights in the loss, ``(labels,)``, of targets to train on, ``(entries, labels)``, NaN where unknown.

    Of classes: so that each counts alike. Of several labels: of an entry that has the label, against one that
    has not. At most 20.
    """
    known = np.isfinite(targets)
    having = np.maximum(np.nansum(targets, axis=0), 1e-6)
    if task.kind is TaskKind.SINGLE_LABEL:
        weights = known.any(axis=1).sum() / (len(task.labels) * having)
    else:
        weights = (known.sum(axis=0) - having) / having
    limited: NDArray[np.float32] = np.clip(weights, 1.0 / _MOST, _MOST).astype(np.float32)
    return limited


def with_smote(side: PreparedSide, tasks: Sequence[Task], *, seed: int) -> PreparedSide:
    """Entries to train on, and behind them made-up ones of the labels that fewer than half have.

    SMOTE (Chawla et al., JAIR 2002) of imbalanced-learn, for one label after the other. An entry that is made
    up lies between two neighbours that have the label, and so do its targets: what only one of them has
    becomes a share. Only entries with all targets known take part. At most as many are made up as there are.

    Raises
    ------
    DataError
        An input has an axis of time: what lies between two of these is no music.
    """
    from imblearn.over_sampling import SMOTE  # noqa: PLC0415 - heavy, of the extra `train`

    along_time = sorted(set(side.inputs) - _VECTORS)
    if along_time:
        raise DataError(
            f"SMOTE cannot make up a {along_time[0]}: use features or one embedding a track, or "
            "balance by weights."
        )
    values = {**{str(kind): rows for kind, rows in side.inputs.items()}, **side.targets}
    table = np.concatenate(list(values.values()), axis=1).astype(np.float64)  # (entries, columns)
    table = table[np.isfinite(table).all(axis=1)]
    if not len(table):
        return side
    mean, spread = table.mean(axis=0), np.maximum(table.std(axis=0), 1e-9)
    columns = _label_columns(values, tasks)
    made = [np.empty((0, table.shape[1]))]
    for column in columns:
        having = table[:, column] > 0.5
        few, many = int(having.sum()), int((~having).sum())
        wanted = min(many - few, len(table) // len(columns))
        if few < 2 or wanted < 1:
            continue
        smote = SMOTE(
            sampling_strategy={1: few + wanted}, k_neighbors=min(_NEIGHBOURS, few - 1), random_state=seed
        )
        resampled, _ = smote.fit_resample((table - mean) / spread, having.astype(np.int64))
        made.append(resampled[len(table) :] * spread + mean)
    new = np.concatenate(made).astype(np.float32)
    ends = np.cumsum([rows.shape[1] for rows in values.values()])[:-1]
    parts = dict(zip(values, np.split(new, ends, axis=1), strict=True))
    return PreparedSide(
        side.names + tuple(f"made up {number}" for number in range(1, len(new) + 1)),
        {kind: np.concatenate([rows, parts[kind]]) for kind, rows in side.inputs.items()},
        {name: np.concatenate([rows, parts[name]]) for name, rows in side.targets.items()},
    )


def _label_columns(values: Mapping[str, NDArray[np.float32]], tasks: Sequence[Task]) -> list[int]:
    """Columns of the table that say of a label whether an entry has it."""
    first = 0
    columns: list[int] = []
    kinds = {task.name: task.kind for task in tasks}
    for name, rows in values.items():
        if kinds.get(name) in {TaskKind.SINGLE_LABEL, TaskKind.MULTI_LABEL}:
            columns += range(first, first + rows.shape[1])
        first += rows.shape[1]
    return columns
