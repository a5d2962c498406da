"""What is no speech must give no emotion: accepted statements per hour of sound without a voice.

    python -m benchmarks.false_alarms [--minutes 10] [FILE...]

Without files, silence, key clicks and instrumental music are synthesised. Everything goes through
the live path, as fast as possible.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import soundfile

from attune.engine.engine import Engine
from core.settings import Settings
from models.resample import SAMPLE_RATE_HZ, Audio
from realtime.clip_summary import ClipEmotion
from realtime.snapshot import AxisStatement, DecisionKind
from training.speed.synthetic_sounds import VOICELESS


def run(files: Sequence[Path], *, minutes: float) -> dict[str, Any]:
    """Count what the gate accepts, per sound, in recordings without a voice, or else in synthesised ones."""
    if files:
        engine = Engine(Settings(journal=False))
        figures = {path.name: count(engine.recognise(path)) for path in files}
        engine.close()
        return figures
    return {name: count(hear(make(60.0 * minutes))) for name, make in VOICELESS.items()}


def count(clip: ClipEmotion) -> dict[str, float]:
    """Hours, windows, those that had speech enough to ask the model, those accepted, and alarms per hour.

    Energy and pleasantness count as the emotion does: how often the gate took up a side.
    """
    hours = clip.windows[-1].reading.clock / SAMPLE_RATE_HZ / 3600 if clip.windows else 0.0
    accepted = [w.decision for w in clip.windows if w.decision.kind is DecisionKind.ACCEPTED]
    entered = sum(decision.changed for decision in accepted)
    return {
        "hours": round(hours, 4),
        "windows": len(clip.windows),
        "windows_with_speech": sum(w.reading.probabilities is not None for w in clip.windows),
        "windows_accepted": len(accepted),
        "emotions_accepted": entered,
        "emotions_per_hour": round(entered / hours, 2) if hours else 0.0,
        "energy_accepted": _taken_up([w.decision.energy for w in clip.windows]),
        "pleasantness_accepted": _taken_up([w.decision.pleasantness for w in clip.windows]),
    }


def _taken_up(statements: Sequence[AxisStatement | None]) -> int:
    """How often a side was accepted that was not accepted before."""
    sides = [None if statement is None else statement.accepted for statement in statements]
    return sum(side is not None and side != before for before, side in pairwise([None, *sides]))


def hear(audio: Audio) -> ClipEmotion:
    """Send audio, shape (samples,), 16 kHz, through the live path."""
    content = io.BytesIO()
    soundfile.write(content, audio, SAMPLE_RATE_HZ, format="WAV", subtype="FLOAT")
    engine = Engine(Settings(journal=False))
    clip = engine.recognise(Path("sound.wav"), content=content.getvalue())
    engine.close()
    return clip


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--minutes", type=float, default=10.0)
    given = parser.parse_args()
    print(json.dumps(run(given.files, minutes=given.minutes), indent=2))


if __name__ == "__main__":
    main()
