"""Answers about music in the fields of the "Music Classification API", of files and of embeddings."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from attune.api.analyses import Watch, read_header
from attune.api.problems import HttpProblem
from attune.api.uploads import Upload
from attune.engine.engine import Engine
from models.mood.backbone import EMBEDDING_SIZE
from models.mood.mood_scale import MOODS, mood_weights
from models.track.answers import category_of
from models.track.features import MEL_BANDS
from models.track.heads import GENRE_HEAD
from models.track.multi_task import TEMPO_BOUNDS_BPM, TEMPO_LABEL
from models.track.profile import LabelProbabilities, TrackProfile

_LARGEST: Final = 1e4
"""No value of an embedding is nearly as large: they are means of activations."""

Embedding = npt.NDArray[np.float32]  # float32, shape (1, 1024)


def analyse_file(engine: Engine, upload: Upload, watch: Watch) -> dict[str, Any]:
    """Analyse a sound file; raises as `TrackProfiler.profile` does."""
    found = engine.profiler.profile(
        upload.content,
        name=upload.name,
        max_minutes=engine.settings.max_file_minutes,
        on_progress=watch,
    )
    return {
        "file_name": upload.name,
        "predictions": _predictions(found),
        "processing_time_ms": round(found.processing_s * 1000.0, 1),
        "metadata": {
            "duration": round(found.duration_s, 3),
            "sample_rate": read_header(upload).rate_hz,
            "file_size_bytes": len(upload.content),
        },
        "warnings": list(found.notices),
    }


def analyse_embedding(engine: Engine, name: str, embedding: Embedding, size_bytes: int) -> dict[str, Any]:
    """Say of an embedding what its heads know: genre and mood.

    Parameters
    ----------
    engine
        Has the models.
    name
        Of the track, for people.
    embedding
        As `checked_embedding` gives it.
    size_bytes
        Of what was sent.

    Raises
    ------
    ModelError
        A model cannot be used.
    """
    started_s, profiler = time.monotonic(), engine.profiler
    head = profiler.tagger.head
    thresholds = np.array(head.info.thresholds, dtype=np.float32)
    moods = mood_weights(head.predict(embedding), thresholds, head.moods)[0]
    return {
        "file_name": name,
        "predictions": {
            "genre": _genre(profiler.labels(GENRE_HEAD, embedding)),
            "mood": _mood(moods),
            "bpm": None,
            "key": None,
        },
        "processing_time_ms": round((time.monotonic() - started_s) * 1000.0, 1),
        "metadata": {"duration": None, "sample_rate": None, "file_size_bytes": size_bytes},
        "warnings": [
            "An embedding does not tell tempo and key, nor whether there is music at all: send the sound "
            "file for these."
        ],
    }


def checked_embedding(values: npt.NDArray[np.floating[Any]]) -> Embedding:
    """The mean embedding that was sent, shape (1, 1024).

    Parameters
    ----------
    values
        Shape (1024,), or (patches, 1024).

    Raises
    ------
    HttpProblem
        422: it has another shape, or values that no embedding has.
    """
    if values.ndim not in (1, 2) or values.shape[-1] != EMBEDDING_SIZE or not len(values):
        raise HttpProblem(422, _other_shape(values.shape))
    if not (np.isfinite(values).all() and values.min() >= 0.0 and values.max() <= _LARGEST and values.any()):
        raise HttpProblem(
            422,
            f"An embedding of YAMNet has values from 0 to {_LARGEST:g}, not all of them 0: send one that "
            "`attune embed` wrote.",
        )
    mean: Embedding = np.atleast_2d(values).mean(axis=0, dtype=np.float64, keepdims=True).astype(np.float32)
    return mean


def _other_shape(shape: Sequence[int]) -> str:
    what = "A spectrogram" if len(shape) == 2 and shape[0] == MEL_BANDS else "An array"
    return (
        f"{what} of shape {tuple(shape)} came, and the models of Attune hear sound, or its embedding by "
        f"YAMNet, shape ({EMBEDDING_SIZE},) or (patches, {EMBEDDING_SIZE}). Send what `attune embed` "
        "writes, or the sound file to /api/music/analyze/upload."
    )


def _predictions(found: TrackProfile) -> dict[str, Any]:
    key = found.key
    return {
        "genre": _genre(found.genres),
        "mood": _mood(found.mood.theme_moods) if found.mood.has_music else None,
        "bpm": _tempo(found),
        "key": None
        if key is None
        else {"label": found.key_name, "confidence": round(key.confidence, 4), "all_probabilities": None},
    }


def _genre(found: LabelProbabilities | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return _likeliest(dict(zip(found.labels, found.probabilities.tolist(), strict=True)))


def _mood(weights: npt.NDArray[np.float32]) -> dict[str, Any]:
    return _likeliest(dict(zip(MOODS, weights.tolist(), strict=True)))


def _likeliest(probabilities: dict[str, float]) -> dict[str, Any]:
    rounded = {label: round(value, 4) for label, value in probabilities.items()}
    label = max(rounded, key=rounded.__getitem__)
    return {"label": label, "confidence": rounded[label], "all_probabilities": rounded}


def _tempo(found: TrackProfile) -> dict[str, Any] | None:
    if found.rhythm is None or found.tempo_bpm is None:
        return None
    return {
        "value": round(found.tempo_bpm, 2),
        "category": category_of(TEMPO_LABEL, found.tempo_bpm, TEMPO_BOUNDS_BPM),
        "confidence": round(found.rhythm.confidence, 4),
    }
