"""Eight plain moods, weighted from the probabilities of 59 tags."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from core.mood_tags import GROUPS, TAGS

MOODS: Final = tuple(GROUPS)  # the eight moods, in the order of all mood weights

_MEMBERS: Final = np.array(
    [[(tag in tags) / len(tags) for tag in TAGS] for tags in GROUPS.values()], dtype=np.float32
)  # (8, 59)
_SMALLEST: Final = 1e-6
"""Probabilities are clipped to this and to 1 minus this, so that their logits are finite."""


@dataclass(frozen=True, slots=True)
class MoodScale:
    """Makes the eight moods of one mood head comparable; fitted with the head (`training.mood.moods`).

    Parameters
    ----------
    slope
        Factor of the mean logit of a mood's tags, above 0.
    offsets
        Added to each mood's score, in the order of `MOODS`.

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
    """The scale as JSON, for the metadata of a mood head."""
    offsets = dict(zip(MOODS, scale.offsets, strict=True))
    return json.dumps({"slope": scale.slope, "offsets": offsets})


def read_scale(text: str) -> MoodScale:
    """Parse what `write_scale` wrote.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError
        It is malformed, or made for other moods.
    """
    content = json.loads(text)
    offsets = content["offsets"]
    if tuple(offsets) != MOODS:
        raise ValueError(f"moods {', '.join(offsets)} instead of {', '.join(MOODS)}")
    return MoodScale(float(content["slope"]), tuple(float(value) for value in offsets.values()))


def clipped_logits(probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Finite logits of probabilities in [0, 1], float64, of the same shape."""
    clipped = np.clip(probabilities.astype(np.float64), _SMALLEST, 1.0 - _SMALLEST)
    logits: npt.NDArray[np.float64] = np.log(clipped / (1.0 - clipped))
    return logits


def mean_logits(probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Mean logit of each mood's tags, shape (n, 8), finite.

    Parameters
    ----------
    probabilities
        Shape (n, 59), in [0, 1].
    """
    means: npt.NDArray[np.float64] = clipped_logits(probabilities) @ _MEMBERS.T.astype(np.float64)
    return means


def mood_weights(
    probabilities: npt.NDArray[np.float32],
    thresholds: npt.NDArray[np.float32],
    scale: MoodScale | None = None,
) -> npt.NDArray[np.float32]:
    """Weights of the eight moods, in the order of `MOODS`; they sum to 1, or to 0 without probabilities.

    With a scale, a mood's strength is exp(slope * mean logit of its tags + its offset), so that over many
    tracks each mood leads as often as artists name it. Without one it is the mean over its tags of
    probability by threshold; then moods of few tags lead more often than moods of many.

    Parameters
    ----------
    probabilities
        float32, shape (n, 59), in [0, 1].
    thresholds
        float32, shape (59,), above 0; used without a scale.
    scale
        Of the mood head that gave the probabilities (`Head.moods`).
    """
    if scale is None:
        strength = (probabilities / thresholds @ _MEMBERS.T).astype(np.float64)  # (n, 8)
    else:
        scores = scale.slope * mean_logits(probabilities) + np.array(scale.offsets)
        strength = np.exp(scores - scores.max(axis=1, keepdims=True))
        strength *= probabilities.any(axis=1, keepdims=True)
    total = strength.sum(axis=1, keepdims=True)
    relative = np.divide(strength, total, out=np.zeros_like(strength), where=total > 0.0)
    weights: npt.NDArray[np.float32] = relative.astype(np.float32)
    return weights
