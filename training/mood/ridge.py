"""Linear ridge regression on embeddings: all tags at once, in closed form."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

PENALTY: Final = 3.0
"""For each track to learn from, in units of the variance of a standardised input. On the validation side of
MTG-Jamendo 0.3 and 3 gave a mean PR-AUC of 0.110 and 0.112, and 3 more to the mean with networks."""
_SMALLEST_SPREAD: Final = 1e-3
_FARTHEST: Final = 6.0


def ridge_probabilities(
    embeddings: NDArray[np.float32], labels: NDArray[np.bool_], asked: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Probabilities of tags, clipped to [0, 1], of raw embeddings ``(asked, 1024)``.

    Regression of the labels ``(tracks, tags)`` on the standardised roots of embeddings ``(tracks, 1024)``
    (Hoerl and Kennard, 1970).
    """
    roots, wanted = np.sqrt(np.maximum(embeddings, 0.0)), np.sqrt(np.maximum(asked, 0.0))
    mean, spread = roots.mean(axis=0), np.maximum(roots.std(axis=0), _SMALLEST_SPREAD)
    known, new = (
        np.clip((rows - mean) / spread, -_FARTHEST, _FARTHEST).astype(np.float64) for rows in (roots, wanted)
    )
    shares = labels.mean(axis=0)
    penalty = PENALTY * len(known) * np.eye(known.shape[1])
    weights = np.linalg.solve(known.T @ known + penalty, known.T @ (labels - shares))
    answers: NDArray[np.float64] = np.clip(new @ weights + shares, 0.0, 1.0)
    return answers
