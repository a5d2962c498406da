"""Owns how 59 tags become eight plain moods for people."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from models.mood.tags import GROUPS, TAGS

__all__ = ["MOODS", "MoodScale", "mean_logits", "mood_weights", "read_scale", "write_scale"]

MOODS: Final = tuple(GROUPS)
"""The eight moods, in the order of every vector of weights."""

_MEMBERS: Final = np.array(
    [[(tag in tags) / len(tags) for tag in TAGS] for tags in GROUPS.values()], dtype=np.float32
)  # (8, 59)
_SMALLEST: Final = 1e-6
"""Probabilities end there and as far below 1: their logits stay finite."""


@dataclass(frozen=True, slots=True)
class MoodScale:
    """What makes the eight moods of one head comparable; fitted with it (`models.training.mood.moods`).

    Parameters
    ----------
    slope
        By which the mean logit of a mood's tags counts, above 0.
    offsets
        What is added for each mood, in the order of `MOODS`.

    Raises
    ------
    ValueError
        There are not eight offsets, the slope is not above 0, or a number is not finite.
    """

    slope: float
    offsets: tuple[float, ...]

    def __post_init__(self) -> None:
        numbers = (self.slope, *self.offsets)
        if len(numbers) != 1 + len(MOODS) or not all(map(math.isfinite, numbers)) or self.slope <= 0.0:
            raise ValueError(f"a slope above 0 and {len(MOODS)} offsets are needed, not {numbers}")


def write_scale(scale: MoodScale) -> str:
    """The scale as JSON, for the metadata of a head."""
    offsets = dict(zip(MOODS, scale.offsets, strict=True))
    return json.dumps({"slope": scale.slope, "offsets": offsets})


def read_scale(text: str) -> MoodScale:
    """The scale that `write_scale` wrote.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError
        The text says something else, or is for other moods.
    """
    content = json.loads(text)
    offsets = content["offsets"]
    if tuple(offsets) != MOODS:
        raise ValueError(f"moods {', '.join(offsets)} instead of {', '.join(MOODS)}")
    return MoodScale(float(content["slope"]), tuple(float(value) for value in offsets.values()))


def mean_logits(probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Mean logit of each mood's tags.

    Parameters
    ----------
    probabilities
        Shape (n, 59), in [0, 1].

    Returns
    -------
    logits
        float64, shape (n, 8), finite.
    """
    inside = np.clip(probabilities.astype(np.float64), _SMALLEST, 1.0 - _SMALLEST)
    logits: npt.NDArray[np.float64] = np.log(inside / (1.0 - inside)) @ _MEMBERS.T.astype(np.float64)
    return logits


def mood_weights(
    probabilities: npt.NDArray[np.float32],
    thresholds: npt.NDArray[np.float32],
    scale: MoodScale | None = None,
) -> npt.NDArray[np.float32]:
    """How much of each mood there is beside the others.

    With a scale a mood's strength is exp(slope * mean logit of its tags + its offset), so that over many
    tracks each leads as often as artists say it. Without one it is the mean of its tags, each in units of the
    probability from which it is present: then a mood of three tags leads oftener than one of a dozen.

    Parameters
    ----------
    probabilities
        float32, shape (n, 59), in [0, 1].
    thresholds
        float32, shape (59,), above 0; they count where there is no scale.
    scale
        Of the head that gave the probabilities (`HeadInfo.moods`).

    Returns
    -------
    weights
        float32, shape (n, 8), in the order of `MOODS`, rows summing to 1; to 0 where all probabilities are 0.
    """
    if scale is None:
        strength = (probabilities / thresholds @ _MEMBERS.T).astype(np.float64)  # (n, 8)
    else:
        scores = scale.slope * mean_logits(probabilities) + np.array(scale.offsets)
        strength = np.exp(scores - scores.max(axis=1, keepdims=True))
        strength *= probabilities.any(axis=1, keepdims=True)
    total = strength.sum(axis=1, keepdims=True)
    shares = np.divide(strength, total, out=np.zeros_like(strength), where=total > 0.0)
    weights: npt.NDArray[np.float32] = shares.astype(np.float32)
    return weights
