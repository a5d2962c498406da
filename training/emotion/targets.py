"""What heads are to answer: the emotion, and energy and pleasantness where a label says something of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.directions import ENERGETIC, PLEASANT, UNPLEASANT
from core.emotions import EMOTIONS, Emotion
from training.data.ordinary import ORDINARY

_ORDINARY_CERTAINTY: Final = 0.5
"""Of neutral in ordinary talk: asked for as 1, clips of unseen corpora that sound like talk were claimed
to be neutral; with 0.4 to 0.6 neutral still leads in 96 to 99 % of other people's talk."""
_NAMES: Final = {str(emotion): emotion for emotion in EMOTIONS}


@dataclass(frozen=True)
class Targets:
    """Of every clip."""

    # int64, ``(clips,)``: index of the class; -1 where the label is none of the classes.
    labels: NDArray[np.int64]
    # float32, ``(clips,)``: probability of that class that is asked for; the rest is shared by all alike.
    # Below 1 for ordinary talk: neutral may be said, but not be claimed.
    certainty: NDArray[np.float32]
    # float32, ``(clips, 2)``: energy and pleasantness, 1 lively (pleasant), 0 quiet (unpleasant), 0.5 neither
    # for sure, NaN where the label says nothing of it.
    axes: NDArray[np.float32]


def axis_truth(emotion: str) -> tuple[float, float]:
    """Energy and pleasantness of a label: 1, 0, 0.5 (ordinary talk: nothing to claim) or NaN.

    Examples
    --------
    >>> axis_truth("angry"), axis_truth("neutral")
    ((1.0, 0.0), (0.0, nan))
    """
    if emotion == ORDINARY:
        return 0.5, 0.5
    if emotion not in _NAMES:
        return np.nan, np.nan
    name = _NAMES[emotion]
    energy = 1.0 if name in ENERGETIC else np.nan if name is Emotion.DISGUST else 0.0
    pleasantness = 1.0 if name in PLEASANT else 0.0 if name in UNPLEASANT else np.nan
    return energy, pleasantness


def targets_of(emotions: Sequence[str], classes: Sequence[str]) -> Targets:
    """Targets of clips with these labels; ordinary talk counts as neutral where that is a class."""
    index = {name: number for number, name in enumerate(classes)}
    index[ORDINARY] = index.get(ORDINARY, index.get(str(Emotion.NEUTRAL), -1))
    certainty = [_ORDINARY_CERTAINTY if emotion == ORDINARY else 1.0 for emotion in emotions]
    return Targets(
        labels=np.array([index.get(emotion, -1) for emotion in emotions], dtype=np.int64),
        certainty=np.array(certainty, dtype=np.float32),
        axes=np.array([axis_truth(emotion) for emotion in emotions], dtype=np.float32).reshape(-1, 2),
    )


def draw_probabilities(labels: Sequence[str], corpora: Sequence[str]) -> NDArray[np.float64]:
    """Probability of each clip in a draw, ``(clips,)``, sum 1.

    Each label of each corpus counts with its clips to the power 0.35, so that small ones are used without
    being worn out; within one, clips are equally likely.
    """
    pairs = list(zip(labels, corpora, strict=True))
    count = Counter(pairs)
    weights = np.array([count[pair] ** -0.65 for pair in pairs])
    probabilities: NDArray[np.float64] = weights / weights.sum()
    return probabilities
