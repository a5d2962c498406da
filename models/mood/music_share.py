"""How much of a sound is music, and from what share of music on it has a mood."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

MUSIC_FROM: Final = 0.2
"""Share of music below which a sound has no mood. Measured: models/weights/yamnet-student.md."""

_NONE_TO: Final = 0.1
_ALL_FROM: Final = 0.4
"""Score of music or singing up to which a patch is no music, and from which it is nothing else."""


def music_shares(class_scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """How much of each patch is music, from 0 (none) to 1; float32, shape (n,).

    Parameters
    ----------
    class_scores
        float32, shape (n, 4): scores of music, speech, singing and silence, from `AudioClassReader.read`.
    """
    scores = np.maximum(class_scores[:, 0], class_scores[:, 2])
    shares: npt.NDArray[np.float32] = np.clip((scores - _NONE_TO) / (_ALL_FROM - _NONE_TO), 0.0, 1.0)
    return shares.astype(np.float32)
