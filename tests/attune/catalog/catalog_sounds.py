"""Small catalogues of synthetic music, for the tests of catalogues."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16_000


def write_music(path: Path, seed: int, *, seconds: float = 3.0) -> Path:
    """A few notes that repeat, other ones for each seed."""
    generator = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    notes_hz = generator.choice([220.0, 261.6, 329.6, 392.0, 440.0, 523.3], 3, replace=False)
    pluck = np.exp(-4.0 * ((2.0 * time_s) % 1.0))
    notes_hz = notes_hz * (1.0 + 1e-4 * seed)
    sound = sum(np.sin(2.0 * np.pi * hz * time_s) * pluck for hz in notes_hz)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * sound, RATE_HZ)
    return path


def write_catalogue(folder: Path, count: int) -> list[Path]:
    """As many different files."""
    return [write_music(folder / f"album {seed % 3}" / f"{seed:03}.wav", seed) for seed in range(count)]
