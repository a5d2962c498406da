"""What turns answers into statements: thresholds of labels, categories of values, usual errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.track.multi_task import TEMPO_BOUNDS_BPM, TEMPO_LABEL, ServedTask
from models.track.tasks import Task, TaskKind
from training.mood.calibrate import best_thresholds

_ERROR_QUANTILES: Final = np.linspace(0.025, 0.975, 39)


def label_thresholds(probabilities: NDArray[np.float32], targets: NDArray[np.float32]) -> tuple[float, ...]:
    """For each label the probability from which on claiming it gives the best F1, in (0, 1].

    Of validation entries, ``(entries, labels)``, where the target is known; 1 where none has the label.
    """
    found = []
    for place in range(targets.shape[1]):
        known = np.isfinite(targets[:, place])
        truth = targets[known, place : place + 1] > 0.5
        scores = probabilities[known, place : place + 1].astype(np.float64)
        found.append(float(best_thresholds(scores, truth)[0]) if len(truth) else 1.0)
    return tuple(found)


def served_tasks(
    tasks: Sequence[Task],
    train: Mapping[str, NDArray[np.float32]],
    validation: Mapping[str, NDArray[np.float32]],
    answers: Mapping[str, NDArray[np.float32]],
) -> tuple[ServedTask, ...]:
    """The tasks with what their answers mean, of targets to train on, and of validation targets and answers.

    The bounds of a tempo are fixed; other values are low, medium or high by thirds of the training side.
    The errors of a value are quantiles of what was true less what was answered, on the validation side.
    """
    found = []
    for task in tasks:
        truth, given = validation[task.name], answers[task.name]
        match task.kind:
            case TaskKind.SINGLE_LABEL:
                found.append(ServedTask(task))
            case TaskKind.MULTI_LABEL:
                found.append(ServedTask(task, thresholds=label_thresholds(given, truth)))
            case TaskKind.REGRESSION:
                bounds = tuple(
                    _bounds(label, train[task.name][:, place]) for place, label in enumerate(task.labels)
                )
                errors = tuple(
                    _errors(truth[:, place] - given[:, place]) for place in range(len(task.labels))
                )
                found.append(ServedTask(task, bounds=bounds, errors=errors))
    return tuple(found)


def _bounds(label: str, values: NDArray[np.float32]) -> tuple[float, float]:
    if label == TEMPO_LABEL:
        return TEMPO_BOUNDS_BPM
    low, high = np.nanquantile(values.astype(np.float64), [1 / 3, 2 / 3])
    return float(low), float(high)


def _errors(wrong: NDArray[np.float32]) -> tuple[float, ...]:
    known = wrong[np.isfinite(wrong)].astype(np.float64)
    return tuple(np.quantile(known, _ERROR_QUANTILES).tolist()) if len(known) else ()
