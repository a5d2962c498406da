"""The fingerprint by which fetched weights are known: the reference's answers to test signals."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch

from core.files import write_atomic
from models import assets
from models.mood.fingerprint import FINGERPRINT, Fingerprint, pack, signals
from training.release import register
from training.yamnet.network import ServedYamnet, Yamnet, read_yamnet

_LICENCE: Final = "MIT"
_SOURCE: Final = "Answers of YAMNet (Google) to signals that this project computes; see its card"
_CARD: Final = "yamnet.md"


def _make_fingerprint(network: Yamnet) -> Fingerprint:
    """What a network answers to `models.mood.fingerprint.signals`."""
    served = ServedYamnet(network).eval()
    with torch.inference_mode():
        embedding, scores = served(torch.from_numpy(np.stack(list(signals().values()))))
    return Fingerprint(embedding.numpy(), scores.numpy())


def write_fingerprint(reference: Path, path: Path | None = None) -> Path:
    """Write the fingerprint of the reference weights and return its path.

    Needed again only where the test signals change. Without a path it is that of the program, and entered
    into the list of weight files.

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
    content = pack(_make_fingerprint(read_yamnet(reference)))
    place = path or assets.WEIGHTS_DIR / f"{FINGERPRINT}.npz"
    write_atomic(place, content, what=f"The fingerprint {place}")
    if path is None:
        register(place, licence=_LICENCE, source=_SOURCE, card=_CARD)
    return place
