"""What answers of labels say: confusion, curves, calibration and thresholds of one task of tracks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.track.tasks import TaskKind
from training.metrics import confusion, expected_calibration_error
from training.mood.calibrate import best_thresholds, f1_at
from training.report.curves import even_record, precision_recall, reliability, roc, threshold_sweep
from training.report.track_entries import MeasuredTask

NOTHING: Final = "(nothing)"
"""Stands for no label in a confusion of several labels."""

_SWEEP: Final = tuple(round(0.02 * step, 2) for step in range(1, 50))
_BINS: Final = 10
_PAIRS: Final = 12


def label_record(measured: MeasuredTask) -> dict[str, Any]:
    """All but the plain figures of a task whose answers are probabilities of labels.

    Returns
    -------
    dict
        Plain values. ``by_label``: by label its ``counts`` (hits, missed, false claims, rightly not claimed),
        ``threshold`` (None for classes), ``ece``, ``roc``, ``precision_recall`` (None where they do not
        exist), ``reliability``, ``sweep`` and ``best`` (threshold and F1 of the highest F1 here).
        ``confusion`` (truth by answer) with its ``rows`` and ``columns``; ``pairs``, the commonest errors.
        ``ece``, ``reliability``; ``acceptance`` of classes by confidence; ``guessing``, what answers without
        hearing would reach.
    """
    served, known = measured.served, measured.known
    truth, scores = measured.targets[known] > 0.5, measured.answers[known].astype(np.float64)
    labels = measured.task.labels
    if measured.task.kind is TaskKind.SINGLE_LABEL:
        said = np.eye(len(labels), dtype=bool)[scores.argmax(axis=1)]
        found = _of_classes(truth, scores, labels)
        thresholds: Sequence[float | None] = [None] * len(labels)
    else:
        said = scores >= np.asarray(served.thresholds)
        found = _of_several(truth, said, scores, labels)
        thresholds = served.thresholds
    return {
        **found,
        "by_label": {
            label: _of_label(truth[:, place], said[:, place], scores[:, place], thresholds[place])
            for place, label in enumerate(labels)
        },
    }


def _of_classes(
    truth: NDArray[np.bool_], scores: NDArray[np.float64], labels: Sequence[str]
) -> dict[str, Any]:
    right, guess, confidence = truth.argmax(axis=1), scores.argmax(axis=1), scores.max(axis=1)
    counts = confusion(right, guess, len(labels))
    correct = right == guess
    return {
        **_confusion(counts, labels, labels),
        "ece": round(expected_calibration_error(confidence, correct), 4),
        "reliability": reliability(confidence, correct, _BINS),
        "acceptance": threshold_sweep(confidence, correct),
        "guessing": {"accuracy": round(float(truth.mean(axis=0).max()), 4)},
    }


def _of_several(
    truth: NDArray[np.bool_], said: NDArray[np.bool_], scores: NDArray[np.float64], labels: Sequence[str]
) -> dict[str, Any]:
    share = truth.mean(axis=0)
    always = 2 * share / (1 + share)
    return {
        **_confusion(co_confusion(truth, said), (*labels, NOTHING), (*labels, NOTHING)),
        "ece": round(expected_calibration_error(scores.ravel(), truth.ravel()), 4),
        "reliability": reliability(scores.ravel(), truth.ravel(), _BINS),
        "acceptance": [],
        "guessing": {
            "macro_f1": round(float(always.mean()), 4),
            "hamming_loss": round(float(np.minimum(share, 1 - share).mean()), 4),
        },
    }


def co_confusion(truth: NDArray[np.bool_], said: NDArray[np.bool_]) -> NDArray[np.int64]:
    """What was claimed (column) where a label (row) was true, ``(labels + 1, labels + 1)``.

    The multi-label confusion matrix of Heydarian, Doyle and Samavi (IEEE Access, 2022), but that a claim
    too many stands in the last row where no label was missed: hits are on the diagonal; each label that was
    missed counts for every label that was claimed falsely in the same entry, or in the last column where
    none was.
    """
    hit, missed, false = truth & said, truth & ~said, ~truth & said
    one, other = missed.astype(np.int64), false.astype(np.int64)
    labels = truth.shape[1]
    counts = np.zeros((labels + 1, labels + 1), dtype=np.int64)
    counts[:labels, :labels] = one.T @ other + np.diag(hit.sum(axis=0))
    counts[:labels, labels] = one[~false.any(axis=1)].sum(axis=0)
    counts[labels, :labels] = other[~missed.any(axis=1)].sum(axis=0)
    return counts


def _confusion(counts: NDArray[np.int64], rows: Sequence[str], columns: Sequence[str]) -> dict[str, Any]:
    """The counts without rows and columns of zeros alone, and the commonest of those beside the diagonal."""
    shown = [place for place in range(len(rows)) if counts[place].any() or counts[:, place].any()]
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    total = int(wrong.sum())
    order = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    places = [divmod(int(place), len(columns)) for place in order]
    return {
        "rows": [rows[place] for place in shown],
        "columns": [columns[place] for place in shown],
        "confusion": counts[np.ix_(shown, shown)].tolist(),
        "errors": total,
        "pairs": [
            {
                "truth": rows[row],
                "said": columns[column],
                "n": int(wrong[row, column]),
                "share": round(float(wrong[row, column] / total), 4),
            }
            for row, column in places
            if wrong[row, column]
        ],
    }


def _of_label(
    truth: NDArray[np.bool_], said: NDArray[np.bool_], scores: NDArray[np.float64], threshold: float | None
) -> dict[str, Any]:
    tried = np.array(_SWEEP)
    # Each threshold stands as a label of its own.
    columns = np.broadcast_to(scores[:, np.newaxis], (len(scores), len(tried)))
    precision, recall, f1 = f1_at(columns, truth[:, np.newaxis], tried)
    best = float(best_thresholds(scores[:, np.newaxis], truth[:, np.newaxis])[0])
    best_f1 = float(f1_at(scores[:, np.newaxis], truth[:, np.newaxis], np.array([best]))[2][0])
    return {
        "counts": [int(part.sum()) for part in (truth & said, truth & ~said, ~truth & said, ~truth & ~said)],
        "threshold": None if threshold is None else round(threshold, 4),
        "ece": round(expected_calibration_error(scores, truth), 4),
        "roc": even_record(roc(scores, truth)),
        "precision_recall": even_record(precision_recall(scores, truth)),
        "reliability": reliability(scores, truth, _BINS),
        "sweep": {
            "threshold": list(_SWEEP),
            **{
                name: [round(float(value), 4) for value in values]
                for name, values in (("precision", precision), ("recall", recall), ("f1", f1))
            },
        },
        "best": {"threshold": round(best, 4), "f1": round(best_f1, 4)} if truth.any() else None,
    }
