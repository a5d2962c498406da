"""The scores that answers of tempo and key are judged by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.track.features import PITCH_CLASSES

_TOLERANCE: Final = 0.04
_OCTAVES: Final = (1 / 3, 1 / 2, 1.0, 2.0, 3.0)
_MODES: Final = ("major", "minor")
_EXACT, _FIFTH, _RELATIVE, _PARALLEL = 1.0, 0.5, 0.3, 0.2


def tempo_hits(truth_bpm: NDArray[Any], answers_bpm: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Which tempos are right to 4 %, and which are up to a factor of 2 or 3: Acc1 and Acc2 are their means.

    The measures of Gouyon et al. (IEEE Transactions on Audio, Speech and Language Processing, 2006). Both
    arguments are ``(n,)``, in beats a minute, above 0; the answers are boolean, ``(n,)``.
    """
    right = [
        np.abs(answers_bpm - octave * truth_bpm) <= _TOLERANCE * octave * truth_bpm for octave in _OCTAVES
    ]
    return right[_OCTAVES.index(1.0)], np.any(right, axis=0)


def mirex_scores(labels: Sequence[str]) -> NDArray[np.float64] | None:
    """MIREX score of each answer (column) to each key (row), ``(keys, keys)``; None unless all are keys.

    1 for the key, 0.5 for one a fifth above it, 0.3 for its relative and 0.2 for its parallel key, as
    mir_eval counts (Raffel et al., ISMIR 2014). Keys are written ``F# minor``.
    """
    known = {f"{tonic} {mode}": (step, mode) for step, tonic in enumerate(PITCH_CLASSES) for mode in _MODES}
    if not set(labels) <= set(known) or not labels:
        return None
    return np.array([[_mirex(known[truth], known[answer]) for answer in labels] for truth in labels])


def _mirex(truth: tuple[int, str], answer: tuple[int, str]) -> float:
    steps = (answer[0] - truth[0]) % len(PITCH_CLASSES)
    if truth[1] == answer[1]:
        return {0: _EXACT, 7: _FIFTH}.get(steps, 0.0)
    relative = 9 if truth[1] == "major" else 3
    return {relative: _RELATIVE, 0: _PARALLEL}.get(steps, 0.0)
