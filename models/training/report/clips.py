"""Owns whose clips are judged: test speakers, strangers, whole corpora that a model never heard."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.paths import cache_dir
from models.emotion.labels import EMOTIONS
from models.training.data.cache import Clip, SpeechCache, follows, load_cache, prepare
from models.training.data.manifest import read_manifest
from models.training.data.splits import Split, split_of
from models.training.data.window import centre_window
from models.training.emotion.splits import shipped_splits

__all__ = [
    "LABELS",
    "Clip",
    "SpeechCache",
    "Split",
    "centre_window",
    "open_clips",
    "open_speech",
    "some_of",
    "strangers",
    "truth_of",
    "whole_corpora",
]

LABELS = tuple(str(emotion) for emotion in EMOTIONS)
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
    folds = manifest.with_name("emobox_folds.csv")
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


def strangers(cache: SpeechCache) -> dict[str, tuple[Clip, ...]]:
    """Clips of people the model never heard, by corpus: test speakers first, then unseen languages."""
    by_corpus: dict[str, list[Clip]] = {}
    for split in (Split.TEST, Split.UNSEEN_LANGUAGE):
        for clip in cache.of(split):
            by_corpus.setdefault(clip.corpus, []).append(clip)
    return {corpus: tuple(clips) for corpus, clips in by_corpus.items()}


def whole_corpora(cache: SpeechCache, names: Iterable[str]) -> dict[str, tuple[Clip, ...]]:
    """All clips of whole corpora, by corpus, for models that never heard them; not those that were left out.

    Raises
    ------
    DataError
        A corpus is not there, or has no such clip.
    """
    known = sorted({clip.corpus for clip in cache.clips})
    found: dict[str, tuple[Clip, ...]] = {}
    for name in names:
        if name not in known:
            raise DataError(f"The prepared speech holds no corpus {name!r}: name one of {', '.join(known)}.")
        found[name] = tuple(
            clip
            for clip in cache.clips
            if clip.corpus == name and clip.split not in (Split.NO_EMOTION, Split.LEFT_OUT)
        )
        if not found[name]:
            raise DataError(f"The corpus {name!r} holds no clip of the eight emotions: leave it out.")
    return found


def some_of(clips: Sequence[Clip], most: int, seed: int = 0) -> tuple[Clip, ...]:
    """At most ``most`` clips drawn by chance, in their order."""
    if len(clips) <= most:
        return tuple(clips)
    drawn = np.random.default_rng(seed).choice(len(clips), size=most, replace=False)
    return tuple(clips[index] for index in np.sort(drawn))


def truth_of(clips: Sequence[Clip]) -> NDArray[np.int64]:
    """Indices of the true emotions, ``(clips,)``."""
    return np.array([LABELS.index(clip.emotion) for clip in clips], dtype=np.int64)
