"""What the cache of results keeps of a profile: its arrays, and the rest as values for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.mood.backbone import EMBEDDING_SIZE
from models.mood.result import MoodResult
from models.track.features import PITCH_CLASSES
from models.track.key import KeyEstimate, KeyMode
from models.track.profile import LabelProbabilities, TrackProfile
from models.track.rhythm import Rhythm

_HEADS: Final = ("genres", "instruments", "emotions")


def profile_arrays(profile: TrackProfile) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a profile beside those of its mood, by their names in the archive."""
    beats = np.zeros(0) if profile.rhythm is None else profile.rhythm.beats_s
    arrays: dict[str, npt.NDArray[Any]] = {
        "places": profile.places,
        "embedding": profile.embedding,
        "beats_s": beats,
    }
    for name in _HEADS:
        found: LabelProbabilities | None = getattr(profile, name)
        if found is not None:
            arrays |= {f"{name}_probabilities": found.probabilities, f"{name}_thresholds": found.thresholds}
    return arrays


def profile_meta(profile: TrackProfile) -> dict[str, Any]:
    """The rest; notices are for the caller, since they hold the file's name."""
    rhythm, key = profile.rhythm, profile.key
    heads = {name: getattr(profile, name) for name in _HEADS}
    return {
        "loudness_lufs": profile.loudness_lufs,
        "rhythm": None
        if rhythm is None
        else [rhythm.tempo_bpm, rhythm.confidence, list(rhythm.alternatives_bpm or ())],
        "key": None if key is None else [key.tonic, str(key.mode), key.confidence],
        "valence": profile.valence,
        "arousal": profile.arousal,
        "processing_s": profile.processing_s,
        "labels": {name: list(found.labels) for name, found in heads.items() if found is not None},
    }


def unpacked_profile(
    arrays: Mapping[str, npt.NDArray[Any]],
    meta: Mapping[str, Any],
    mood: MoodResult,
    notices: tuple[str, ...],
) -> TrackProfile:
    """Put a profile together again.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError, OSError
        It is damaged.
    """
    heads: dict[str, LabelProbabilities | None] = dict.fromkeys(_HEADS)
    for name, labels in meta["labels"].items():
        found = LabelProbabilities(
            tuple(map(str, labels)), arrays[f"{name}_probabilities"], arrays[f"{name}_thresholds"]
        )
        sizes = len(found.labels), len(found.thresholds) or len(found.labels)
        if found.probabilities.shape != sizes[:1] or sizes[0] != sizes[1] or name not in heads:
            raise ValueError(f"{name} has another shape")
        heads[name] = found
    places, embedding = arrays["places"], arrays["embedding"]
    if places.shape != (len(mood.timeline), 2) or embedding.shape != (EMBEDDING_SIZE,):
        raise ValueError("a place or the embedding has another shape")
    return TrackProfile(
        mood=mood,
        loudness_lufs=_number(meta["loudness_lufs"]),
        rhythm=_rhythm(meta["rhythm"], arrays["beats_s"]),
        key=_key(meta["key"]),
        valence=_number(meta["valence"]),
        arousal=_number(meta["arousal"]),
        places=places.astype(np.float32),
        embedding=embedding.astype(np.float32),
        processing_s=float(meta["processing_s"]),
        notices=notices,
        **heads,
    )


def _rhythm(kept: Any, beats_s: npt.NDArray[Any]) -> Rhythm | None:
    if kept is None:
        return None
    tempo_bpm, confidence, alternatives = kept
    pair = (float(alternatives[0]), float(alternatives[1])) if alternatives else None
    return Rhythm(_number(tempo_bpm), float(confidence), pair, beats_s.astype(np.float64))


def _key(kept: Any) -> KeyEstimate | None:
    if kept is None:
        return None
    tonic, mode, confidence = kept
    if tonic not in PITCH_CLASSES:
        raise ValueError(f"{tonic!r} is no pitch class")
    return KeyEstimate(tonic, KeyMode(mode), float(confidence))


def _number(kept: Any) -> float | None:
    return None if kept is None else float(kept)
