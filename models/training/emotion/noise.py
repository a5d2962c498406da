"""Owns which recordings are heard beside the voice while the project's own models are trained."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from models.training.report.conditions import read_recordings

__all__ = ["noise_recordings"]

_ESC_FOLDS: Final = ("1-", "2-")
_MUSIC_SHARE: Final = 8


def noise_recordings(folder: Path) -> tuple[NDArray[np.float32], ...]:
    """Two folds of ESC-10 without its crying babies, and one in eight tracks of Emotify.

    The other three folds and the other tracks stay unheard, for the count of false alarms.

    Parameters
    ----------
    folder
        Holds ``esc10.tar`` (Piczak, ACM Multimedia 2015) and ``emotify.tar`` (Aljanaki et al., 2016).

    Returns
    -------
    tuple of ndarray
        float32 at 16 kHz.

    Raises
    ------
    DataError
        An archive is missing or damaged.
    """
    for name in ("esc10.tar", "emotify.tar"):
        if not (folder / name).is_file():
            raise DataError(f"There is no {folder / name}: give the folder of the noise archives.")
    environment = read_recordings(
        folder / "esc10.tar",
        wanted=lambda name: Path(name).name.startswith(_ESC_FOLDS) and "crying" not in name,
    )
    music = read_recordings(
        folder / "emotify.tar", wanted=lambda name: zlib.crc32(name.encode()) % _MUSIC_SHARE == 0
    )
    return (*environment, *music)
