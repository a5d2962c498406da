"""Invented corpora in the public layouts: a few tones each, with rubbish between them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from training.data.manifest import ManifestRow, write_manifest

__all__ = ["manifest_of", "tone", "write_tone"]

RATE_HZ = 16_000


def tone(frequency_hz: float, seconds: float = 0.5, level: float = 0.3) -> np.ndarray:
    """A tone with a little noise, float32, shape (samples,); each frequency its own samples."""
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    noise = np.random.default_rng(int(frequency_hz)).standard_normal(time_s.size)
    return (level * (np.sin(2 * np.pi * frequency_hz * time_s) + 0.05 * noise)).astype(np.float32)


def write_tone(path: Path, frequency_hz: float, *, seconds: float = 0.5, level: float = 0.3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(frequency_hz, seconds, level), RATE_HZ)
    return path


def manifest_of(folder: Path, rows: list[ManifestRow]) -> Path:
    """Write a manifest beside the files it names."""
    path = folder / "manifest.csv"
    write_manifest(path, rows)
    return path
