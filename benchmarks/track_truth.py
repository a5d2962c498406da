"""Tempo, beats and key against what is known: synthetic tracks, and the songs of POP909 kept out of choosing.

    python -m benchmarks.track_truth --data ../shared/data [--songs 60] [--cache FOLDER]

Songs are synthesised by fluidsynth (`apt install fluidsynth fluid-soundfont-gm`) and kept in the folder.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.track_songs import read_songs, sing
from benchmarks.track_sounds import Drums, chord_progression, drum_track, pulse_track
from core.paths import cache_dir
from models.resample import Audio
from models.track.features import PITCH_CLASSES
from models.track.key import KeyMode, estimate_key
from models.track.rhythm import analyse_rhythm
from training.speed.machine import machine_record
from training.track.music_scores import mirex_scores, tempo_hits

SONG_CACHE: Final = cache_dir() / "benchmarks" / "pop909"

_SYNTHETIC_BPM: Final = range(60, 201, 5)
_SYNTHETIC_S: Final = 30.0
_PROGRESSION_S: Final = 30.0
_CLOSE: Final = 0.01  # of synthetic tempi
_ON_TIME_S: Final = 0.07
_TIMED_S: Final = 240.0
_REPEATS: Final = 3


def run(data: Path, cache: Path, songs: int) -> dict[str, Any]:
    """All figures; the time of the first analysis, too, in which numba compiles or reads its cache."""
    return {
        "time": timing(),
        "synthetic_tempo": synthetic_tempo(_SYNTHETIC_BPM),
        "synthetic_key": synthetic_key(range(24)),
        "songs": song_figures(data, cache, songs),
        **machine_record(),
    }


def timing() -> dict[str, float]:
    """Seconds for tempo, beats and key of 4 minutes: the first time, and the median of the next three."""
    audio = drum_track(118.0, _TIMED_S)
    taken = []
    for _ in range(1 + _REPEATS):
        started_s = time.perf_counter()
        analyse_rhythm(audio)
        estimate_key(audio)
        taken.append(time.perf_counter() - started_s)
    return {"first_s": round(taken[0], 2), "warm_s": round(float(np.median(taken[1:])), 2)}


def synthetic_tracks(bpms: Sequence[int]) -> Iterator[tuple[str, float, Audio]]:
    """Kind, tempo and sound of a pulse and of each kind of drums, 30 s each."""
    for bpm in bpms:
        yield "pulse", float(bpm), pulse_track(bpm, _SYNTHETIC_S)
        for drums in Drums:
            yield drums.value, float(bpm), drum_track(bpm, _SYNTHETIC_S, drums=drums)


def synthetic_tempo(bpms: Sequence[int]) -> dict[str, Any]:
    """Share of tracks whose tempo is right to 1 %, and which are not."""
    missed = []
    tracks = 0
    for kind, bpm, audio in synthetic_tracks(bpms):
        found = analyse_rhythm(audio).tempo_bpm
        tracks += 1
        if found is None or abs(found / bpm - 1.0) > _CLOSE:
            missed.append([kind, bpm, found and round(found, 1)])
    return {"tracks": tracks, "within_1_percent": round(1.0 - len(missed) / tracks, 3), "missed": missed}


def synthetic_key(keys: Sequence[int]) -> dict[str, Any]:
    """How many progressions get their key, 2 * pitch class and 1 more in minor, and which do not."""
    missed = []
    for key in keys:
        found = key_of(chord_progression(key // 2, minor=bool(key % 2), seconds=_PROGRESSION_S, seed=key))
        if found != key:
            missed.append([key, found])
    return {"progressions": len(keys), "exact": len(keys) - len(missed), "missed": missed}


def key_of(audio: Audio) -> int:
    """2 * pitch class, 1 more in minor; -1 of silence."""
    found = estimate_key(audio)
    return -1 if found is None else 2 * PITCH_CLASSES.index(found.tonic) + (found.mode is KeyMode.MINOR)


def song_figures(data: Path, cache: Path, most: int) -> dict[str, Any]:
    """Acc1 and Acc2 of the tempo, F-measure of the beats, MIREX score of the key, means over songs."""
    tempi, truth, beats, keys = [], [], [], []
    for song in read_songs(data, choosing=False, most=most):
        audio = sing(song, cache)
        rhythm = analyse_rhythm(audio)
        tempi.append(rhythm.tempo_bpm or np.nan)
        truth.append(song.tempo_bpm)
        beats.append(beat_f(rhythm.beats_s, song.beats_s))
        keys.append(mirex_score(key_of(audio), song.key))
    acc1, acc2 = tempo_hits(np.array(truth), np.array(tempi))
    return {
        "songs": len(keys),
        "tempo_acc1": round(float(acc1.mean()), 3),
        "tempo_acc2": round(float(acc2.mean()), 3),
        "beat_f": round(float(np.mean(beats)), 3),
        "key_mirex": round(float(np.mean(keys)), 3),
        "key_exact": round(float(np.mean(np.equal(keys, 1.0))), 3),
    }


def beat_f(found_s: npt.NDArray[np.float64], truth_s: npt.NDArray[np.float64]) -> float:
    """F-measure of beats that are right to 70 ms (Davies et al. 2009); beats at half the tempo score 2/3."""
    if not len(found_s) or not len(truth_s):
        return 0.0
    near = np.abs(found_s[:, np.newaxis] - truth_s) <= _ON_TIME_S
    return float(2 * min(near.any(axis=0).sum(), near.any(axis=1).sum()) / (len(found_s) + len(truth_s)))


def mirex_score(found: int, truth: int) -> float:
    """How near a key is to the right one, both as in `key_of`; 0 for none."""
    scores = mirex_scores([f"{tonic} {mode}" for tonic in PITCH_CLASSES for mode in KeyMode])
    assert scores is not None
    return float(scores[truth, found]) if found >= 0 else 0.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.track_truth")
    parser.add_argument(
        "--data", type=Path, required=True, help="the folder that holds music/pop909_midi.tar.gz"
    )
    parser.add_argument("--cache", type=Path, default=SONG_CACHE, help="where synthesised songs are kept")
    parser.add_argument("--songs", type=int, default=60)
    given = parser.parse_args(arguments)
    print(json.dumps(run(given.data, given.cache, given.songs), indent=1))


if __name__ == "__main__":
    main()
