"""The row of a sound in a catalogue: of its profile, or of what is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from attune.catalog.schema import ErrorKind
from attune.catalog.sources import CatalogEntry
from core.text import encodable
from models.mood.mood_scale import MOODS
from models.mood.result import MoodResult, present_tags
from models.mood.song_names import SongNames
from models.track.profile import LabelProbabilities, TrackProfile

MOST_PARTS: Final = 12
"""Parts of the summary of a timeline at most."""

LEAST_PART_S: Final = 10.0
"""A part is no shorter, in seconds, but that of a sound that is shorter itself."""

_LABELS: Final = 5  # genres and instruments
_TAGS: Final = 5

Row = dict[str, Any]
"""Values by the columns of `schema.SCHEMA`; what is absent is null."""


def answer_row(entry: CatalogEntry, content_key: str, profile: TrackProfile, names: SongNames) -> Row:
    """The row of a sound that was analysed.

    Parameters
    ----------
    entry
        Where it is.
    content_key
        Of its content and the models.
    profile, names
        What it is, and what it calls itself.
    """
    mood, rhythm, key = profile.mood, profile.rhythm, profile.key
    return {
        **_origin(entry, content_key),
        "processing_s": profile.processing_s,
        "name": profile.name,
        "title": names.title or None,
        "artist": names.artist or None,
        "duration_s": profile.duration_s,
        "silent": mood.silent,
        "music": mood.has_music,
        "music_share": mood.music_share,
        "loudness_lufs": profile.loudness_lufs,
        "tempo_bpm": profile.tempo_bpm,
        "tempo_confidence": None if rhythm is None or rhythm.tempo_bpm is None else rhythm.confidence,
        "key": profile.key_name or None,
        "key_confidence": None if key is None else key.confidence,
        "genres": _likeliest(profile.genres),
        "instruments": _likeliest(profile.instruments),
        "valence": profile.valence,
        "arousal": profile.arousal,
        "emotions": None if profile.emotions is None else profile.emotions.probabilities,
        "mood": mood.mood,
        "moods": mood.theme_moods if mood.has_music else None,
        "tags": present_tags(mood, _TAGS) if mood.has_music else None,
        "theme": mood.theme if mood.has_music else None,
        "timeline": _timeline(profile),
        "embedding": profile.embedding.astype(np.float16) if profile.embedding.any() else None,
        "notices": list(profile.notices),
    }


def error_row(entry: CatalogEntry, content_key: str | None, error: str, kind: ErrorKind) -> Row:
    """The row of a sound that has no answer; `error` is one sentence."""
    return {**_origin(entry, content_key), "error": encodable(error), "error_kind": str(kind)}


def moved_row(entry: CatalogEntry, known: Row, name: str) -> Row:
    """The row of a sound whose content was analysed under another location."""
    return {**known, **_origin(entry, known["content_key"]), "name": name}


def _origin(entry: CatalogEntry, content_key: str | None) -> Row:
    return {
        "location": entry.location,
        "version": entry.version,
        "size_bytes": entry.size_bytes,
        "content_key": content_key,
        "analysed_at": datetime.now(UTC),
    }


def _likeliest(found: LabelProbabilities | None) -> list[Row] | None:
    if found is None:
        return None
    return [{"label": label, "probability": value} for label, value in found.top(_LABELS)]


def _timeline(profile: TrackProfile) -> list[Row]:
    """The moments of a sound summed up in parts of equal length."""
    mood = profile.mood
    parts = int(np.clip(mood.duration_s // LEAST_PART_S, 1, MOST_PARTS))
    edges = np.linspace(0.0, mood.duration_s, parts + 1)
    middles = (mood.starts_s + mood.ends_s) / 2.0
    placed = np.clip(np.searchsorted(edges, middles, side="right") - 1, 0, parts - 1)
    return [
        {"start_s": edges[part], "end_s": edges[part + 1], **_part(profile, mood, placed == part)}
        for part in range(parts)
    ]


def _part(profile: TrackProfile, mood: MoodResult, rows: Any) -> Row:
    weights = mood.moods[rows].sum(axis=0)
    valence, arousal = (_mean(column) for column in profile.places[rows].T)
    return {
        "mood": MOODS[int(weights.argmax())] if weights.any() else None,
        "valence": valence,
        "arousal": arousal,
        "music_share": _mean(mood.music_shares[rows]),
    }


def _mean(values: Any) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
