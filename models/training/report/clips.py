"""Owns whose clips are judged, and the one window by which a clip is judged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.paths import cache_dir
from models.emotion.labels import EMOTIONS
from models.emotion.recogniser import WINDOW_SAMPLES
from models.resample import Audio
from models.training.data.cache import Clip, SpeechCache, load_cache, prepare
from models.training.data.splits import Split, split_of
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
]

LABELS = tuple(str(emotion) for emotion in EMOTIONS)


def open_speech(place: Path, *, on_progress: Callable[[int, int], None] | None = None) -> SpeechCache:
    """Open prepared speech, or prepare it once from its manifest.

    Parameters
    ----------
    place
        Folder of the prepared clips; or a manifest, or the folder that holds one: then the clips are
        decoded into the user's cache folder, once for each state of the manifest. Who is tested on
        is said by its column ``split``; where ``emobox_folds.csv`` lies beside it, it is the test
        speakers of the shipped model.
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
    if kept.exists():
        return load_cache(kept)
    return prepare(
        place,
        kept,
        assign=shipped_splits(folds) if folds.is_file() else split_of,
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


def some_of(clips: Sequence[Clip], most: int, seed: int = 0) -> tuple[Clip, ...]:
    """At most ``most`` clips drawn by chance, in their order."""
    if len(clips) <= most:
        return tuple(clips)
    drawn = np.random.default_rng(seed).choice(len(clips), size=most, replace=False)
    return tuple(clips[index] for index in np.sort(drawn))


def truth_of(clips: Sequence[Clip]) -> NDArray[np.int64]:
    """Indices of the true emotions, ``(clips,)``."""
    return np.array([LABELS.index(clip.emotion) for clip in clips], dtype=np.int64)


def centre_window(audio: Audio) -> Audio:
    """The middle 3 s of a clip, or the clip in the middle of digital silence, ``(48 000,)``."""
    window: Audio = np.zeros(WINDOW_SAMPLES, dtype=np.float32)
    spare = WINDOW_SAMPLES - audio.size
    if spare >= 0:
        window[spare // 2 : spare // 2 + audio.size] = audio
    else:
        window[:] = audio[-spare // 2 : -spare // 2 + WINDOW_SAMPLES]
    return window
