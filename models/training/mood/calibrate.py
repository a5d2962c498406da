"""Owns what turns logits into probabilities that can be believed, and the threshold of each tag."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError

__all__ = ["best_thresholds", "f1_at", "fit_calibration", "mean_nll", "sigmoid"]

_SHRINKAGE: Final = 300.0
"""Weight of the prior of an offset, normal around 0. A tag has 23 to 400 tracks on the validation side, of a
few dozen artists. Of 0, 1, 3, 10, 30, 100, 300 and no offsets, each fitted without a tenth of the validation
artists at a time, this gave the others the highest likelihood."""
_STEPS: Final = 50


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

    Platt's scaling (1999) with the slopes tied together and the offsets shrunk towards 0: a tag of two
    dozen tracks has too few to say both. The likelihood is concave, so Newton's steps cannot miss.

    Parameters
    ----------
    logits
        ``(tracks, tags)``, of artists whom the network did not learn from.
    labels
        ``(tracks, tags)``.
    shrinkage
        Weight of the prior of each offset, >= 0.

    Returns
    -------
    slope, offsets
        ``sigmoid(slope * logits + offsets)`` is calibrated; offsets ``(tags,)``.

    Raises
    ------
    DataError
        There are no tracks, none of them has a tag, or logits are not finite.
    """
    if not labels.any():
        raise DataError(
            f"None of {len(labels)} calibration tracks has a tag: probabilities cannot be fitted."
        )
    if not np.isfinite(logits).all():
        raise DataError("The mood head answers with NaN on calibration tracks: its weights are damaged.")
    tags = logits.shape[1]
    found = np.zeros(1 + tags)
    found[0] = 1.0
    for _ in range(_STEPS):
        probabilities = sigmoid(found[0] * logits + found[1:])
        wrong = probabilities - labels
        spread = probabilities * (1.0 - probabilities)
        gradient = np.concatenate([[(wrong * logits).sum()], wrong.sum(axis=0) + shrinkage * found[1:]])
        curve = np.diag(np.concatenate([[(spread * logits**2).sum()], spread.sum(axis=0) + shrinkage]))
        curve[0, 1:] = curve[1:, 0] = (spread * logits).sum(axis=0)
        step = np.linalg.solve(curve + 1e-9 * np.eye(1 + tags), gradient)
        found -= step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-9:
            break
    return float(found[0]), found[1:]


def best_thresholds(probabilities: NDArray[np.float64], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each tag the probability from which on saying it gives the best F1.

    The rule of the public baseline of MTG-Jamendo. A threshold lies halfway between the last track that is
    taken and the first that is not.

    Parameters
    ----------
    probabilities, labels
        Of validation tracks, ``(tracks, tags)``.

    Returns
    -------
    ndarray
        ``(tags,)``, in (0, 1]; 1 for a tag that no track has.
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
    """Precision, recall and F1 of every tag at its threshold, each ``(tags,)``; 0 where nothing is said."""
    said = probabilities >= thresholds
    hits = (said & labels).sum(axis=0)
    precision = hits / np.maximum(said.sum(axis=0), 1)
    recall = hits / np.maximum(labels.sum(axis=0), 1)
    f1 = 2 * hits / np.maximum(said.sum(axis=0) + labels.sum(axis=0), 1)
    return precision, recall, f1
