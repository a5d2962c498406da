"""Scores of music, speech, singing and silence, read off YAMNet's 521 class scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from core.errors import WeightsError

CLASSES_BY_SCORE: Final[Mapping[str, tuple[str, ...]]] = {
    "music": ("Music", "Musical instrument"),
    "speech": (
        "Speech",
        "Child speech, kid speaking",
        "Conversation",
        "Narration, monologue",
        "Babbling",
        "Speech synthesizer",
        "Shout",
        "Whispering",
    ),
    "singing": (
        "Singing",
        "Choir",
        "Yodeling",
        "Chant",
        "Mantra",
        "Child singing",
        "Synthetic singing",
        "Rapping",
        "Humming",
        "Vocal music",
        "A capella",
    ),
    "silence": ("Silence",),
}
"""Score -> the AudioSet classes (Gemmeke et al., ICASSP 2017) whose maximum it is.

Instruments and genres are left out: on music the class "Music" is as high as the highest of them."""


@dataclass(frozen=True, slots=True)
class AudioClassScores:
    """Scores of one patch, or their mean over many; all in [0, 1].

    They are scores, not probabilities, and independent: a song with a singer is music and singing. Within
    music YAMNet scores singing far lower than alone.
    """

    # The highest score among the classes of `CLASSES_BY_SCORE`.
    music: float
    speech: float
    singing: float
    silence: float

    @classmethod
    def of(cls, row: npt.NDArray[np.float32]) -> Self:
        """From an array of shape (4,), in the order of the fields."""
        return cls(*(float(value) for value in row))


class AudioClassReader:
    """Reads the four scores off YAMNet's class scores.

    Parameters
    ----------
    classes
        Names of the classes, in the order of their scores.

    Raises
    ------
    WeightsError
        A class that is needed is not among them.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        column = {name: index for index, name in enumerate(classes)}
        missing = [name for names in CLASSES_BY_SCORE.values() for name in names if name not in column]
        if missing:
            raise WeightsError(
                f"The backbone knows no class {missing[0]!r}, of {len(missing)} that tell music, speech, "
                "singing and silence apart: use one with the classes of AudioSet."
            )
        self._columns = [[column[name] for name in names] for names in CLASSES_BY_SCORE.values()]

    def read(self, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The four scores of each patch, shape (n, 4): music, speech, singing, silence.

        Parameters
        ----------
        scores
            float32, shape (n, 521), in [0, 1].
        """
        return np.stack([scores[:, columns].max(axis=1) for columns in self._columns], axis=1)
