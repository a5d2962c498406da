"""The timing of mood: a 4-minute MP3 beside the same in eager torch, and the memory that hours take.

    python -m training.speed.mood --peak-of FILE

prints the peak memory, in megabytes, of a process that does nothing but analyse this file.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from core.errors import ModelError
from core.settings import load_settings
from models.audio import decode
from models.mood.tagger import configured_tagger
from models.resample import SAMPLE_RATE_HZ
from training.progress import StepProgress, no_progress
from training.speed.machine import peak_memory_mb, timing_record
from training.speed.synthetic_sounds import instrumental_music

SONG_S: Final = 240.0
_RATE_HZ: Final = 44_100
_Floats = npt.NDArray[np.float32]


def write_song(path: Path, *, songs: int = 1) -> Path:
    """Write stereo music at 44.1 kHz as MP3, 4 minutes long, or so many times as long."""
    left = soxr.resample(instrumental_music(SONG_S), SAMPLE_RATE_HZ, _RATE_HZ)
    right = soxr.resample(instrumental_music(SONG_S, seed=1), SAMPLE_RATE_HZ, _RATE_HZ)
    sound = np.stack([0.7 * left + 0.3 * right, 0.3 * left + 0.7 * right], axis=1)
    with soundfile.SoundFile(path, "w", samplerate=_RATE_HZ, channels=2, format="MP3") as file:
        for _ in range(songs):
            file.write(sound)
    return path


def run(threads: int = 2, repeats: int = 5, *, on_round: StepProgress = no_progress) -> dict[str, Any]:
    """Time a 4-minute MP3 from file to timeline and theme, warm, ours and eager torch's in turn.

    The eager pipeline is what such a project does at its best: the file decoded at once, soxr, log-mel by
    `torch.stft`, YAMNet and head in torch in batches of 16. Both take patches 0.96 s apart.

    Returns
    -------
    dict
        ``end_to_end_s`` and ``network_s`` (framing, log-mel, YAMNet and head on decoded audio), medians;
        ``times_real_time``; the same of ``eager``; ``end_to_end_ratio`` and ``network_ratio`` (eager over
        ours); all of it again as ``cpu_s``, processor time, which a busy machine bends less; ``backbone``,
        ``head``, ``threads``, ``repeats``, ``cpu``, ``load_average``. Where torch is absent eager is left
        out, the ratios are None and ``note`` says so.

    Raises
    ------
    SettingsError
        A count is below 1.
    WeightsError
        A model is missing or damaged.
    """
    timing = timing_record(threads, repeats)
    tagger, eager = configured_tagger(load_settings(threads=threads, provider="cpu")), _eager(threads)
    with tempfile.TemporaryDirectory() as folder:
        song = write_song(Path(folder) / "song.mp3")
        audio = decode(song)
        works: dict[str, Callable[[], Any]] = {
            "end_to_end": lambda: tagger.analyse(song),
            "network": lambda: tagger.analyse_audio(audio),
        }
        if eager is not None:
            read, mood = eager
            works["eager_end_to_end"] = lambda: mood(read(song))
            works["eager_network"] = lambda: mood(audio)
        wall_s, cpu_s = _in_turn(works, repeats, on_round)
    answer: dict[str, Any] = {f"{name}_s": round(seconds, 3) for name, seconds in wall_s.items()}
    answer |= {f"{name}_cpu_s": round(cpu_s[name], 3) for name in wall_s}
    answer["times_real_time"] = round(SONG_S / wall_s["end_to_end"], 1)
    for part in ("end_to_end", "network"):
        ours, other = wall_s[part], wall_s.get(f"eager_{part}")
        answer[f"{part}_ratio"] = None if other is None else round(other / ours, 2)
    answer |= {
        "backbone": f"{tagger.backbone.info.name} {tagger.backbone.info.version}",
        "head": f"{tagger.head.info.name} {tagger.head.info.version}",
        **timing,
    }
    if eager is None:
        answer["note"] = "Eager torch was not timed: it needs the extra 'train'."
    return answer


def peak_of_hours(hours: float = 3.0) -> float | None:
    """Peak resident memory of a process that analyses an MP3 of so many hours, in megabytes.

    The making of the file takes about a minute an hour. None on Windows, which does not tell.

    Raises
    ------
    ModelError
        The process failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = write_song(Path(folder) / "hours.mp3", songs=max(1, round(hours * 3600.0 / SONG_S)))
        done = subprocess.run(  # noqa: S603 - this very program
            [sys.executable, "-m", "training.speed.mood", "--peak-of", str(path)],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[2],
        )
    if done.returncode:
        raise ModelError(f"The analysis of {hours:g} hours failed: {done.stderr.strip().splitlines()[-1:]}.")
    return None if done.stdout.strip() == "None" else float(done.stdout)


def _eager(threads: int) -> tuple[Callable[[Path], _Floats], Callable[[_Floats], _Floats]] | None:
    """How eager torch reads a file and tags its mood; None without torch."""
    try:
        from training.speed.counterparts import eager_mood, read_at_16_khz  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return read_at_16_khz, eager_mood(threads)


def _in_turn(
    works: dict[str, Callable[[], Any]], repeats: int, on_round: StepProgress
) -> tuple[dict[str, float], dict[str, float]]:
    """Median wall and processor seconds of each; in turn, so that other load falls on all alike."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for done in range(repeats + 1):
        for name, work in works.items():
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            work()
            taken[name].append((time.perf_counter() - wall_s, time.process_time() - cpu_s))
        on_round(done, repeats)
    medians = {name: np.median(rounds[1:], axis=0) for name, rounds in taken.items()}
    return tuple({name: float(pair[column]) for name, pair in medians.items()} for column in (0, 1))  # type: ignore[return-value]


def _main() -> None:
    parser = argparse.ArgumentParser(description="Peak memory of one analysis.")
    parser.add_argument("--peak-of", type=Path, required=True)
    configured_tagger(load_settings(threads=2, provider="cpu")).analyse(parser.parse_args().peak_of)
    print(peak_memory_mb())


if __name__ == "__main__":
    _main()
