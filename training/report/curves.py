"""The curves of a classifier that may abstain: ROC, precision-recall, reliability, risk-coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.metrics import BINS, accepted_figures, confidence_bin

THRESHOLDS: Final = tuple(round(0.30 + 0.05 * step, 2) for step in range(14))
"""Thresholds of the gate that the sweep tries, 0.30 to 0.95."""


@dataclass(frozen=True)
class Curve:
    """A curve and the area that sums it up."""

    # Points in the order of the curve, float64, ``(points,)``, [0, 1]; area under it, [0, 1].
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    area: float

    def record(self, points: int = 101) -> dict[str, Any]:
        """Plain values, thinned to what a plot can show."""
        x, y = thin(self.x, self.y, points)
        return {
            "area": round(self.area, 4),
            "x": [round(float(value), 4) for value in x],
            "y": [round(float(value), 4) for value in y],
        }


def even_record(curve: Curve | None, points: int = 101) -> dict[str, Any] | None:
    """A curve as plain values, at even steps along its x.

    Of many answers `Curve.record` would skip the beginning, because it thins by rank.
    """
    if curve is None or len(curve.x) <= points:
        return curve.record() if curve else None
    even = np.linspace(0.0, 1.0, points)
    # Both ends of what is upright.
    steps = [np.searchsorted(curve.x, even), np.searchsorted(curve.x, even, side="right") - 1]
    keep = np.unique(np.clip(steps, 0, len(curve.x) - 1))
    return Curve(curve.x[keep], curve.y[keep], curve.area).record(2 * points)


def thin(
    x: NDArray[np.float64], y: NDArray[np.float64], points: int = 101
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most ``points`` of a curve, its ends among them."""
    if len(x) <= points:
        return x, y
    keep = np.unique(np.rint(np.linspace(0, len(x) - 1, points)).astype(np.int64))
    return x[keep], y[keep]


def roc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> Curve | None:
    """False against true positive rate of a class (Fawcett, 2006); None where all or none are of it."""
    from sklearn.metrics import auc, roc_curve  # noqa: PLC0415 - heavy, and only model makers have it

    if positive.all() or not positive.any():
        return None
    false_rate, true_rate, _ = roc_curve(positive, score, drop_intermediate=False)
    return Curve(false_rate, true_rate, float(auc(false_rate, true_rate)))


def precision_recall(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> Curve | None:
    """Recall against precision of one class, with average precision as its area; None without a positive."""
    from sklearn.metrics import average_precision_score, precision_recall_curve  # noqa: PLC0415

    if not positive.any():
        return None
    precision, recall, _ = precision_recall_curve(positive, score)
    precision, recall = precision[::-1].copy(), recall[::-1]
    # At recall 0 no precision is measured: begin at that of the highest score, not at scikit-learn's 1.
    precision[0] = precision[1]
    return Curve(recall, precision, float(average_precision_score(positive, score)))


def reliability(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = BINS
) -> list[dict[str, Any]]:
    """Confidence against accuracy in each bin that holds a clip (Guo et al., ICML 2017)."""
    which = confidence_bin(confidence, bins)
    return [
        {
            "low": round(index / bins, 4),
            "high": round((index + 1) / bins, 4),
            "n": int(np.sum(which == index)),
            "confidence": round(float(confidence[which == index].mean()), 4),
            "accuracy": round(float(correct[which == index].mean()), 4),
        }
        for index in np.unique(which)
    ]


def risk_coverage(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> Curve:
    """Share of wrong answers among the most confident ones, against their share of all.

    The area is the mean of that risk over all coverages, AURC; smaller is better (Geifman, Uziel
    and El-Yaniv, ICLR 2019). Errors among equally confident clips are spread over them evenly,
    because the order of such clips carries no information.

    Raises
    ------
    ValueError
        There is no clip.
    """
    if len(confidence) == 0:
        raise ValueError("a risk-coverage curve needs at least one clip")
    _, tie, size = np.unique(-confidence, return_inverse=True, return_counts=True)
    mean_error = np.bincount(tie, weights=~correct) / size
    errors = mean_error[np.sort(tie)]
    kept = np.arange(1, len(errors) + 1)
    risk = np.cumsum(errors) / kept
    return Curve(kept / len(errors), risk, float(risk.mean()))


def threshold_sweep(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], thresholds: Sequence[float] = THRESHOLDS
) -> list[dict[str, Any]]:
    """What the gate would accept at each threshold, and how much of it is right."""
    rows = []
    for threshold in thresholds:
        count, coverage, accuracy = accepted_figures(confidence, correct, threshold)
        accuracy = None if accuracy is None else round(accuracy, 4)
        rows.append(
            {"threshold": threshold, "n": count, "coverage": round(coverage, 4), "accuracy": accuracy}
        )
    return rows
