"""Figures of a classifier that may abstain: recalls, F1, calibration error, coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

ACCEPT_AT: Final = 0.70
"""Confidence from which the gate accepts by default."""
BINS: Final = 15
"""Equal bins of [0, 1] over which calibration is measured."""


def softmax(logits: NDArray[np.floating[Any]], temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities of ``logits / temperature``, same shape, along the last axis."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities


def masked(probabilities: NDArray[np.float64], only: Sequence[int]) -> NDArray[np.float64]:
    """Probabilities ``(n, classes)`` of the classes ``only``, renormalised; the others get 0."""
    mask = np.zeros(probabilities.shape[1])
    mask[list(only)] = 1.0
    kept = probabilities * mask
    result: NDArray[np.float64] = kept / np.maximum(kept.sum(axis=1, keepdims=True), 1e-12)
    return result


def confusion(truth: NDArray[np.int64], guess: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """How often each class (row) was taken for each class (column), ``(classes, classes)``."""
    from sklearn.metrics import confusion_matrix  # noqa: PLC0415 - heavy, of the extra `train`

    counts: NDArray[np.int64] = confusion_matrix(truth, guess, labels=np.arange(classes))
    return counts


def mean_recall(guess: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """Mean of the recalls of the classes that occur (UA), [0, 1].

    Indices of what was answered and of what is true, ``(n,)``, at least one.
    """
    from sklearn.metrics import recall_score  # noqa: PLC0415 - heavy, of the extra `train`

    return float(recall_score(truth, guess, labels=np.unique(truth), average="macro", zero_division=0))


def confidence_bin(confidence: NDArray[np.float64], bins: int = BINS) -> NDArray[np.int64]:
    """Index of the bin of [0, 1] that each confidence falls into, ``(n,)``."""
    which: NDArray[np.int64] = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    return which


def expected_calibration_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> float:
    """Mean gap between confidence and accuracy over equal bins (Guo et al., ICML 2017), 0 to 1.

    Confidence is the probability of the chosen class, correct whether it was right, ``(n,)`` each.
    """
    gaps = np.bincount(confidence_bin(confidence), weights=confidence - correct, minlength=BINS)
    return float(np.abs(gaps).sum() / len(correct))


def accepted_figures(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], accept_at: float = ACCEPT_AT
) -> tuple[int, float, float | None]:
    """Answers accepted from a confidence on: how many, their share, and the share of them that is right."""
    accepted = confidence >= accept_at
    right = float(correct[accepted].mean()) if accepted.any() else None
    return int(accepted.sum()), float(accepted.mean()), right


@dataclass(frozen=True)
class Figures:
    """What one evaluation says; shares in [0, 1]."""

    n: int  # clips
    # Mean of the class recalls, share right, mean F1, over the classes that occur.
    ua: float
    wa: float
    macro_f1: float
    recall: dict[str, float]  # by class name
    ece: float  # expected calibration error, 15 bins
    nll: float  # mean negative log-likelihood, nats
    # At confidence >= 0.70: share accepted, and share of those that are right (None: none accepted).
    coverage: float
    accepted_accuracy: float | None

    def record(self) -> dict[str, Any]:
        """Plain values, rounded to four digits."""
        return rounded(vars(self))


@dataclass(frozen=True)
class BinaryFigures:
    """What one evaluation of a two-sided answer says, such as lively or quiet; shares in [0, 1]."""

    n: int  # clips that have a side
    auc: float | None  # area under the ROC curve, see `_area_under_roc`
    accuracy: float  # share whose likelier side is right
    ece: float  # expected calibration error of the likelier side's probability, 15 bins of [0, 1]
    # At the threshold: clips accepted, their share, and share of those that are right (None: none accepted).
    accepted: int
    coverage: float
    accepted_accuracy: float | None

    def record(self) -> dict[str, Any]:
        """Plain values, rounded to four digits."""
        return rounded(vars(self))


def rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same plain values, numbers rounded to four digits."""
    plain: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            plain[key] = rounded(value)
        else:
            plain[key] = round(value, 4) if isinstance(value, float) else value
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
        ``(n, classes)``, rows sum to 1; truth has indices of classes, ``(n,)``.
    only
        Indices of the classes to choose from, see `masked`. Empty: all classes.

    Raises
    ------
    ValueError
        Without examples, or when the shapes do not fit.
    """
    from sklearn.metrics import precision_recall_fscore_support  # noqa: PLC0415 - heavy, of the extra `train`

    if len(truth) == 0 or probabilities.shape != (len(truth), len(labels)):
        raise ValueError(
            f"probabilities {probabilities.shape} do not fit {len(truth)} labels of {len(labels)} classes"
        )
    if len(only):
        probabilities = masked(probabilities, only)
    guess, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    correct, present = guess == truth, np.unique(truth)
    _, recall, f1, _ = precision_recall_fscore_support(truth, guess, labels=present, zero_division=0)
    _, coverage, accuracy = accepted_figures(confidence, correct)
    true_share = probabilities[np.arange(len(truth)), truth]
    return Figures(
        n=len(truth),
        ua=float(recall.mean()),
        wa=float(correct.mean()),
        macro_f1=float(f1.mean()),
        recall={labels[label]: float(share) for label, share in zip(present, recall, strict=True)},
        ece=expected_calibration_error(confidence, correct),
        nll=float(-np.log(np.maximum(true_share, 1e-12)).mean()),
        coverage=coverage,
        accepted_accuracy=accuracy,
    )


def _area_under_roc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float | None:
    """Probability that a positive example scores above a negative one, ties counted half (Fawcett, 2006)."""
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 - heavy, of the extra `train`

    return float(roc_auc_score(positive, score)) if positive.any() and not positive.all() else None


def binary_figures(
    probability: NDArray[np.float64], high: NDArray[np.bool_], threshold: float
) -> BinaryFigures:
    """All figures of one set of two-sided answers.

    Probability of the high side and whether it is true are ``(n,)``. The likelier side is the answer, of even
    odds the high one; it is accepted from the threshold on.

    Raises
    ------
    ValueError
        Without examples, or when the shapes do not fit.
    """
    if len(high) == 0 or probability.shape != high.shape:
        raise ValueError(f"probabilities {probability.shape} do not fit {len(high)} sides")
    confidence = np.maximum(probability, 1.0 - probability)
    correct = (probability >= 0.5) == high
    accepted, coverage, accuracy = accepted_figures(confidence, correct, threshold)
    return BinaryFigures(
        n=len(high),
        auc=_area_under_roc(probability, high),
        accuracy=float(correct.mean()),
        ece=expected_calibration_error(confidence, correct),
        accepted=accepted,
        coverage=coverage,
        accepted_accuracy=accuracy,
    )
