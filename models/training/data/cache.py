"""Owns the decoded cache: all usable clips of a corpus as one memory-mapped file with an index."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from models.resample import SAMPLE_RATE_HZ
from models.training.data.check import Problem, examine
from models.training.data.manifest import Row
from models.training.data.sources import open_source
from models.training.data.splits import Split, check_disjoint, split_of
from models.training.data.window import active_range
from models.writing import put_in_place, writing

__all__ = ["SAMPLE_RATE_HZ", "Clip", "Problem", "SpeechCache", "follows", "load_cache", "prepare"]

_FORMAT: Final = "attune-speech-cache-1"
_WAVEFORMS: Final = "waveforms.i16"
_INDEX: Final = "index.json"


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


@dataclass(frozen=True)
class SpeechCache:
    """All usable clips with their waveforms, memory-mapped.

    Attributes
    ----------
    clips
        In manifest order. Clips whose label is none of the eight emotions are there too, as
        `Split.LEFT_OUT` unless the split says otherwise.
    waveforms
        int16, shape ``(samples,)``, all clips one after the other.
    problems
        What was found wrong while the cache was made.
    fingerprint
        SHA-256 of the manifest and of the files the splits were read from: of the sound. Rules in the
        program that say what a clip is for are not in it, see `follows`.
    """

    clips: tuple[Clip, ...]
    waveforms: NDArray[np.int16]
    problems: tuple[Problem, ...]
    fingerprint: str

    def audio(self, clip: Clip) -> NDArray[np.float32]:
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
    assign: Callable[[Row], Split] = split_of,
    split_files: Sequence[Path] = (),
    shared_speakers: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> SpeechCache:
    """Decode all clips of a manifest or a bundle into one cache folder, checking every one.

    Clips that are missing, broken, silent, too short, twins of another or wrongly labelled are left
    out and listed in ``SpeechCache.problems`` by name. The folder appears whole or not at all.

    Parameters
    ----------
    data
        A manifest, or a folder with ``manifest.csv`` and one or more tar files a corpus.
    cache_dir
        Folder to make; one that is there already is replaced.
    assign
        Says what a clip is for; by default the manifest's own column ``split`` does.
    split_files
        Files that `assign` was made from; they count in the fingerprint.
    shared_speakers
        Whether people may stand on two sides, as some published protocols have it.
    progress
        Called with (clips done, clips of the manifest).

    Returns
    -------
    SpeechCache

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
    with writing(f"The cache of decoded clips {cache_dir}"):
        cache_dir.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=cache_dir.name + ".", dir=cache_dir.parent))
        try:
            written = 0
            with (making / _WAVEFORMS).open("wb") as handle:
                for row, samples in examine(source, problems, progress=progress):
                    handle.write(samples.tobytes())
                    positions[row.path] = (written, samples.size, *active_range(samples))
                    written += samples.size
            clips = [
                Clip(
                    path=row.path,
                    corpus=row.corpus,
                    speaker=row.speaker,
                    emotion=row.emotion,
                    language=row.language,
                    licence=row.licence,
                    split=split_by_path[row.path],
                    start=positions[row.path][0],
                    n_samples=positions[row.path][1],
                    active_start=positions[row.path][2],
                    active_stop=positions[row.path][3],
                )
                for row in source.rows
                if row.path in positions and row.path not in problems
            ]
            if not clips:
                first = problems[min(problems)]
                raise DataError(f"No clip of {source.manifest} is usable, beginning with {first}.")
            if not shared_speakers:
                check_disjoint(clips)
            index: dict[str, Any] = {
                "format": _FORMAT,
                "fingerprint": _fingerprint(source.manifest, *split_files),
                "shared_speakers": shared_speakers,
                "clips": [vars(clip) for clip in clips],
                "problems": [vars(problems[path]) for path in sorted(problems)],
            }
            (making / _INDEX).write_text(json.dumps(index), encoding="utf-8")
            put_in_place(making, cache_dir)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
    return load_cache(cache_dir)


def follows(cache: SpeechCache, rows: Iterable[Row], assign: Callable[[Row], Split] = split_of) -> bool:
    """Whether every clip of a cache is for what the rules say now; if not, it is to be prepared again.

    Parameters
    ----------
    cache
        What was prepared earlier.
    rows
        Of its manifest.
    assign
        As for `prepare`.

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
        shared_speakers = bool(index.get("shared_speakers", False))
        waveforms = np.memmap(cache_dir / _WAVEFORMS, dtype="<i2", mode="r")
    except FileNotFoundError as error:
        raise DataError(f"No prepared speech lies in {cache_dir}: give a manifest, or its folder.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"The prepared speech in {cache_dir} is damaged ({error}): {again}.") from error
    if clips and max(clip.start + clip.n_samples for clip in clips) > waveforms.size:
        raise DataError(f"The prepared speech in {cache_dir} is cut short: {again}.")
    if not shared_speakers:
        check_disjoint(clips)
    return SpeechCache(clips=clips, waveforms=waveforms, problems=problems, fingerprint=fingerprint)


def _fingerprint(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
