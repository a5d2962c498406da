"""A music folder indexed, killed half-way and gone on with: files a second, and how much faster than music.

    python -m benchmarks.library [--files 1000] [--seconds 10]

The files are synthetic music as MP3, FLAC and Ogg Vorbis by turns, heard by the models of the settings.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from attune.engine.library_facts import facts_of
from core.settings import load_settings
from models.mood.tagger import configured_tagger
from models.resample import SAMPLE_RATE_HZ
from models.track.profile import load_profiler
from playback.library.loudness import Loudness
from playback.library.playlists import lists_of
from playback.library.scan import Scanned, TrackMood, scan
from playback.library.tracks import read_library
from training.speed.machine import machine_record, peak_memory_mb
from training.speed.synthetic_sounds import instrumental_music

_SUFFIXES: Final = (".mp3", ".flac", ".ogg")
_MUSIC_S: Final = 120.0


def run(*, files: int, seconds: float) -> dict[str, Any]:
    """Write files (2 at least, below 60 s each) and have them indexed by a process that is killed half-way.

    Returns
    -------
    figures
        Files told of and files kept when it was killed; of the rest, files a second and seconds of music a
        second; seconds of a scan that finds nothing new; tracks of each playlist.
    """
    with tempfile.TemporaryDirectory() as place:
        folder, database = Path(place) / "music", Path(place) / "library.sqlite3"
        _write(folder, files, seconds)
        told = _killed_half_way(folder, database, files)
        kept = len(read_library(database).rows)
        started_s = time.perf_counter()
        done = _scan(folder, database)
        took_s = time.perf_counter() - started_s
        started_s = time.perf_counter()
        _scan(folder, database)
        again_s = time.perf_counter() - started_s
        library = read_library(database)
        return {
            "files": files,
            "seconds_each": seconds,
            "told_when_killed": told,
            "kept_when_killed": kept,
            "heard_afterwards": done.heard,
            "files_in_the_library": len(library.rows),
            "unreadable": len(library.rows) - len(library.playable),
            "files_per_s": round(done.heard / took_s, 2),
            "times_real_time": round(done.heard * seconds / took_s, 1),
            "nothing_new_s": round(again_s, 2),
            "playlists": {one.name: one.tracks for one in lists_of(library).playlists.values()},
            "peak_memory_mb": peak_memory_mb(),
            **machine_record(),
        }


def _write(folder: Path, files: int, seconds: float) -> None:
    folder.mkdir()
    dice = np.random.default_rng(0)
    music = instrumental_music(_MUSIC_S)
    length = round(seconds * SAMPLE_RATE_HZ)
    for number in range(files):
        start = int(dice.integers(0, len(music) - length))
        sound = music[start : start + length] * dice.uniform(0.2, 1.0)
        name = f"{number:05d}{_SUFFIXES[number % len(_SUFFIXES)]}"
        soundfile.write(folder / name, sound, SAMPLE_RATE_HZ)


def _killed_half_way(folder: Path, database: Path, files: int) -> int:
    """Begin in a process of its own, and kill it; returns how many files it had told of."""
    command = [sys.executable, "-m", "benchmarks.library", "--scan", str(folder), str(database)]
    told = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as scanner:  # noqa: S603 - ours
        assert scanner.stdout is not None
        for line in scanner.stdout:
            told = int(line)
            if told >= files // 2:
                scanner.kill()
                break
    return told


def _scan(folder: Path, database: Path, *, tell: bool = False) -> Scanned:
    profiler = load_profiler(configured_tagger(load_settings()))

    def score(path: Path) -> TrackMood:
        level = Loudness()
        found = profiler.profile(path, on_sound=level.push)
        return TrackMood(
            *(found.mood.theme, found.duration_s, level.rms, level.peak),
            facts=facts_of(found),
            embedding=found.embedding.astype(np.float16),
        )

    def say(done: int, _total: int) -> None:
        if tell:
            print(done, flush=True)

    return scan(folder, database, score, fingerprint="benchmark", suffixes=_SUFFIXES, on_progress=say)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.library")
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--scan", type=Path, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.scan:
        _scan(*given.scan, tell=True)
    else:
        print(json.dumps(run(files=given.files, seconds=given.seconds), indent=2))


if __name__ == "__main__":
    main()
