"""Figures of the answers to a task: of classes, of several labels, of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.track.multi_task import TEMPO_LABEL
from models.track.tasks import Task, TaskKind
from training.metrics import mean_recall, rounded
from training.mood.calibrate import f1_at
from training.mood.ranking import tag_areas
from training.track.music_scores import mirex_scores, tempo_hits

_CURVES: Final = {
    "accuracy": "accuracy",
    "macro_f1": "f1",
    "macro_precision": "precision",
    "macro_recall": "recall",
    "balanced_accuracy": "recall",  # of classes: the mean of their recalls
    "macro_roc_auc": "auc",
}
"""Figure of `task_figures` -> what its curve is called."""


def curve_figures(task: Task, targets: NDArray[np.float32], answers: NDArray[np.float32]) -> dict[str, float]:
    """The figures whose curves are drawn over the epochs, by name; those that exist.

    Of classes accuracy and mean F1, precision and recall of those that occur; of several labels these means
    at a threshold of 0.5; of both the mean ROC-AUC; of values the mean absolute error.
    """
    if task.kind is TaskKind.REGRESSION:
        return {"mae": float(np.nanmean(np.abs(targets - answers)))}
    found = task_figures(task, targets, answers, [0.5] * len(task.labels))
    return {curve: found[name] for name, curve in _CURVES.items() if found.get(name) is not None}


def task_figures(
    task: Task, targets: NDArray[np.float32], answers: NDArray[np.float32], thresholds: Sequence[float] = ()
) -> dict[str, Any]:
    """All figures of the answers to one task, over what is known; ``n`` is the number of entries.

    Targets and answers are ``(entries, labels)``; a target is NaN where unknown. Thresholds are needed for
    several labels.
    """
    match task.kind:
        case TaskKind.SINGLE_LABEL:
            found = _of_classes(task, targets, answers)
        case TaskKind.MULTI_LABEL:
            found = _of_labels(task, targets, answers, np.asarray(thresholds, dtype=np.float64))
        case TaskKind.REGRESSION:
            found = {
                label: _of_values(label, targets[:, place], answers[:, place])
                for place, label in enumerate(task.labels)
            }
            found["n"] = int(np.isfinite(targets).any(axis=1).sum())
    return rounded(found)


def _of_classes(task: Task, targets: NDArray[np.float32], answers: NDArray[np.float32]) -> dict[str, Any]:
    from sklearn.metrics import precision_recall_fscore_support  # noqa: PLC0415 - heavy, of the extra `train`

    known = np.isfinite(targets).all(axis=1)
    if not known.any():
        return {"n": 0}
    truth, guess = targets[known].argmax(axis=1), answers[known].argmax(axis=1)
    present = np.unique(truth)
    precision, recall, f1, count = precision_recall_fscore_support(
        truth, guess, labels=present, zero_division=0
    )
    pr_auc, roc_auc = tag_areas(answers[known].astype(np.float64), targets[known] > 0.5)
    keys = mirex_scores(task.labels)
    return {
        "n": int(known.sum()),
        "accuracy": float((truth == guess).mean()),
        "balanced_accuracy": mean_recall(guess, truth),
        "macro_precision": float(precision.mean()),
        "macro_f1": float(f1.mean()),
        **_mean_areas(pr_auc, roc_auc),
        **({} if keys is None else {"mirex": float(keys[truth, guess].mean())}),
        "by_label": {
            task.labels[label]: {
                "precision": float(precision[place]),
                "recall": float(recall[place]),
                "f1": float(f1[place]),
                "pr_auc": _known(pr_auc[label]),
                "roc_auc": _known(roc_auc[label]),
                "n": int(count[place]),
            }
            for place, label in enumerate(present)
        },
    }


def _of_labels(
    task: Task, targets: NDArray[np.float32], answers: NDArray[np.float32], thresholds: NDArray[np.float64]
) -> dict[str, Any]:
    known = np.isfinite(targets).all(axis=1)
    if not known.any():
        return {"n": 0}
    truth, scores = targets[known] > 0.5, answers[known].astype(np.float64)
    claimed = scores >= thresholds
    precision, recall, f1 = f1_at(scores, truth, thresholds)
    pr_auc, roc_auc = tag_areas(scores, truth)
    said, half = claimed.astype(np.float64), np.array(0.5)
    averages = {
        "micro": f1_at(said.reshape(-1, 1), truth.reshape(-1, 1), half),
        "macro": (precision, recall, f1),
        "samples": f1_at(said.T, truth.T, half),
    }
    return {
        "n": int(known.sum()),
        "hamming_loss": float((claimed != truth).mean()),
        "exact_match": float((claimed == truth).all(axis=1).mean()),
        **{
            f"{average}_{name}": float(values.mean())
            for average, found in averages.items()
            for name, values in zip(("precision", "recall", "f1"), found, strict=True)
        },
        **_mean_areas(pr_auc, roc_auc),
        "by_label": {
            label: {
                "precision": float(precision[place]),
                "recall": float(recall[place]),
                "f1": float(f1[place]),
                "pr_auc": _known(pr_auc[place]),
                "roc_auc": _known(roc_auc[place]),
                "n": int(truth[:, place].sum()),
            }
            for place, label in enumerate(task.labels)
        },
    }


def _of_values(label: str, targets: NDArray[np.float32], answers: NDArray[np.float32]) -> dict[str, Any]:
    known = np.isfinite(targets)
    if not known.any():
        return {"n": 0}
    truth, given = targets[known].astype(np.float64), answers[known].astype(np.float64)
    wrong = given - truth
    around = float(np.square(truth - truth.mean()).sum())
    found = {
        "n": int(known.sum()),
        "mae": float(np.abs(wrong).mean()),
        "rmse": float(np.sqrt(np.square(wrong).mean())),
        "r2": 1.0 - float(np.square(wrong).sum()) / around if around > 0 else None,
        "ccc": _concordance(truth, given),
    }
    if label == TEMPO_LABEL:
        exact, any_octave = tempo_hits(truth, given)
        found |= {"acc1": float(exact.mean()), "acc2": float(any_octave.mean())}
    return found


def _concordance(truth: NDArray[np.float64], given: NDArray[np.float64]) -> float | None:
    """Concordance correlation (Lin, Biometrics 1989), -1 to 1; None where both are one and the same value."""
    apart = truth.var() + given.var() + (truth.mean() - given.mean()) ** 2
    shared = float(np.mean((truth - truth.mean()) * (given - given.mean())))
    return 2 * shared / float(apart) if apart > 0 else None


def _mean_areas(pr_auc: NDArray[np.float64], roc_auc: NDArray[np.float64]) -> dict[str, float | None]:
    """Means over the labels that have areas."""
    there = np.isfinite(pr_auc)
    return {
        "macro_pr_auc": float(pr_auc[there].mean()) if there.any() else None,
        "macro_roc_auc": float(roc_auc[there].mean()) if there.any() else None,
    }


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
