"""Owns the curves of a classifier that may abstain: ROC, precision-recall, reliability, risk-coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.training.metrics import BINS, confidence_bin

__all__ = [
    "THRESHOLDS",
    "Curve",
    "precision_recall",
    "reliability",
    "risk_coverage",
    "roc",
    "thin",
    "threshold_sweep",
]

THRESHOLDS: Final = tuple(round(0.30 + 0.05 * step, 2) for step in range(14))
"""Gates that the sweep tries, 0.30 to 0.95."""


@dataclass(frozen=True)
class Curve:
    """A curve and the area that sums it up.

    Attributes
    ----------
    x, y
        Points in the order of the curve, float64, ``(points,)``, [0, 1].
    area
        Area under it, [0, 1].
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    area: float

    def record(self) -> dict[str, Any]:
        """Plain values, thinned to what a plot can show."""
        x, y = thin(self.x, self.y)
        return {
            "area": round(self.area, 4),
            "x": [round(float(value), 4) for value in x],
            "y": [round(float(value), 4) for value in y],
        }


def thin(
    x: NDArray[np.float64], y: NDArray[np.float64], points: int = 101
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most ``points`` of a curve, its ends among them."""
    if len(x) <= points:
        return x, y
    keep = np.unique(np.rint(np.linspace(0, len(x) - 1, points)).astype(np.int64))
    return x[keep], y[keep]


def roc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> Curve | None:
    """False against true positive rate of one class against all others (Fawcett, 2006).

    Ties are one step of the curve, so the area is the probability that a positive example scores
    above a negative one, ties counted half.

    Parameters
    ----------
    score
        Probability of the class, ``(n,)``.
    positive
        Whether the example is of the class, ``(n,)``.

    Returns
    -------
    Curve or None
        None where there is no positive or no negative example: the curve does not exist then.
    """
    if positive.all() or not positive.any():
        return None
    hits, alarms = _counts_by_score(score, positive)
    true_rate = np.concatenate([[0.0], hits / hits[-1]])
    false_rate = np.concatenate([[0.0], alarms / alarms[-1]])
    return Curve(false_rate, true_rate, float(np.trapezoid(true_rate, false_rate)))


def precision_recall(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> Curve | None:
    """Recall against precision of one class, with average precision as its area.

    Average precision is the sum of precision times the step of recall, without interpolation, which
    would be too kind (Davis and Goadrich, ICML 2006).

    Parameters
    ----------
    score, positive
        As in `roc`.

    Returns
    -------
    Curve or None
        None where there is no positive example.
    """
    if not positive.any():
        return None
    hits, alarms = _counts_by_score(score, positive)
    precision, recall = hits / (hits + alarms), hits / hits[-1]
    area = float(np.sum(precision * np.diff(recall, prepend=0.0)))
    return Curve(np.concatenate([[0.0], recall]), np.concatenate([[precision[0]], precision]), area)


def _counts_by_score(
    score: NDArray[np.float64], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positives and negatives at or above each distinct score, from the highest on."""
    order = np.argsort(-score, kind="stable")
    last_of_tie = np.append(np.diff(score[order]) != 0, True)
    hits = np.cumsum(positive[order])[last_of_tie].astype(np.float64)
    alarms = np.cumsum(~positive[order])[last_of_tie].astype(np.float64)
    return hits, alarms


def reliability(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = BINS
) -> list[dict[str, Any]]:
    """Confidence against accuracy in each bin that holds a clip (Guo et al., ICML 2017).

    Parameters
    ----------
    confidence
        Probability of the chosen class, ``(n,)``.
    correct
        Whether it was right, ``(n,)``.
    bins
        Equal bins of [0, 1].

    Returns
    -------
    list of dict
        ``low``, ``high`` (of the bin), ``n``, ``confidence`` and ``accuracy`` (means in the bin).
    """
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
    and El-Yaniv, ICLR 2019). Errors among equally confident clips are spread over them evenly, for
    their order says nothing.

    Parameters
    ----------
    confidence, correct
        As in `reliability`; at least one clip.

    Returns
    -------
    Curve
        ``x`` coverage, ``y`` risk.
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
    confidence: NDArray[np.float64],
    correct: NDArray[np.bool_],
    thresholds: Sequence[float] = THRESHOLDS,
) -> list[dict[str, Any]]:
    """What the gate would accept at each threshold, and how much of it is right.

    Returns
    -------
    list of dict
        ``threshold``, ``n`` accepted, ``coverage``, ``accuracy`` (None where nothing is accepted).
    """
    rows = []
    for threshold in thresholds:
        accepted = confidence >= threshold
        rows.append(
            {
                "threshold": threshold,
                "n": int(accepted.sum()),
                "coverage": round(float(accepted.mean()), 4),
                "accuracy": round(float(correct[accepted].mean()), 4) if accepted.any() else None,
            }
        )
    return rows
