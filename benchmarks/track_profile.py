"""The profile of a 4-minute track: seconds from the file to the profile, and what each part of it takes.

    python -m benchmarks.track_profile [--runs 5]

The track is synthetic music as a stereo MP3 of 44.1 kHz. The first profile of a process also loads librosa
and what it compiles; it is given apart from the others, whose median counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.settings import load_settings
from models.mood.tagger import MoodTagger, configured_tagger
from models.resample import SAMPLE_RATE_HZ
from models.track.key import estimate_key
from models.track.loudness import integrated_loudness
from models.track.profile import AUDIO_S, load_profiler
from models.track.rhythm import analyse_rhythm
from training.speed.machine import machine_record, peak_memory_mb
from training.speed.mood import write_song


def run(*, runs: int) -> dict[str, Any]:
    """Profile one track several times.

    Parameters
    ----------
    runs
        Profiles after the first, at least 1.

    Returns
    -------
    figures
        Seconds: of the first profile, of the others (median and slowest), of decoding with YAMNet and all
        heads, of YAMNet alone, of loudness, rhythm and key; and the profile in words.
    """
    tagger = configured_tagger(load_settings())
    started_s = time.perf_counter()
    profiler = load_profiler(tagger)
    loaded_s = time.perf_counter() - started_s
    with tempfile.TemporaryDirectory() as folder:
        song = write_song(Path(folder) / "song.mp3")
        first_s, found = _timed(lambda: profiler.profile(song))
        profiles_s = [_timed(lambda: profiler.profile(song))[0] for _ in range(runs)]
        pass_s, track = _timed(lambda: tagger.embed(song, audio_s=AUDIO_S))
        parts = {
            "pass_s": pass_s,
            "yamnet_s": _yamnet_s(tagger, track.audio),
            "loudness_s": _timed(lambda: integrated_loudness(track.audio))[0],
            "rhythm_s": _timed(lambda: analyse_rhythm(track.audio))[0],
            "key_s": _timed(lambda: estimate_key(track.audio))[0],
        }
    return {
        "heads_loaded_s": round(loaded_s, 2),
        "first_profile_s": round(first_s, 2),
        "profile_s": round(statistics.median(profiles_s), 2),
        "slowest_profile_s": round(max(profiles_s), 2),
        **{name: round(value, 2) for name, value in parts.items()},
        "profile": str(found),
        "peak_memory_mb": peak_memory_mb(),
        **machine_record(),
    }


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    started_s = time.perf_counter()
    answer = call()
    return time.perf_counter() - started_s, answer


def _yamnet_s(tagger: MoodTagger, audio: Any) -> float:
    """Seconds of the pass over sound that is decoded already."""
    return _timed(lambda: tagger.analyse_audio(audio[: round(AUDIO_S * SAMPLE_RATE_HZ)]))[0]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args(arguments)
    print(json.dumps(run(runs=given.runs), indent=1))


if __name__ == "__main__":
    main()
