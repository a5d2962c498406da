"""Throughput of catalogues: Ray with one worker and with two, against a plain loop, and what a million costs.

    python -m benchmarks.catalog [--tracks 24] [--rounds 3] [--core-hour 0.04]

The tracks are synthetic music of 4 minutes, stereo MP3 of 44.1 kHz, each with a content key of its own. Rates
are of what comes after the first track of each worker, which loads libraries. The loop and the two runs take
turns, and medians count. On a busy machine compare `processing_s` rather than rates.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from attune.catalog.analysis import CatalogJob, analyse_catalog
from attune.catalog.ray_session import RayResources
from attune.catalog.schema import open_tracks
from attune.catalog.sources import named_source
from core.settings import Settings, load_settings
from models.mood.tagger import configured_tagger
from models.track.profile import load_profiler
from training.speed.machine import machine_record, peak_memory_mb
from training.speed.mood import SONG_S, write_song

WORKERS: Final = (1, 2)

_ID3_BYTES: Final = 125  # of a tag at the end of an MP3, without its mark


def run(*, tracks: int, rounds: int, core_hour: float) -> dict[str, Any]:
    """Analyse the same tracks in a loop and by Ray.

    Parameters
    ----------
    tracks
        In a run, at least 4.
    rounds
        How often each is measured.
    core_hour
        What a core costs for an hour, in any currency.

    Returns
    -------
    figures
        Tracks of 4 minutes a minute, medians and all rounds: of ``loop``, of ``two_loops`` at the same
        time (what the machine itself allows), ``ray_1`` and ``ray_2``; ``processing_s`` that a track takes
        its worker; the ratios that must hold; seconds beside the tracks, which are those of the start;
        ``million`` with core hours and cost; memory of the loop, and of the process that starts a run.
    """
    settings = load_settings(journal=False)
    rates: dict[str, list[float]] = {"loop": [], "two_loops": [], **{f"ray_{count}": [] for count in WORKERS}}
    processing_s: dict[str, list[float]] = {f"ray_{count}": [] for count in WORKERS}
    starts_s: list[float] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = _write_tracks(folder / "music", tracks)
        for number in range(rounds):
            ((rate, loop_memory_mb),) = _loops(1, source, settings)
            rates["loop"].append(rate)
            rates["two_loops"].append(sum(rate for rate, _ in _loops(2, source, settings)))
            for count in WORKERS:
                out, name = folder / f"{number}-{count}", f"ray_{count}"
                seconds = _ray_seconds(source, out, count, settings)
                rows = open_tracks(out).to_table(columns=["analysed_at", "processing_s"])
                ended = np.sort(rows["analysed_at"].to_numpy())
                lasted_s = (ended[-1] - ended[count - 1]) / np.timedelta64(1, "s")
                rates[name].append(float((tracks - count) / lasted_s))
                processing_s[name].append(float(np.median(rows["processing_s"].to_numpy())))
                starts_s.append(seconds - tracks / rates[name][-1])
    loop, two_loops, one, two = (statistics.median(values) for values in rates.values())
    core_hours = 1e6 / one / 3600.0
    return {
        **{
            f"{name}_per_minute": round(60.0 * statistics.median(values), 2) for name, values in rates.items()
        },
        "rounds_per_minute": {
            name: [round(60.0 * value, 2) for value in values] for name, values in rates.items()
        },
        "processing_s": {
            "loop": round(1.0 / loop, 2),
            **{name: round(statistics.median(values), 2) for name, values in processing_s.items()},
        },
        "two_workers_over_one": round(two / one, 2),
        "two_loops_over_one": round(two_loops / loop, 2),
        "one_worker_over_loop": round(one / loop, 2),
        "ray_start_s": round(statistics.median(starts_s), 1),
        "million": {
            "core_hours": round(core_hours),
            "cost": round(core_hours * core_hour, 2),
        },
        "loop_peak_memory_mb": loop_memory_mb,
        "driver_peak_memory_mb": peak_memory_mb(),
        "tracks": tracks,
        "cores": os.cpu_count(),
        **machine_record(),
    }


def _write_tracks(folder: Path, count: int) -> Path:
    """Tracks that sound the same and differ in the tag at their end, so that none is known by its content."""
    folder.mkdir()
    first = write_song(folder / "000.mp3")
    sound = first.read_bytes()
    for number in range(count):
        tag = b"TAG" + f"{folder.name} {number}".encode().ljust(_ID3_BYTES, b"\0")
        (folder / f"{number:03}.mp3").write_bytes(sound + tag)
    return folder


def _ray_seconds(source: Path, out: Path, workers: int, settings: Settings) -> float:
    job = CatalogJob(named_source(str(source)), out, RayResources(workers))
    started_s = time.perf_counter()
    done = analyse_catalog(job, settings)
    if done.failed or done.reused:
        raise RuntimeError(f"{done.failed} tracks failed, and {done.reused} were known")
    return time.perf_counter() - started_s


def _loops(count: int, source: Path, settings: Settings) -> list[tuple[float, float | None]]:
    """Loops at the same time, each in a process with one thread, as a worker of Ray: what `_loop` gives."""
    os.environ["OMP_NUM_THREADS"] = "1"
    single = settings.model_copy(update={"threads": 1})
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(_loop, [source] * count, [single] * count))


def _loop(source: Path, settings: Settings) -> tuple[float, float | None]:
    """Tracks a second, without the first, and the most memory in MB."""
    profiler = load_profiler(configured_tagger(settings))
    first, *others = sorted(source.iterdir())
    profiler.profile(first)  # loads libraries
    started_s = time.perf_counter()
    for path in others:
        profiler.profile(path)
    return len(others) / (time.perf_counter() - started_s), peak_memory_mb()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tracks", type=int, default=24, help=f"of {SONG_S:g} s")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--core-hour", type=float, default=0.04, help="what a core costs for an hour")
    given = parser.parse_args(arguments)
    print(json.dumps(run(tracks=given.tracks, rounds=given.rounds, core_hour=given.core_hour), indent=1))


if __name__ == "__main__":
    main()
