"""The decoded cache of speech: all usable clips as one memory-mapped file, and who in it is evaluated on."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core import paths
from core.emotions import EMOTIONS
from core.errors import DataError
from core.files import staged
from models.resample import Audio
from training.data.check import Problem, examine
from training.data.manifest import ManifestRow, read_manifest
from training.data.sources import open_source
from training.data.splits import FOLDS_NAME, Split, check_disjoint, release_splits, split_of
from training.data.window import active_range
from training.progress import StepProgress, no_progress

LABELS: Final = tuple(str(emotion) for emotion in EMOTIONS)
"""The eight answers, in the order of the logits."""
_FORMAT: Final = "attune-speech-cache-1"
_WAVEFORMS: Final = "waveforms.i16"
_INDEX: Final = "index.json"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Clip:
    """One decoded clip of the cache; positions are in samples at 16 kHz."""

    path: str
    corpus: str
    speaker: str
    emotion: str
    language: str
    licence: str
    split: Split
    start: int
    n_samples: int
    active_start: int
    active_stop: int

    @property
    def active(self) -> tuple[int, int]:
        """First sample of the voice within the clip, and the one after its last."""
        return self.active_start, self.active_stop


@dataclass(frozen=True)
class SpeechCache:
    """All usable clips with their waveforms, memory-mapped."""

    # In manifest order. Clips whose label is none of the eight emotions are there too, as `Split.LEFT_OUT`
    # unless the split says otherwise.
    clips: tuple[Clip, ...]
    waveforms: NDArray[np.int16]  # int16, shape ``(samples,)``, all clips one after the other
    problems: tuple[Problem, ...]  # what was found wrong while the cache was made
    # SHA-256 of the manifest and of the files the splits were read from. Rules in the program that say what a
    # clip is for are not in it, see `follows`.
    fingerprint: str

    def audio(self, clip: Clip) -> Audio:
        """Samples of one clip, float32 in [-1, 1], shape ``(n_samples,)``."""
        raw = self.waveforms[clip.start : clip.start + clip.n_samples]
        return np.asarray(raw, dtype=np.float32) / np.float32(32768.0)

    def of(self, *splits: Split) -> tuple[Clip, ...]:
        """Clips of the named splits, in manifest order."""
        return tuple(clip for clip in self.clips if clip.split in splits)


def prepare(
    data: Path,
    cache_dir: Path,
    *,
    assign: Callable[[ManifestRow], Split] = split_of,
    split_files: Sequence[Path] = (),
    progress: StepProgress = no_progress,
) -> SpeechCache:
    """Decode all clips of a manifest or a bundle into one cache folder, checking every one.

    Clips that are missing, broken, silent, too short, duplicates or wrongly labelled are left out and
    listed in ``SpeechCache.problems`` by name. The folder appears whole or not at all.

    Parameters
    ----------
    data
        A manifest, or a folder with ``manifest.csv`` and one or more tar files a corpus.
    assign
        Says what a clip is for; by default the manifest's own column ``split`` does.
    split_files
        Files that `assign` was made from; they count in the fingerprint.

    Raises
    ------
    DataError
        The manifest or a whole archive is missing or damaged, a person stands on two sides, nothing
        usable is left, or the disk is full.
    """
    source = open_source(data)
    split_by_path = {row.path: assign(row) for row in source.rows}
    problems: dict[str, Problem] = {}
    positions: dict[str, tuple[int, int, int, int]] = {}
    with staged(cache_dir.parent, what=f"The cache of decoded clips {cache_dir}") as place:
        making, written = place / cache_dir.name, 0
        making.mkdir()
        with (making / _WAVEFORMS).open("wb") as handle:
            for row, samples in examine(source, problems, progress=progress):
                handle.write(samples.tobytes())
                positions[row.path] = (written, samples.size, *active_range(samples))
                written += samples.size
        clips = [
            Clip(
                row.path,
                row.corpus,
                row.speaker,
                row.emotion,
                row.language,
                row.licence,
                split_by_path[row.path],
                *positions[row.path],
            )
            for row in source.rows
            if row.path in positions and row.path not in problems
        ]
        if not clips:
            first = problems[min(problems)]
            raise DataError(f"No clip of {source.manifest} is usable, beginning with {first}.")
        check_disjoint(clips)
        made_from = b"".join(file.read_bytes() for file in (source.manifest, *split_files))
        index: dict[str, Any] = {
            "format": _FORMAT,
            "fingerprint": hashlib.sha256(made_from).hexdigest(),
            "clips": [vars(clip) for clip in clips],
            "problems": [vars(problems[path]) for path in sorted(problems)],
        }
        (making / _INDEX).write_text(json.dumps(index), encoding="utf-8")
    return load_cache(cache_dir)


def follows(
    cache: SpeechCache, rows: Iterable[ManifestRow], assign: Callable[[ManifestRow], Split] = split_of
) -> bool:
    """Whether every clip of a cache is for what the rules say now of its rows; if not, prepare it again.

    Raises
    ------
    DataError
        The rules have no place for a row.
    """
    now = {row.path: assign(row) for row in rows}
    return all(now.get(clip.path) is clip.split for clip in cache.clips)


def load_cache(cache_dir: Path) -> SpeechCache:
    """Open a cache made by `prepare`.

    Raises
    ------
    DataError
        There is none, or it is damaged.
    """
    again = "delete it and give the manifest: it is prepared anew"
    try:
        index = json.loads((cache_dir / _INDEX).read_text(encoding="utf-8"))
        if index["format"] != _FORMAT:
            raise DataError(
                f"The cache {cache_dir} has the format {index['format']!r}, not {_FORMAT!r}: {again}."
            )
        clips = tuple(Clip(**{**entry, "split": Split(entry["split"])}) for entry in index["clips"])
        problems = tuple(Problem(**entry) for entry in index["problems"])
        fingerprint = str(index["fingerprint"])
        waveforms = np.memmap(cache_dir / _WAVEFORMS, dtype="<i2", mode="r")
    except FileNotFoundError as error:
        raise DataError(f"No prepared speech lies in {cache_dir}: give a manifest, or its folder.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"The prepared speech in {cache_dir} is damaged ({error}): {again}.") from error
    if clips and max(clip.start + clip.n_samples for clip in clips) > waveforms.size:
        raise DataError(f"The prepared speech in {cache_dir} is cut short: {again}.")
    check_disjoint(clips)
    return SpeechCache(clips=clips, waveforms=waveforms, problems=problems, fingerprint=fingerprint)


def open_speech(place: Path, *, on_progress: StepProgress = no_progress) -> SpeechCache:
    """Open prepared speech, or prepare it once from its manifest.

    The place is the folder of prepared clips; or a manifest, or the folder that holds one: then the clips are
    decoded into the user's cache folder, once for each state of the manifest and the splits. Who is tested on
    is said by its column ``split``; where ``emobox_folds.csv`` lies beside it, it is the test speakers of the
    released model.

    Raises
    ------
    DataError
        There is nothing, it is damaged, or it holds nobody to test on.
    """
    cache = open_clips(place, on_progress=on_progress)
    if not cache.of(Split.TEST):
        raise DataError(f"The prepared speech in {place} holds no test speakers: prepare the whole manifest.")
    return cache


def open_clips(place: Path, *, on_progress: StepProgress = no_progress) -> SpeechCache:
    """Open or prepare speech as `open_speech` does, whoever is in it."""
    folder = place.parent if place.is_file() else place
    manifest = place if place.suffix == ".csv" else folder / "manifest.csv"
    if manifest.is_file() and (place == manifest or not (folder / "index.json").exists()):
        return _prepared(place, manifest, on_progress)
    return load_cache(folder)


def _prepared(place: Path, manifest: Path, on_progress: StepProgress) -> SpeechCache:
    folds = manifest.with_name(FOLDS_NAME)
    files = [manifest, folds] if folds.is_file() else [manifest]
    state = str(place.resolve()).encode() + b"".join(file.read_bytes() for file in files)
    kept = paths.cache_dir() / "evaluation" / hashlib.sha256(state).hexdigest()[:16]
    assign = release_splits(folds) if folds.is_file() else split_of
    if kept.exists():
        cache = load_cache(kept)
        if follows(cache, read_manifest(manifest, strict=False), assign):
            return cache
        _LOG.info("who is tested on has changed since %s was prepared: it is prepared again", kept)
    _LOG.info("decoding the clips of %s, once: this takes minutes", manifest)
    return prepare(place, kept, assign=assign, split_files=files[1:], progress=on_progress)


def unseen_speakers(cache: SpeechCache) -> dict[str, tuple[Clip, ...]]:
    """Clips of people outside training, by corpus: test speakers first, then unseen languages."""
    by_corpus: dict[str, list[Clip]] = {}
    for split in (Split.TEST, Split.UNSEEN_LANGUAGE):
        for clip in cache.of(split):
            by_corpus.setdefault(clip.corpus, []).append(clip)
    return {corpus: tuple(clips) for corpus, clips in by_corpus.items()}


def whole_corpora(cache: SpeechCache, names: Iterable[str]) -> dict[str, tuple[Clip, ...]]:
    """All clips of whole corpora with an emotion, for models that were trained without them, by corpus.

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


def sample_clips(clips: Sequence[Clip], most: int, seed: int = 0) -> tuple[Clip, ...]:
    """At most ``most`` clips drawn by chance, in their order."""
    if len(clips) <= most:
        return tuple(clips)
    drawn = np.random.default_rng(seed).choice(len(clips), size=most, replace=False)
    return tuple(clips[index] for index in np.sort(drawn))


def truth_of(clips: Sequence[Clip]) -> NDArray[np.int64]:
    """Indices of the true emotions, ``(clips,)``."""
    return np.array([LABELS.index(clip.emotion) for clip in clips], dtype=np.int64)
