"""Owns the making of the fingerprint by which fetched weights are known: the reference's answers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch

from models import assets
from models.mood.fingerprint import FINGERPRINT, Fingerprint, pack, signals
from models.training.manifest import register
from models.training.yamnet.network import ServedYamnet, Yamnet, read_yamnet
from models.writing import write_whole

__all__ = ["make_fingerprint", "write_fingerprint"]

_LICENCE: Final = "MIT"
_SOURCE: Final = "Answers of YAMNet (Google) to signals that this project computes; see its card"
_CARD: Final = "yamnet.md"


def make_fingerprint(network: Yamnet) -> Fingerprint:
    """What a network answers to `models.mood.fingerprint.signals`.

    Parameters
    ----------
    network
        The reference, or another one in its place.
    """
    served = ServedYamnet(network).eval()
    with torch.inference_mode():
        embedding, scores = served(torch.from_numpy(np.stack(list(signals().values()))))
    return Fingerprint(embedding.numpy(), scores.numpy())


def write_fingerprint(reference: Path, path: Path | None = None) -> Path:
    """Write the fingerprint of the reference weights; needed again only where the test signals change.

    Parameters
    ----------
    reference
        YAMNet's weights, as `models.training.yamnet.network.read_yamnet` reads them.
    path
        The file; None takes that of the program, which is entered into the list of weight files.

    Returns
    -------
    path
        The file.

    Raises
    ------
    WeightsError
        The reference cannot be read.
    DataError
        The file cannot be written; the old one stays.

    Examples
    --------
    >>> write_fingerprint(Path("../shared/data/yamnet/yamnet_weights.npz"))
    """
    content = pack(make_fingerprint(read_yamnet(reference)))
    place = path or assets.WEIGHTS_DIR / f"{FINGERPRINT}.npz"
    write_whole(place, content, what=f"The fingerprint {place}")
    if path is None:
        register(place, licence=_LICENCE, source=_SOURCE, card=_CARD)
    return place
