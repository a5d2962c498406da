"""Owns which recordings are heard beside the voice while the project's own models are trained."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from models.training.data.recordings import read_recordings

__all__ = ["heard", "noise_recordings"]

_ESC_FOLDS: Final = ("1-", "2-")
_MUSIC_SHARE: Final = 8


def heard(name: str) -> bool:
    """Whether a recording of the two archives is heard in training; what lies elsewhere is not.

    Parameters
    ----------
    name
        Within its archive, such as ``esc10/rain/1-17367-A.ogg``.
    """
    if name.startswith("esc10/"):
        return Path(name).name.startswith(_ESC_FOLDS) and "crying" not in name
    return name.startswith("emotify/") and zlib.crc32(name.encode()) % _MUSIC_SHARE == 0


def noise_recordings(folder: Path) -> tuple[NDArray[np.float32], ...]:
    """Two folds of ESC-10 without its crying babies, and one in eight tracks of Emotify.

    The other recordings stay unheard, for the count of false alarms (`heard`).

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
    archives = [folder / name for name in ("esc10.tar", "emotify.tar")]
    for archive in archives:
        if not archive.is_file():
            raise DataError(f"There is no {archive}: give the folder of the noise archives.")
    return tuple(sound for archive in archives for sound in read_recordings(archive, wanted=heard))
