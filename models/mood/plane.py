"""Position of music on the plane of energy and pleasantness, from the probabilities of its tags."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from core.mood_tags import TAGS
from models.mood.mood_scale import clipped_logits

LEXICON: Final[Mapping[str, tuple[float, float]]] = {
    "action": (6.0, 6.2),
    "adventure": (7.4, 6.4),
    "advertising": (4.7, 3.2),
    "background": (5.0, 3.7),
    "ballad": (6.3, 3.6),
    "calm": (6.9, 1.7),
    "children": (6.4, 5.1),
    "christmas": (8.4, 5.9),
    "commercial": (4.1, 4.4),
    "cool": (6.8, 3.4),
    "corporate": (4.9, 4.7),
    "dark": (5.1, 4.1),
    "deep": (5.4, 3.9),
    "documentary": (5.9, 3.8),
    "drama": (4.4, 5.1),
    "dramatic": (5.2, 6.6),
    "dream": (7.4, 4.4),
    "emotional": (5.1, 5.3),
    "energetic": (7.6, 6.1),
    "epic": (7.2, 4.8),
    "fast": (4.6, 6.5),
    "film": (6.3, 4.1),
    "fun": (8.4, 6.3),
    "funny": (7.6, 5.4),
    "game": (6.8, 5.0),
    "groovy": (6.4, 4.7),
    "happy": (8.5, 6.0),
    "heavy": (4.8, 3.6),
    "holiday": (7.2, 4.9),
    "hopeful": (7.4, 4.8),
    "inspiring": (7.4, 5.9),
    "love": (8.0, 5.4),
    "meditative": (6.5, 2.9),
    "melancholic": (3.7, 4.1),
    "melodic": (6.7, 4.9),
    "motivational": (6.8, 6.4),
    "movie": (7.2, 4.4),
    "nature": (6.9, 4.0),
    "party": (7.2, 6.1),
    "positive": (7.6, 5.5),
    "powerful": (6.5, 5.4),
    "relaxing": (8.2, 4.3),
    "retro": (5.6, 4.0),
    "romantic": (7.6, 5.1),
    "sad": (2.1, 3.5),
    "sexy": (7.4, 6.8),
    "slow": (4.0, 2.9),
    "soft": (7.1, 3.0),
    "soundscape": (6.3, 3.9),
    "space": (6.9, 3.6),
    "sport": (7.0, 4.7),
    "summer": (7.5, 5.5),
    "trailer": (4.4, 2.9),
    "travel": (7.9, 5.5),
    "upbeat": (7.1, 4.9),
    "uplifting": (7.0, 4.7),
}
"""Tag -> valence and arousal ratings of the word, each from 1 to 9.

Source: Warriner et al., "Norms of valence, arousal, and dominance for 13,915 English
lemmas", Behavior Research Methods 45, 2013, as `moodtag_va_scores.csv` gives them for the tags of
MTG-Jamendo, rounded. Three tags (ambiental, horror, mellow) have no rating and do not count."""

_PLEASANTNESS: Final = (0.0517, 0.0632)
_ENERGY: Final = (-0.0436, 0.1232)
"""Mean and standard deviation of `scores` over the 18 203 tracks of MTG-Jamendo, with the embedded head
(`benchmarks.mood_plane`)."""

_SHRINK: Final = 1.0
"""Ridge penalty in units of variance: with none the fit ignores, with much it inherits, that the two ratings
correlate (r = 0.39), by which lively music would always be pleasant."""


def _directions() -> npt.NDArray[np.float64]:
    known = np.array([tag in LEXICON for tag in TAGS])
    words = np.array([LEXICON[tag] for tag in TAGS if tag in LEXICON])
    words -= words.mean(axis=0)
    gram = words.T @ words + _SHRINK * len(words) * np.eye(2)
    directions = np.zeros((len(TAGS), 2))
    directions[known] = words @ np.linalg.inv(gram)
    return directions


DIRECTIONS: Final = _directions()
"""Contribution of each tag's logit to pleasantness and energy: float64, shape (59, 2)."""


def scores(probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Pleasantness and energy, (n, 2), by ridge regression of the words' ratings on the tags' logits.

    Parameters
    ----------
    probabilities
        Shape (n, 59), in [0, 1], in the order of `TAGS`.
    """
    result: npt.NDArray[np.float64] = clipped_logits(probabilities) @ DIRECTIONS
    return result


def plane_positions(probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Position of music on the plane, relative to the music of MTG-Jamendo.

    The mean over MTG-Jamendo is subtracted, so what counts is how far a tag stands out from what is usual for
    it, however rare it is. The position is a rank: at an energy of 0 half of the tracks are livelier, at 0.5
    a quarter (the scores are nearly normally distributed).

    Parameters
    ----------
    probabilities
        Shape (n, 59), in [0, 1], in the order of `TAGS`.

    Returns
    -------
    positions
        float64, shape (n, 2): pleasantness and energy, from -1 to 1; NaN where all probabilities are 0, which
        means silence.
    """
    means, deviations = np.array([_PLEASANTNESS, _ENERGY]).T
    ranks = (scores(probabilities) - means) / deviations / math.sqrt(2.0)
    positions = np.vectorize(math.erf, otypes=[np.float64])(ranks)
    positions[~probabilities.any(axis=1)] = np.nan
    return np.asarray(positions, dtype=np.float64)
