"""What turns logits of tags into probabilities that can be believed, and the threshold of each tag."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError

_SHRINKAGE: Final = 300.0
"""Weight of the prior of an offset, normal around 0. A tag has 23 to 400 tracks on the validation side, of a
few dozen artists. Of 0, 1, 3, 10, 30, 100, 300 and no offsets, each fitted without a tenth of the validation
artists at a time, this gave the others the highest likelihood."""


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of logits, same shape."""
    clipped: NDArray[np.float64] = np.clip(logits, -60.0, 60.0)
    result: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-clipped))
    return result


def mean_nll(probabilities: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    """Mean negative log-likelihood of one tag of one track, in nats; both ``(tracks, tags)``."""
    right = np.where(labels, probabilities, 1.0 - probabilities)
    return float(-np.log(np.maximum(right, 1e-12)).mean())


def fit_calibration(
    logits: NDArray[np.float64], labels: NDArray[np.bool_], *, shrinkage: float = _SHRINKAGE
) -> tuple[float, NDArray[np.float64]]:
    """One slope for all tags and an offset for each, of least penalised log-likelihood.

    Platt's scaling (1999) with the slopes tied together and the offsets shrunk towards 0: a tag of two dozen
    tracks has too few to say both. Logits and labels are ``(tracks, tags)``, of artists whom the network was
    not trained on.

    Returns
    -------
    slope, offsets
        ``sigmoid(slope * logits + offsets)`` is calibrated; offsets ``(tags,)``.

    Raises
    ------
    DataError
        There are no tracks, none of them has a tag, or logits are not finite.
    """
    from scipy.optimize import root  # noqa: PLC0415 - only while fitting

    if not labels.any():
        raise DataError(
            f"None of {len(labels)} calibration tracks has a tag: probabilities cannot be fitted."
        )
    if not np.isfinite(logits).all():
        raise DataError("The mood head answers with NaN on calibration tracks: its weights are damaged.")

    def gradient_and_hessian(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        probabilities = sigmoid(values[0] * logits + values[1:])
        wrong = probabilities - labels
        spread = probabilities * (1.0 - probabilities)
        gradient = np.concatenate([[(wrong * logits).sum()], wrong.sum(axis=0) + shrinkage * values[1:]])
        hessian = np.diag(np.concatenate([[(spread * logits**2).sum()], spread.sum(axis=0) + shrinkage]))
        hessian[0, 1:] = hessian[1:, 0] = (spread * logits).sum(axis=0)
        return gradient, hessian + 1e-9 * np.eye(len(values))

    start = np.concatenate([[1.0], np.zeros(logits.shape[1])])
    found = root(gradient_and_hessian, start, jac=True, tol=1e-12).x  # the likelihood is concave: one root
    return float(found[0]), found[1:]


def best_thresholds(probabilities: NDArray[np.float64], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each tag the probability from which on claiming it gives the best F1, ``(tags,)``, in (0, 1].

    The rule of the public baseline of MTG-Jamendo. A threshold lies halfway between the last track that is
    taken and the first that is not; it is 1 for a tag that no track has. Both are of validation tracks,
    ``(tracks, tags)``.
    """
    thresholds: NDArray[np.float64] = np.ones(labels.shape[1])
    for tag in np.flatnonzero(labels.any(axis=0)):
        order = np.argsort(-probabilities[:, tag], kind="stable")
        score, right = probabilities[order, tag], labels[order, tag]
        hits, taken = np.cumsum(right), np.arange(1, len(right) + 1)
        f1 = 2 * hits / (taken + right.sum())
        f1[:-1][np.diff(score) == 0] = -1.0  # a threshold cannot part equal answers
        best = int(np.argmax(f1))
        below = score[best + 1] if best + 1 < len(score) else 0.0
        thresholds[tag] = (score[best] + below) / 2
    return thresholds


def f1_at(
    probabilities: NDArray[np.float64], labels: NDArray[np.bool_], thresholds: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Precision, recall and F1 of every tag at its threshold, each ``(tags,)``; 0 where none is claimed."""
    claimed = probabilities >= thresholds
    hits, claims, present = (claimed & labels).sum(axis=0), claimed.sum(axis=0), labels.sum(axis=0)
    f1 = 2 * hits / np.maximum(claims + present, 1)
    return hits / np.maximum(claims, 1), hits / np.maximum(present, 1), f1
