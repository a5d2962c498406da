"""Owns how speech is opened: clips that are prepared, or prepared once from their manifest."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

from core.errors import DataError
from core.paths import cache_dir
from models.training.data.cache import SpeechCache, follows, load_cache, prepare
from models.training.data.folds import FOLDS_NAME
from models.training.data.manifest import read_manifest
from models.training.data.speakers import shipped_splits
from models.training.data.splits import Split, split_of

__all__ = ["open_clips", "open_speech"]

_LOG = logging.getLogger(__name__)


def open_speech(place: Path, *, on_progress: Callable[[int, int], None] | None = None) -> SpeechCache:
    """Open prepared speech, or prepare it once from its manifest.

    Parameters
    ----------
    place
        Folder of the prepared clips; or a manifest, or the folder that holds one: then the clips are
        decoded into the user's cache folder, once for each state of the manifest and the splits. Who is
        tested on is said by its column ``split``; where ``emobox_folds.csv`` lies beside it, it is the
        test speakers of the shipped model.
    on_progress
        Called with clips decoded and clips of the manifest.

    Raises
    ------
    DataError
        There is nothing, it is damaged, or it holds nobody to test on.
    """
    cache = open_clips(place, on_progress=on_progress)
    if not cache.of(Split.TEST):
        raise DataError(f"The prepared speech in {place} holds no test speakers: prepare the whole manifest.")
    return cache


def open_clips(place: Path, *, on_progress: Callable[[int, int], None] | None = None) -> SpeechCache:
    """Open or prepare speech as `open_speech` does, whoever is in it."""
    folder = place.parent if place.is_file() else place
    manifest = place if place.suffix == ".csv" else folder / "manifest.csv"
    if manifest.is_file() and (place == manifest or not (folder / "index.json").exists()):
        return _prepared(place, manifest, on_progress)
    return load_cache(folder)


def _prepared(place: Path, manifest: Path, on_progress: Callable[[int, int], None] | None) -> SpeechCache:
    folds = manifest.with_name(FOLDS_NAME)
    files = [manifest, folds] if folds.is_file() else [manifest]
    state = str(place.resolve()).encode() + b"".join(file.read_bytes() for file in files)
    kept = cache_dir() / "evaluation" / hashlib.sha256(state).hexdigest()[:16]
    assign = shipped_splits(folds) if folds.is_file() else split_of
    if kept.exists():
        cache = load_cache(kept)
        if follows(cache, read_manifest(manifest, strict=False), assign):
            return cache
        _LOG.info("who is tested on has changed since %s was prepared: it is prepared again", kept)
    _LOG.info("decoding the clips of %s, once: this takes minutes", manifest)
    return prepare(
        place,
        kept,
        assign=assign,
        split_files=files[1:],
        progress=on_progress,
    )
