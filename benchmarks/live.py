"""The listener on paced sound: latency, drops, processor, memory, time to the first reading.

    python -m benchmarks.live [--seconds 120] [FILE]

Without a file the built-in demo is replayed. The journal is written to a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from attune.engine.engine import Engine
from core.settings import Settings
from realtime.capture import SourceKind, SourceSpec
from training.speed.machine import machine_record, peak_memory_mb


def run(spec: SourceSpec, *, seconds: float) -> dict[str, Any]:
    """Listen to a paced source for a while and measure.

    Returns
    -------
    figures
        Latencies in milliseconds from the delivery of the block that holds a window's last sample
        to the new snapshot (the resampler's delay apart); processor in percent of one core;
        peak resident memory in megabytes; `first_reading_s` from starting a new process to its first
        reading of the demo, less the 3 s that the first window lasts.
    """
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Settings(journal_path=Path(folder) / "journal.sqlite3"))
        engine.start(spec)
        opened_s, busy_s = time.perf_counter(), time.process_time()
        engine.wait(seconds)
        wall_s, cpu_s = time.perf_counter() - opened_s, time.process_time() - busy_s
        snapshot = engine.snapshot()
        engine.close()
    total = snapshot.timing["total"]
    return {
        "seconds": round(wall_s, 1),
        "windows": snapshot.counters.windows,
        "dropped_windows": snapshot.counters.dropped_windows,
        "lost_frames": snapshot.counters.lost_frames,
        "latency_median_ms": total.median_ms,
        "latency_p95_ms": total.p95_ms,
        "latency_worst_ms": total.worst_ms,
        "resampler_delay_ms": snapshot.resampler_delay_ms,
        "stages_median_ms": {name: timing.median_ms for name, timing in snapshot.timing.items()},
        "one_core_percent": 100.0 * cpu_s / wall_s,
        "peak_memory_mb": peak_memory_mb(),
        "first_reading_s": _cold_start_s(),
        "threads": engine.model.threads,
        **machine_record(),
    }


def _cold_start_s() -> float:
    command = [sys.executable, "-m", "attune", "listen", "--source", "demo", "--json"]
    started_s = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - our own program
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        taken_s = time.perf_counter() - started_s
        process.terminate()
    return taken_s - 3.0


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--seconds", type=float, default=120.0)
    given = parser.parse_args()
    demo = given.file is None
    spec = SourceSpec(SourceKind.DEMO if demo else SourceKind.FILE, path=given.file)
    print(json.dumps(run(spec, seconds=given.seconds), indent=2))


if __name__ == "__main__":
    main()
