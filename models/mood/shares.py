"""Owns the reading of AudioSet's 521 scores as four plain ones: music, speech, singing, silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from core.errors import WeightsError

__all__ = ["SHARE_CLASSES", "ShareReader", "Shares"]

SHARE_CLASSES: Final[Mapping[str, tuple[str, ...]]] = {
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
"""Share -> names of the classes that say it (the ontology of AudioSet, Gemmeke et al., ICASSP 2017).

Instruments and genres add nothing: on music the class "Music" is as high as the highest of them."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How much of each there is: scores of one patch, or their mean over many; all in [0, 1].

    They are YAMNet's scores, not probabilities, and independent of one another: a song with a singer is music
    and singing. Within music YAMNet scores singing far lower than alone.

    Parameters
    ----------
    music, speech, singing, silence
        The highest score among the classes of `SHARE_CLASSES`.
    """

    music: float
    speech: float
    singing: float
    silence: float

    @classmethod
    def of(cls, row: npt.NDArray[np.float32]) -> Self:
        """From an array of shape (4,), in the order of the fields."""
        return cls(*(float(value) for value in row))

    def as_row(self) -> npt.NDArray[np.float32]:
        """As float32, shape (4,), in the order of the fields."""
        return np.array(astuple(self), dtype=np.float32)


class ShareReader:
    """Reads shares off scores.

    Parameters
    ----------
    classes
        Names of the scores, in their order.

    Raises
    ------
    WeightsError
        A class that is needed is not among them.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        place = {name: index for index, name in enumerate(classes)}
        missing = [name for names in SHARE_CLASSES.values() for name in names if name not in place]
        if missing:
            raise WeightsError(
                f"The backbone knows no class {missing[0]!r}, of {len(missing)} that tell music, speech, "
                "singing and silence apart: use one with the classes of AudioSet."
            )
        self._columns = [[place[name] for name in names] for names in SHARE_CLASSES.values()]

    def read(self, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Shares of each patch.

        Parameters
        ----------
        scores
            float32, shape (n, 521), in [0, 1].

        Returns
        -------
        shares
            float32, shape (n, 4): music, speech, singing, silence.
        """
        return np.stack([scores[:, columns].max(axis=1) for columns in self._columns], axis=1)
