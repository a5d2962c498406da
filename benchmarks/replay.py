"""An hour replayed as fast as possible: nothing lost, memory flat, equal journals.

    python -m benchmarks.replay [--minutes 60] FILE...

The files are laid end to end, again and again, until the time is filled.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import soundfile

from attune.engine.engine import Engine
from core.settings import Settings
from models.audio import decode
from models.resample import SAMPLE_RATE_HZ
from realtime.capture import FileSource, SourceKind, SourceSpec
from realtime.journal import EventRow, WindowRow
from training.speed.machine import machine_record, peak_memory_mb

BLOCK_FRAMES: Final = (160, 1_024, 4_801, 1_024)
"""One run each; the last repeats a size, so that a second run of the same kind is compared too."""

_OWN_COLUMNS: Final = {"session_id", "wall_time", "latency_ms"}
"""What may differ between two replays of the same sound."""


def run(files: Sequence[Path], *, minutes: float) -> dict[str, Any]:
    """Replay so many minutes of recordings, joined, with several block sizes, and compare the journals.

    Returns
    -------
    figures
        Per run: seconds taken, samples heard, windows, drops, peak memory in megabytes after a tenth
        and at the end; and whether all journals are equal.
    """
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "joined.flac"
        samples = _join(files, sound, samples=round(minutes * 60 * SAMPLE_RATE_HZ))
        sizes = iter(BLOCK_FRAMES)

        def open_source(spec: SourceSpec, _settings: Settings) -> FileSource:
            assert spec.path is not None
            return FileSource(spec.path, fast=True, block_frames=next(sizes))

        engine = Engine(
            Settings(journal_path=Path(folder) / "journal.sqlite3", retention_days=0), open_source=open_source
        )
        runs, journals = [], []
        for block_frames in BLOCK_FRAMES:
            figures, rows = _replay(engine, sound, samples)
            runs.append({"block_frames": block_frames, **figures})
            journals.append(rows)
        engine.close()
    return {
        "minutes": minutes,
        "samples": samples,
        "runs": runs,
        "journals_equal": all(rows == journals[0] for rows in journals),
        **machine_record(),
    }


def _join(files: Sequence[Path], target: Path, *, samples: int) -> int:
    written = 0
    with soundfile.SoundFile(target, "w", SAMPLE_RATE_HZ, 1) as out:
        for audio in cycle([decode(path) for path in files]):
            part = audio[: samples - written]
            out.write(part)
            written += len(part)
            if written == samples:
                return written
    raise ValueError("the files hold no sound")


def _replay(engine: Engine, sound: Path, samples: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    started_s = time.perf_counter()
    engine.start(SourceSpec(SourceKind.FILE, path=sound, fast=True))
    early_mb = None
    while not engine.wait(0.5):
        clock = engine.snapshot().clock
        if early_mb is None and clock > 0.1 * samples:
            early_mb = peak_memory_mb()
    taken_s = time.perf_counter() - started_s
    snapshot, journal = engine.snapshot(), engine.journal
    assert journal is not None
    assert snapshot.session_id is not None
    journal.flush(30.0)
    recorded: list[WindowRow | EventRow] = [
        *journal.windows(snapshot.session_id),
        *journal.events(snapshot.session_id),
    ]
    rows = [
        {name: value for name, value in asdict(row).items() if name not in _OWN_COLUMNS} for row in recorded
    ]
    figures = {
        "state": snapshot.state,
        "seconds": round(taken_s, 1),
        "samples_heard": snapshot.clock,
        "windows": snapshot.counters.windows,
        "journal_rows": len(rows),
        "dropped_windows": snapshot.counters.dropped_windows,
        "lost_frames": snapshot.counters.lost_frames,
        "memory_early_mb": early_mb,
        "memory_end_mb": peak_memory_mb(),
    }
    return figures, rows


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--minutes", type=float, default=60.0)
    given = parser.parse_args()
    print(json.dumps(run(given.files, minutes=given.minutes), indent=2))


if __name__ == "__main__":
    main()
