"""Prepared music without sound: features, spectrograms, embeddings and the manifest of invented tracks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.track.feature_file import write_features
from models.track.features import FEATURE_NAMES


def features(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=len(FEATURE_NAMES)).astype(np.float32)
    vector[FEATURE_NAMES.index("estimated_key")] = seed % 12
    return vector


def spectrogram(seed: int, frames: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(-40.0, 10.0, size=(128, frames)).astype(np.float32)


def embeddings(seed: int, steps: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).random((steps, 1024)).astype(np.float32)


def write_entry(folder: Path, name: str, seed: int, **labels: Any) -> dict[str, Any]:
    """The files of one track, and its entry."""
    stem = Path(name).with_suffix("").as_posix()
    entry = {
        "filename": name,
        "duration": 1.28,
        "features_file": f"features/{stem}_features.json",
        "spectrogram_file": f"spectrograms/{stem}_spectrogram.npy",
        "embedding_file": f"embeddings/{stem}_embedding.npy",
        **labels,
    }
    write_features(folder / entry["features_file"], features(seed), {})
    for key, array in (("spectrogram_file", spectrogram(seed)), ("embedding_file", embeddings(seed))):
        (folder / entry[key]).parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / entry[key], array)
    return entry


def write_manifest(folder: Path, entries: Sequence[Any], **about: Any) -> Path:
    path = folder / "dataset_manifest.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"dataset_name": "invented", "files": list(entries), **about}), encoding="utf-8"
    )
    return path


def prepared(folder: Path, names: Sequence[str], labels: Mapping[str, Any] | None = None) -> Path:
    """A manifest of tracks by these names."""
    entries = [write_entry(folder, name, seed, **(labels or {})) for seed, name in enumerate(names)]
    return write_manifest(folder, entries)
