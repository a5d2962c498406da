"""Owns the public layouts: what a file's name says in each corpus, by tables one can read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Final

from models.training.data.layouts import crema_d, emodb, ravdess, savee, tess
from models.training.data.manifest import Row

__all__ = ["EXAMPLE_NAMES", "PARSERS", "emotion_in_name"]

PARSERS: Final[dict[str, Callable[[PurePosixPath], Row | None]]] = {
    "ravdess": ravdess.parse,
    "crema_d": crema_d.parse,
    "emodb": emodb.parse,
    "tess": tess.parse,
    "savee": savee.parse,
}
"""By layout: from a path, with ``/``, to its row, or None where the name does not fit."""

EXAMPLE_NAMES: Final = {
    "ravdess": "Actor_12/03-01-06-01-02-01-12.wav",
    "crema_d": "AudioWAV/1001_DFA_ANG_XX.wav",
    "emodb": "wav/03a01Fa.wav",
    "tess": "OAF_angry/OAF_back_angry.wav",
    "savee": "DC/a01.wav",
}
"""By layout: how its files are named, for messages."""

_LAYOUT_OF_CORPUS: Final = {
    "ravdess_speech": "ravdess",
    "ravdess_song": "ravdess",
    **{name: name for name in PARSERS if name != "ravdess"},
}


def emotion_in_name(row: Row) -> str:
    """Emotion that the name of a clip says where its corpus has a layout of ours; else empty."""
    layout = _LAYOUT_OF_CORPUS.get(row.corpus)
    named = PARSERS[layout](PurePosixPath(row.path)) if layout else None
    return named.emotion if named else ""
