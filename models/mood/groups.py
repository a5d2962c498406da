"""Owns how 59 tags become eight plain moods for people."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from models.mood.tags import GROUPS, TAGS

__all__ = ["MOODS", "mood_weights"]

MOODS: Final = tuple(GROUPS)
"""The eight moods, in the order of every vector of weights."""

_MEMBERS: Final = np.array(
    [[(tag in tags) / len(tags) for tag in TAGS] for tags in GROUPS.values()], dtype=np.float32
)  # (8, 59)


def mood_weights(
    probabilities: npt.NDArray[np.float32], thresholds: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """How much of each mood there is beside the others.

    Every tag counts in units of the probability from which it is present: else the common tags (film,
    happy) would drown the rare ones. A mood is the mean of its tags, a weight its share of the eight.

    Parameters
    ----------
    probabilities
        float32, shape (n, 59), in [0, 1].
    thresholds
        float32, shape (59,), above 0.

    Returns
    -------
    weights
        float32, shape (n, 8), in the order of `MOODS`, rows summing to 1; to 0 where all probabilities are 0.
    """
    strength = probabilities / thresholds @ _MEMBERS.T  # (n, 8)
    total = strength.sum(axis=1, keepdims=True)
    weights: npt.NDArray[np.float32] = np.divide(
        strength, total, out=np.zeros_like(strength), where=total > 0.0
    )
    return weights
