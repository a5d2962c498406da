"""Owns how sure a figure is: bootstrap over speakers, and exact intervals of rates per hour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.training.metrics import (
    ACCEPT_AT,
    BINS,
    area_under_roc,
    binary_figures,
    confidence_bin,
    confusion,
    figures,
)

__all__ = [
    "DRAWS",
    "binary_figures_with_interval",
    "events_per_hour_interval",
    "figures_with_interval",
    "speaker_bootstrap",
]

DRAWS: Final = 1000
_LOW_HIGH: Final = (2.5, 97.5)


def figures_with_interval(
    probabilities: NDArray[np.float64],
    truth: NDArray[np.int64],
    speakers: Sequence[str],
    labels: Sequence[str],
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """`metrics.figures` as plain values, with ``accepted`` (how many clips) and their ``interval``.

    Parameters
    ----------
    probabilities
        ``(n, classes)``.
    truth, speakers
        ``(n,)``.
    labels
        Names of the classes.
    seed
        Of the bootstrap, see `speaker_bootstrap`.
    """
    return {
        **figures(probabilities, truth, labels).record(),
        "accepted": int((probabilities.max(axis=1) >= ACCEPT_AT).sum()),
        "interval": speaker_bootstrap(probabilities, truth, speakers, seed=seed),
    }


def speaker_bootstrap(
    probabilities: NDArray[np.float64],
    truth: NDArray[np.int64],
    speakers: Sequence[str],
    *,
    accept_at: float = ACCEPT_AT,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, tuple[float, float] | None]:
    """95 % percentile intervals of the figures, from speakers drawn with replacement.

    Clips of one voice resemble each other, so whole speakers are drawn, not clips (Efron and
    Tibshirani, 1993, ch. 8).

    Parameters
    ----------
    probabilities
        ``(n, classes)``.
    truth
        ``(n,)``.
    speakers
        Who speaks, ``(n,)``.
    accept_at
        Confidence from which an answer is accepted.
    draws
        Number of resamples.
    seed
        Of the draws.

    Returns
    -------
    dict
        ``ua``, ``wa``, ``macro_f1``, ``ece``, ``coverage``, ``accepted_accuracy``, each (low, high) or
        None: with a single speaker, or where fewer than half of the resamples have the figure.
    """
    names = ("ua", "wa", "macro_f1", "ece", "coverage", "accepted_accuracy")
    voices, voice_of = np.unique(np.array(speakers), return_inverse=True)
    if len(voices) < 2:
        return dict.fromkeys(names)
    classes = probabilities.shape[1]
    guess, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    correct = guess == truth
    tables, bins, accepted = [], [], []
    for voice in range(len(voices)):
        mine = voice_of == voice
        tables.append(confusion(truth[mine], guess[mine], classes))
        bins.append(_bin_gaps(confidence[mine], correct[mine]))
        sure = mine & (confidence >= accept_at)
        accepted.append((mine.sum(), sure.sum(), (sure & correct).sum()))
    drawn = np.random.default_rng(seed).multinomial(
        len(voices), np.full(len(voices), 1 / len(voices)), size=draws
    )  # (draws, speakers)
    table = np.tensordot(drawn, np.array(tables), axes=1).astype(np.float64)  # (draws, classes, classes)
    gaps = np.tensordot(drawn, np.array(bins), axes=1)  # (draws, bins)
    n, sure_n, right_n = (drawn @ np.array(accepted)).T.astype(np.float64)  # (draws,) each
    hits, said, had = np.diagonal(table, axis1=1, axis2=2), table.sum(axis=1), table.sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = np.where(had > 0, hits / had, np.nan)
        f1 = np.where(had > 0, 2 * hits / (had + said), np.nan)
        of_draw = {
            "ua": np.nanmean(recall, axis=1),
            "wa": hits.sum(axis=1) / n,
            "macro_f1": np.nanmean(f1, axis=1),
            "ece": np.abs(gaps).sum(axis=1) / n,
            "coverage": sure_n / n,
            "accepted_accuracy": right_n / sure_n,
        }
    return {name: _percentiles(of_draw[name]) for name in names}


def binary_figures_with_interval(
    probability: NDArray[np.float64],
    high: NDArray[np.bool_],
    speakers: Sequence[str],
    threshold: float,
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """`metrics.binary_figures` as plain values, with their ``interval`` as of `speaker_bootstrap`.

    Parameters
    ----------
    probability, high
        ``(n,)``, see `metrics.binary_figures`.
    speakers
        Who speaks, ``(n,)``.
    threshold
        Probability of the likelier side from which it is accepted.
    seed
        Of the bootstrap.
    """
    # The high side first: of even odds it is the answer, as in the figures.
    sides = np.column_stack([probability, 1.0 - probability])  # (n, 2)
    spread = speaker_bootstrap(sides, (~high).astype(np.int64), speakers, accept_at=threshold, seed=seed)
    return {
        **binary_figures(probability, high, threshold).record(),
        "interval": {
            "auc": _auc_interval(probability, high, speakers, seed),
            "accuracy": spread["wa"],
            **{name: spread[name] for name in ("ece", "coverage", "accepted_accuracy")},
        },
    }


def _auc_interval(
    probability: NDArray[np.float64], high: NDArray[np.bool_], speakers: Sequence[str], seed: int
) -> tuple[float, float] | None:
    """Of the area under the ROC curve, from the same draws of speakers."""
    voices, voice_of = np.unique(np.array(speakers), return_inverse=True)
    if len(voices) < 2:
        return None
    drawn = np.random.default_rng(seed).multinomial(
        len(voices), np.full(len(voices), 1 / len(voices)), size=DRAWS
    )  # (draws, speakers)
    areas = [area_under_roc(probability, high, times) for times in drawn[:, voice_of]]
    return _percentiles(np.array([np.nan if area is None else area for area in areas]))


def _bin_gaps(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Sum of confidence minus correctness in each bin, ``(BINS,)``: adds up over speakers."""
    gaps: NDArray[np.float64] = np.zeros(BINS)
    np.add.at(gaps, confidence_bin(confidence), confidence - correct)
    return gaps


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float] | None:
    known = values[np.isfinite(values)]
    if 2 * len(known) < len(values):
        return None
    low, high = np.percentile(known, _LOW_HIGH)
    return round(float(low), 4), round(float(high), 4)


def events_per_hour_interval(events: int, hours: float) -> tuple[float, float]:
    """Exact 95 % interval of a Poisson rate (Garwood, Biometrika 1936), in events per hour.

    Parameters
    ----------
    events
        How many were counted, at least 0.
    hours
        In how much sound, above 0.

    Returns
    -------
    low, high

    Raises
    ------
    ValueError
        Nothing was listened to, or the count is negative.
    """
    from scipy.stats import chi2  # noqa: PLC0415 - heavy, and only model makers have it

    if events < 0 or not hours > 0:
        raise ValueError(f"{events} events in {hours} hours have no rate")
    low = chi2.ppf(0.025, 2 * events) / 2 if events else 0.0
    high = chi2.ppf(0.975, 2 * events + 2) / 2
    return round(float(low / hours), 3), round(float(high / hours), 3)
