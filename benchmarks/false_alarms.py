"""What is no speech must give no emotion: accepted emotions per hour of sound without a voice.

    python -m benchmarks.false_alarms FILE...

Each file is replayed through the live path as fast as possible. Give silence, noise, music.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.settings import Settings
from engine import Engine
from models.resample import SAMPLE_RATE_HZ
from realtime.snapshot import DecisionKind

__all__ = ["run"]


def run(files: Sequence[Path]) -> dict[str, Any]:
    """Count what the gate accepts.

    Parameters
    ----------
    files
        Recordings without a voice.

    Returns
    -------
    figures
        Per file: hours, windows, windows with enough "speech" to ask the model, accepted windows, and
        how often an emotion was newly accepted, in all and per hour.
    """
    engine = Engine(Settings(journal=False))
    figures = {path.name: _count(engine, path) for path in files}
    engine.close()
    return figures


def _count(engine: Engine, path: Path) -> dict[str, float]:
    windows = engine.recognise(path).windows
    hours = windows[-1].reading.clock / SAMPLE_RATE_HZ / 3600 if windows else 0.0
    accepted = [w.decision for w in windows if w.decision.kind is DecisionKind.ACCEPTED]
    entered = sum(decision.changed for decision in accepted)
    return {
        "hours": round(hours, 4),
        "windows": len(windows),
        "windows_with_speech": sum(w.reading.probabilities is not None for w in windows),
        "windows_accepted": len(accepted),
        "emotions_accepted": entered,
        "emotions_per_hour": round(entered / hours, 2) if hours else 0.0,
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    print(json.dumps(run(parser.parse_args().files), indent=2))


if __name__ == "__main__":
    main()
