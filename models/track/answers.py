"""What a model of several tasks says of one track: value, category and confidence of each answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.track.multi_task import TEMPO_LABEL, ServedTask
from models.track.tasks import TaskKind

_TEMPO_CATEGORIES: Final = ("slow", "moderate", "fast")
_VALUE_CATEGORIES: Final = ("low", "medium", "high")
_LABELS_JOINED: Final = "; "


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """One answer about one track."""

    name: str  # of the task; of a regression the name of the value, such as "bpm"
    # The likeliest label; those at or above their thresholds, likeliest first; or a number.
    value: str | tuple[str, ...] | float
    category: str = ""  # of a number: slow, moderate or fast for a tempo, else low, medium or high
    # Of labels: probability of the likeliest. Of a number: how often the category was right where validation
    # entries were as far off as they usually are. None where nothing was measured.
    confidence: float | None = None
    interval: tuple[float, float] | None = None  # of a number: holds 95 % of the validation entries
    probabilities: Mapping[str, float] | None = None  # of all labels


def task_answers(served: ServedTask, row: npt.NDArray[np.float32]) -> tuple[TaskAnswer, ...]:
    """Answers to one task: one, or one for each value of a regression.

    Parameters
    ----------
    row
        What the model answered, shape (labels,).
    """
    task = served.task
    if task.kind is TaskKind.REGRESSION:
        parts = zip(task.labels, row, served.bounds, served.errors, strict=True)
        return tuple(_number(label, float(value), bounds, errors) for label, value, bounds, errors in parts)
    probabilities = {label: float(value) for label, value in zip(task.labels, row, strict=True)}
    first = sorted(probabilities, key=lambda label: -probabilities[label])
    value: str | tuple[str, ...] = first[0]
    if task.kind is TaskKind.MULTI_LABEL:
        needed = dict(zip(task.labels, served.thresholds, strict=True))
        value = tuple(label for label in first if probabilities[label] >= needed[label])
    return (TaskAnswer(task.name, value, confidence=probabilities[first[0]], probabilities=probabilities),)


def categories_of(name: str) -> tuple[str, ...]:
    """Categories of a value, from the lowest to the highest."""
    return _TEMPO_CATEGORIES if name == TEMPO_LABEL else _VALUE_CATEGORIES


def category_of(name: str, value: float, bounds: tuple[float, float]) -> str:
    """The category of a value: the second begins at the first bound, the third at the second."""
    return categories_of(name)[int(np.searchsorted(bounds, value, side="right"))]


def _number(name: str, value: float, bounds: tuple[float, float], errors: Sequence[float]) -> TaskAnswer:
    category = int(np.searchsorted(bounds, value, side="right"))
    confidence, interval = None, None
    if len(errors):
        truths = value + np.asarray(errors)
        confidence = float((np.searchsorted(bounds, truths, side="right") == category).mean())
        interval = (float(truths[0]), float(truths[-1]))
    return TaskAnswer(name, value, categories_of(name)[category], confidence, interval)


def answer_to_dict(answer: TaskAnswer) -> dict[str, Any]:
    """An answer for JSON, without what it does not have."""
    return {key: value for key, value in asdict(answer).items() if key != "name" and value not in (None, "")}


def answer_columns(tasks: Sequence[ServedTask]) -> tuple[str, ...]:
    """Columns of the answers to tasks in a table."""
    columns: list[str] = []
    for served in tasks:
        if served.task.kind is TaskKind.REGRESSION:
            for label in served.task.labels:
                columns += [label, f"{label}_category", f"{label}_confidence"]
        else:
            name = served.task.name
            columns += [name, f"{name}_confidence", *(f"{name}:{label}" for label in served.task.labels)]
    return tuple(columns)


def answer_cells(answers: Sequence[TaskAnswer]) -> dict[str, Any]:
    """Values of answers by the columns of `answer_columns`; several labels are joined by "; "."""
    cells: dict[str, Any] = {}
    for answer in answers:
        labels = isinstance(answer.value, tuple)
        cells[answer.name] = _LABELS_JOINED.join(answer.value) if labels else answer.value  # type: ignore[arg-type]
        cells[f"{answer.name}_confidence"] = answer.confidence
        if answer.probabilities is None:
            cells[f"{answer.name}_category"] = answer.category
        else:
            cells |= {f"{answer.name}:{label}": value for label, value in answer.probabilities.items()}
    return cells
