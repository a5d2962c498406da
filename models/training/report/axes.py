"""Owns the figures of energy and pleasantness: who has a side on an axis, and how well it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.settings import ENERGY_THRESHOLD, PLEASANTNESS_THRESHOLD
from models.emotion.labels import EMOTIONS, Emotion
from models.emotion.plane import ENERGETIC, PLEASANT, UNPLEASANT
from models.training.data.cache import Clip
from models.training.intervals import binary_figures_with_interval
from models.training.metrics import binary_figures
from models.training.report.curves import reliability, roc

__all__ = ["AXES", "SIDES", "AxisThresholds", "Probabilities", "axes_figures", "sides_of"]

AXES: Final = ("energy", "pleasantness")

SIDES: Final[Mapping[str, tuple[frozenset[Emotion], frozenset[Emotion]]]] = {
    "energy": (ENERGETIC, frozenset(EMOTIONS) - ENERGETIC - {Emotion.DISGUST}),
    "pleasantness": (PLEASANT, UNPLEASANT),
}
"""Emotions of the high and of the low side of each axis; the others have no side on it."""

Probabilities = Mapping[str, NDArray[np.float64] | None]
"""Of the high side of each axis, ``(clips,)``; None from a model that does not know the plane."""


@dataclass(frozen=True)
class AxisThresholds:
    """Confidence from which a side of each axis is accepted, 0.5 to 1."""

    energy: float = ENERGY_THRESHOLD
    pleasantness: float = PLEASANTNESS_THRESHOLD


def sides_of(axis: str, clips: Sequence[Clip]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """What is true of clips on an axis.

    Parameters
    ----------
    axis
        One of `AXES`.
    clips
        Of the eight emotions.

    Returns
    -------
    labelled, high : ndarray
        Which clips have a side, and which of them the high one, ``(clips,)`` each.
    """
    above, below = SIDES[axis]
    labelled = np.array([clip.emotion in above or clip.emotion in below for clip in clips], dtype=bool)
    high = np.array([clip.emotion in above for clip in clips], dtype=bool)
    return labelled, high


def axes_figures(
    probabilities: Probabilities,
    clips: Sequence[Clip],
    thresholds: AxisThresholds,
    *,
    seed: int | None = None,
    curves: bool = False,
) -> dict[str, dict[str, Any] | None] | None:
    """Figures of both axes on the clips that have a side.

    Parameters
    ----------
    probabilities
        See `Probabilities`.
    clips
        Who was asked.
    thresholds
        From which confidence a side is accepted.
    seed
        Of the bootstrap over speakers; None leaves the intervals out.
    curves
        With the curves.

    Returns
    -------
    dict or None
        By axis `metrics.BinaryFigures` as plain values, with ``threshold`` and, where asked for, ``interval``
        and ``roc`` (None where one side does not occur) and ``reliability``; None for an axis on which no
        clip has a side. None altogether where the model does not know the plane.
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
        answers, truth = given[labelled], high[labelled]
        figures = _figures(answers, truth, speakers, getattr(thresholds, axis), seed)
        result[axis] = {**figures, **(_curves(answers, truth) if curves else {})}
    return result


def _figures(
    answers: NDArray[np.float64],
    truth: NDArray[np.bool_],
    speakers: Sequence[str],
    threshold: float,
    seed: int | None,
) -> dict[str, Any]:
    if seed is None:
        return {"threshold": threshold, **binary_figures(answers, truth, threshold).record()}
    found = binary_figures_with_interval(answers, truth, speakers, threshold, seed=seed)
    return {"threshold": threshold, **found}


def _curves(answers: NDArray[np.float64], truth: NDArray[np.bool_]) -> dict[str, Any]:
    curve = roc(answers, truth)
    return {
        "roc": curve.record() if curve else None,
        "reliability": reliability(np.maximum(answers, 1.0 - answers), (answers >= 0.5) == truth),
    }
