"""Owns the figures of a classifier that may abstain: recalls, F1, calibration error, coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ACCEPT_AT",
    "BINS",
    "BinaryFigures",
    "Figures",
    "area_under_roc",
    "binary_figures",
    "confidence_bin",
    "confusion",
    "expected_calibration_error",
    "figures",
    "masked",
    "mean_recall",
    "plain_record",
    "softmax",
]

ACCEPT_AT: Final = 0.70
"""Confidence from which the gate accepts by default."""
BINS: Final = 15
"""Equal bins of [0, 1] over which calibration is judged."""


def softmax(logits: NDArray[np.floating[Any]], temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities of ``logits / temperature``, same shape, along the last axis."""
    scaled = logits.astype(np.float64) / temperature
    scaled = scaled - scaled.max(axis=-1, keepdims=True)
    powers = np.exp(scaled)
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities


def masked(probabilities: NDArray[np.float64], only: Sequence[int]) -> NDArray[np.float64]:
    """Probabilities of the classes ``only``, renormalised; the others get 0. Same shape."""
    mask = np.zeros(probabilities.shape[1])
    mask[list(only)] = 1.0
    kept = probabilities * mask
    result: NDArray[np.float64] = kept / np.maximum(kept.sum(axis=1, keepdims=True), 1e-12)
    return result


def confusion(truth: NDArray[np.int64], guess: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """How often each class (row) was called each class (column), ``(classes, classes)``."""
    counts: NDArray[np.int64] = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (truth, guess), 1)
    return counts


def mean_recall(guess: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """Mean of the recalls of the classes that occur (UA), [0, 1].

    Parameters
    ----------
    guess, truth
        Indices of what was answered and of what is true, ``(n,)``, at least one.
    """
    return float(np.mean([np.mean(guess[truth == label] == label) for label in np.unique(truth)]))


def confidence_bin(confidence: NDArray[np.float64], bins: int = BINS) -> NDArray[np.int64]:
    """Index of the bin of [0, 1] that each confidence falls into, ``(n,)``."""
    which: NDArray[np.int64] = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    return which


def expected_calibration_error(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = BINS
) -> float:
    """Mean gap between confidence and accuracy over equal bins (Guo et al., ICML 2017).

    Parameters
    ----------
    confidence
        Probability of the chosen class, ``(n,)``, [0, 1].
    correct
        Whether it was right, ``(n,)``.
    bins
        Number of equal bins of [0, 1].

    Returns
    -------
    float
        In [0, 1]; 0 is perfectly calibrated.
    """
    which = confidence_bin(confidence, bins)
    gap = 0.0
    for index in range(bins):
        inside = which == index
        if inside.any():
            gap += float(inside.mean()) * abs(
                float(confidence[inside].mean()) - float(correct[inside].mean())
            )
    return gap


@dataclass(frozen=True)
class Figures:
    """What one evaluation says; shares in [0, 1].

    Attributes
    ----------
    n
        Clips.
    ua, wa, macro_f1
        Mean of the class recalls, share right, mean F1, over the classes that occur.
    recall
        By class name.
    ece
        Expected calibration error, 15 bins.
    nll
        Mean negative log-likelihood, nats.
    coverage, accepted_accuracy
        At confidence >= 0.70: share accepted, and share of those that are right (None: none accepted).
    """

    n: int
    ua: float
    wa: float
    macro_f1: float
    recall: dict[str, float]
    ece: float
    nll: float
    coverage: float
    accepted_accuracy: float | None

    def record(self) -> dict[str, Any]:
        """Plain values, rounded to four digits."""
        return plain_record(vars(self))


@dataclass(frozen=True)
class BinaryFigures:
    """What one evaluation of a two-sided answer says, such as lively or quiet; shares in [0, 1].

    Attributes
    ----------
    n
        Clips that have a side.
    auc
        Probability that a clip of the high side gets the higher answer, ties counted half; None where
        one side does not occur.
    accuracy
        Share whose likelier side is right.
    ece
        Expected calibration error of the likelier side's probability, 15 bins of [0, 1].
    accepted, coverage, accepted_accuracy
        At the threshold: clips accepted, their share, and share of those that are right (None: none
        accepted).
    """

    n: int
    auc: float | None
    accuracy: float
    ece: float
    accepted: int
    coverage: float
    accepted_accuracy: float | None

    def record(self) -> dict[str, Any]:
        """Plain values, rounded to four digits."""
        return plain_record(vars(self))


def plain_record(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values of figures by name, floats rounded to four digits."""
    plain: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, float):
            plain[key] = round(value, 4)
        elif isinstance(value, dict):
            plain[key] = {name: round(share, 4) for name, share in value.items()}
        else:
            plain[key] = value
    return plain


def figures(
    probabilities: NDArray[np.float64],
    truth: NDArray[np.int64],
    labels: Sequence[str],
    *,
    only: Sequence[int] = (),
) -> Figures:
    """All figures of one set of predictions.

    Parameters
    ----------
    probabilities
        ``(n, classes)``, rows sum to 1.
    truth
        ``(n,)``, indices of the true classes.
    labels
        Names of the classes.
    only
        Indices of the classes to choose from; the others are masked out and the rest renormalised.
        Empty: all classes.

    Returns
    -------
    Figures

    Raises
    ------
    ValueError
        Without examples, or when the shapes do not fit.
    """
    if len(truth) == 0 or probabilities.shape != (len(truth), len(labels)):
        raise ValueError(
            f"probabilities {probabilities.shape} do not fit {len(truth)} labels of {len(labels)} classes"
        )
    if len(only):
        probabilities = masked(probabilities, only)
    guess, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    correct = guess == truth
    recall: dict[str, float] = {}
    f1 = []
    for label in np.unique(truth):
        hits = float(np.sum(correct & (truth == label)))
        recall[labels[label]] = hits / float(np.sum(truth == label))
        f1.append(2 * hits / float(np.sum(truth == label) + np.sum(guess == label)))
    accepted = confidence >= ACCEPT_AT
    true_share = probabilities[np.arange(len(truth)), truth]
    return Figures(
        n=len(truth),
        ua=mean_recall(guess, truth),
        wa=float(correct.mean()),
        macro_f1=float(np.mean(f1)),
        recall=recall,
        ece=expected_calibration_error(confidence, correct),
        nll=float(-np.log(np.maximum(true_share, 1e-12)).mean()),
        coverage=float(accepted.mean()),
        accepted_accuracy=float(correct[accepted].mean()) if accepted.any() else None,
    )


def area_under_roc(
    score: NDArray[np.float64], positive: NDArray[np.bool_], times: NDArray[np.integer[Any]] | None = None
) -> float | None:
    """Probability that a positive example scores above a negative one, ties counted half (Fawcett, 2006).

    Parameters
    ----------
    score
        Any rising function of the probability, ``(n,)``.
    positive
        Which examples are positive, ``(n,)``.
    times
        How often each example counts, ``(n,)``; None: once.

    Returns
    -------
    float or None
        None where there is no positive or no negative example.
    """
    _, place = np.unique(score, return_inverse=True)
    every = np.bincount(place, weights=times)
    ups = np.bincount(place, weights=positive if times is None else positive * times)
    downs = every - ups
    pairs = ups.sum() * downs.sum()
    return float(ups @ (np.cumsum(downs) - 0.5 * downs) / pairs) if pairs else None


def binary_figures(
    probability: NDArray[np.float64], high: NDArray[np.bool_], threshold: float
) -> BinaryFigures:
    """All figures of one set of two-sided answers.

    Parameters
    ----------
    probability
        Of the high side, ``(n,)``, [0, 1]; the likelier side is the answer, and even odds are the high one.
    high
        Whether that side is true, ``(n,)``.
    threshold
        Probability of the likelier side from which it is accepted.

    Raises
    ------
    ValueError
        Without examples, or when the shapes do not fit.
    """
    if len(high) == 0 or probability.shape != high.shape:
        raise ValueError(f"probabilities {probability.shape} do not fit {len(high)} sides")
    confidence = np.maximum(probability, 1.0 - probability)
    correct = (probability >= 0.5) == high
    accepted = confidence >= threshold
    return BinaryFigures(
        n=len(high),
        auc=area_under_roc(probability, high),
        accuracy=float(correct.mean()),
        ece=expected_calibration_error(confidence, correct),
        accepted=int(accepted.sum()),
        coverage=float(accepted.mean()),
        accepted_accuracy=float(correct[accepted].mean()) if accepted.any() else None,
    )
