"""Owns the temperature: one divisor of the logits, fitted on people the network was not trained on."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from models.training.metrics import softmax

__all__ = ["balanced_weights", "fit_temperature", "weighted_nll"]

_LOWEST: Final = 0.05
_HIGHEST: Final = 20.0
_GOLDEN: Final = (np.sqrt(5.0) - 1.0) / 2.0


def weighted_nll(
    logits: NDArray[np.floating[Any]],
    truth: NDArray[np.int64],
    temperature: float,
    weights: NDArray[np.float64] | None = None,
) -> float:
    """Weighted mean negative log-likelihood in nats of ``softmax(logits / temperature)``."""
    share = softmax(logits, temperature)[np.arange(len(truth)), truth]
    return float(np.average(-np.log(np.maximum(share, 1e-300)), weights=weights))


def balanced_weights(groups: list[str]) -> NDArray[np.float64]:
    """Weights that let every group (corpus) count alike, ``(n,)``, mean 1."""
    names, which, counts = np.unique(groups, return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = len(groups) / (len(names) * counts[which].astype(np.float64))
    return weights


def fit_temperature(
    logits: NDArray[np.floating[Any]], truth: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> float:
    """Temperature of least negative log-likelihood (Guo et al., ICML 2017), by golden-section search.

    The likelihood is unimodal in the logarithm of the temperature, so the search cannot miss.

    Parameters
    ----------
    logits
        ``(n, classes)``, of people held out of training.
    truth
        ``(n,)``, indices of the true classes.
    weights
        Of the examples, ``(n,)``, or None for equal ones.

    Returns
    -------
    float
        In [0.05, 20].

    Raises
    ------
    DataError
        There are no examples, or logits are not finite.
    """
    if len(truth) == 0:
        raise DataError("There are no calibration clips: the temperature needs speakers outside training.")
    if not np.isfinite(logits).all():
        raise DataError("The network answers with NaN on calibration clips: its weights are damaged.")
    low, high = np.log(_LOWEST), np.log(_HIGHEST)
    while high - low > 1e-6:
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if weighted_nll(logits, truth, float(np.exp(left)), weights) < weighted_nll(
            logits, truth, float(np.exp(right)), weights
        ):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))
