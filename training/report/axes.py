"""The figures of energy and pleasantness: which clips have a side on an axis, and how well it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.settings import ENERGY_THRESHOLD, PLEASANTNESS_THRESHOLD
from training.data.cache import Clip
from training.emotion.targets import axis_truth
from training.intervals import binary_figures_with_interval
from training.metrics import binary_figures
from training.report.curves import reliability, roc

AXES: Final = ("energy", "pleasantness")

AxisProbabilities = Mapping[str, NDArray[np.float64] | None]
"""Of the high side of each axis, ``(clips,)``; None from a model that knows emotions alone."""


@dataclass(frozen=True)
class AxisThresholds:
    """Confidence from which a side of each axis is accepted, 0.5 to 1."""

    energy: float = ENERGY_THRESHOLD
    pleasantness: float = PLEASANTNESS_THRESHOLD


def sides_of(axis: str, clips: Sequence[Clip]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which clips have a side on an axis of `AXES`, and which of them the high one, ``(clips,)`` each."""
    truth = np.array([axis_truth(clip.emotion)[AXES.index(axis)] for clip in clips])
    return np.isin(truth, (0, 1)), truth == 1


def axes_figures(
    probabilities: AxisProbabilities,
    clips: Sequence[Clip],
    thresholds: AxisThresholds,
    *,
    seed: int | None = None,
    curves: bool = False,
) -> dict[str, dict[str, Any] | None] | None:
    """Figures of both axes on the clips that have a side.

    Without a seed of the bootstrap the intervals are left out.

    Returns
    -------
    dict or None
        By axis `metrics.BinaryFigures` as plain values, with ``threshold`` and, where asked for, ``interval``
        and ``roc`` (None where one side does not occur) and ``reliability``; None for an axis on which no
        clip has a side. None altogether from a model that knows emotions alone.
    """
    if all(probabilities[axis] is None for axis in AXES):
        return None
    result: dict[str, dict[str, Any] | None] = {}
    for axis in AXES:
        given, (labelled, high) = probabilities[axis], sides_of(axis, clips)
        if given is None or not labelled.any():
            result[axis] = None
            continue
        speakers = [clip.speaker for clip, has_side in zip(clips, labelled, strict=True) if has_side]
        predicted, truth, threshold = given[labelled], high[labelled], getattr(thresholds, axis)
        figures = (
            binary_figures(predicted, truth, threshold).record()
            if seed is None
            else binary_figures_with_interval(predicted, truth, speakers, threshold, seed=seed)
        )
        result[axis] = {
            "threshold": threshold,
            **figures,
            **(_curves(predicted, truth) if curves else {}),
        }
    return result


def _curves(predicted: NDArray[np.float64], truth: NDArray[np.bool_]) -> dict[str, Any]:
    curve = roc(predicted, truth)
    return {
        "roc": curve.record() if curve else None,
        "reliability": reliability(np.maximum(predicted, 1.0 - predicted), (predicted >= 0.5) == truth),
    }
