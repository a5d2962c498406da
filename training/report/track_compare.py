"""Models of several tasks compared on the same entries, with intervals of what parts them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from models.track.tasks import TaskKind
from training.intervals import DRAWS, percentile_interval
from training.report.track_entries import MeasuredTask, MeasuredTracks, entries_of
from training.report.track_intervals import FigureName, draw_weights, task_draws

LOWER_IS_BETTER: Final = frozenset({"mae", "rmse", "hamming_loss"})

_COMPARED: Final[Mapping[TaskKind, frozenset[str]]] = {
    TaskKind.SINGLE_LABEL: frozenset({"accuracy", "macro_f1", "macro_roc_auc", "mirex"}),
    TaskKind.MULTI_LABEL: frozenset(
        {"hamming_loss", "micro_f1", "macro_f1", "macro_pr_auc", "macro_roc_auc"}
    ),
    TaskKind.REGRESSION: frozenset({"mae", "r2", "ccc", "acc1", "acc2"}),
}


def compare_tracks(
    measured: Mapping[str, MeasuredTracks], *, draws: int = DRAWS, seed: int = 0
) -> dict[str, Any]:
    """Compare models on the entries that all of them answered.

    The same groups are drawn for all models, so that a difference has an interval of its own.

    Parameters
    ----------
    measured
        Answers by name of the model; the others are compared with the first.

    Returns
    -------
    dict
        Plain values: ``models``, ``entries``, ``groups``, ``notes``, and ``rows``: ``task``, ``label``,
        ``figure``, ``lower_is_better``, the ``values`` of each model, and the ``differences`` of the others
        from the first, each with its ``value`` and 95 % ``interval``.

    Raises
    ------
    DataError
        The models share no entry, or no task with the same labels.
    """
    first, *rest = measured.values()
    shared = set(first.names).intersection(*(other.names for other in rest))
    names = [name for name in first.names if name in shared]
    if not names:
        raise DataError(
            f"The models {', '.join(measured)} have no entry in common that they were not trained on: "
            "compare models that were trained with the same sides and segments."
        )
    chosen = {model: entries_of(tracks, names) for model, tracks in measured.items()}
    groups = next(iter(chosen.values())).groups
    weights = draw_weights(groups, draws, seed)
    weights = np.concatenate([np.ones((1, len(names))), weights])  # the figures themselves come first
    rows = [row for tasks in _shared_tasks(chosen) for row in _rows(tasks, weights, len(set(groups)) > 1)]
    if not rows:
        raise DataError(f"The models {', '.join(measured)} share no task with the same labels.")
    notes = {f"{model}: {note}": None for model, tracks in measured.items() for note in tracks.notes}
    return {
        "models": list(measured),
        "entries": len(names),
        "groups": len(set(groups)),
        "notes": list(notes),
        "rows": rows,
    }


def _shared_tasks(chosen: Mapping[str, MeasuredTracks]) -> Iterator[list[MeasuredTask]]:
    """One task of all models, with the labels of the first."""
    first, *rest = chosen.values()
    for mine in first.tasks:
        theirs = [
            _in_order(task, mine.task.labels)
            for other in rest
            for task in other.tasks
            if (task.task.name, task.task.kind) == (mine.task.name, mine.task.kind)
            and set(task.task.labels) == set(mine.task.labels)
        ]
        if len(theirs) == len(rest):
            yield [mine, *theirs]


def _in_order(measured: MeasuredTask, labels: Sequence[str]) -> MeasuredTask:
    served = measured.served
    order = [served.task.labels.index(label) for label in labels]
    return replace(
        measured,
        served=replace(
            served,
            task=replace(served.task, labels=tuple(labels)),
            thresholds=tuple(served.thresholds[place] for place in order) if served.thresholds else (),
        ),
        targets=measured.targets[:, order],
        answers=measured.answers[:, order],
    )


def _rows(
    tasks: Sequence[MeasuredTask], weights: NDArray[np.float64], several: bool
) -> Iterator[dict[str, Any]]:
    truth = tasks[0].targets
    drawn: list[dict[FigureName, NDArray[np.float64]]] = [
        task_draws(one.task, truth, one.answers, one.served.thresholds, weights) for one in tasks
    ]
    task = tasks[0].task
    for (label, figure), first in drawn[0].items():
        if figure not in _COMPARED[task.kind] or (label and task.kind is not TaskKind.REGRESSION):
            continue
        values = [found[label, figure] for found in drawn]
        yield {
            "task": task.name,
            "label": label,
            "figure": figure,
            "lower_is_better": figure in LOWER_IS_BETTER,
            "values": [_plain(value[0]) for value in values],
            "differences": [
                {
                    "value": _plain(value[0] - first[0]),
                    "interval": percentile_interval(value[1:] - first[1:]) if several else None,
                }
                for value in values[1:]
            ],
        }


def _plain(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
