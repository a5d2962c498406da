"""What answers of values say: scatter, errors, intervals and categories of one regression of tracks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.track.answers import categories_of
from training.metrics import confusion
from training.report.track_entries import MeasuredTask

_POINTS: Final = 1500
_ERROR_BINS: Final = 31


def value_record(measured: MeasuredTask, *, seed: int = 0) -> dict[str, Any]:
    """All but the plain figures of a regression.

    Returns
    -------
    dict
        Plain values, by label: ``points`` (truth and answer, at most 1500 drawn by chance), ``histogram`` of
        the errors (``edges`` and ``counts``), ``coverage`` of the model's intervals (``nominal`` and
        ``actual`` share of truths within), ``categories``, their ``confusion`` (truth by answer) and
        ``guessing``, the mean absolute error of always answering the mean.
    """
    parts = enumerate(zip(measured.task.labels, measured.served.bounds, measured.served.errors, strict=True))
    return {
        "by_label": {
            label: _of_value(
                label, measured.targets[:, place], measured.answers[:, place], bounds, errors, seed
            )
            for place, (label, bounds, errors) in parts
        }
    }


def _of_value(
    label: str,
    targets: NDArray[np.float32],
    answers: NDArray[np.float32],
    bounds: tuple[float, float],
    errors: Sequence[float],
    seed: int,
) -> dict[str, Any]:
    known = np.isfinite(targets)
    truth, given = targets[known].astype(np.float64), answers[known].astype(np.float64)
    shown = np.sort(np.random.default_rng(seed).permutation(len(truth))[:_POINTS])
    wrong = given - truth
    widest = max(float(np.abs(wrong).max()), 1e-9)
    counts, edges = np.histogram(wrong, bins=_ERROR_BINS, range=(-widest, widest))
    places = [np.searchsorted(bounds, values, side="right") for values in (truth, given)]
    return {
        "points": [[float(f"{truth[place]:.5g}"), float(f"{given[place]:.5g}")] for place in shown],
        "histogram": {"edges": [float(f"{edge:.5g}") for edge in edges], "counts": counts.tolist()},
        "coverage": _coverage(truth - given, errors),
        "categories": list(categories_of(label)),
        "bounds": [float(f"{bound:.5g}") for bound in bounds],
        "confusion": confusion(places[0], places[1], 3).tolist(),
        "guessing": {"mae": round(float(np.abs(truth - truth.mean()).mean()), 4)},
    }


def _coverage(wrong: NDArray[np.float64], errors: Sequence[float]) -> list[dict[str, float]]:
    """Share of truths within the intervals that the model gives, narrow to wide.

    The model carries quantiles of its errors on validation entries; two of them, as far from the lowest as
    from the highest, bound an interval of known nominal share.
    """
    if not errors:
        return []
    levels = np.linspace(0.025, 0.975, len(errors))
    rows = []
    for low in range(len(errors) // 2 - 1, -1, -1):
        high = len(errors) - 1 - low
        within = (wrong >= errors[low]) & (wrong <= errors[high])
        rows.append(
            {
                "nominal": round(float(levels[high] - levels[low]), 4),
                "actual": round(float(within.mean()), 4),
            }
        )
    return rows
