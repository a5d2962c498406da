"""Profiles of tracks as values for JSON, and as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from core.track_labels import EMOTIONS
from models.mood.result import present_tags, to_dict
from models.mood.song_names import SongNames
from models.track.answers import category_of
from models.track.multi_task import TEMPO_BOUNDS_BPM, TEMPO_LABEL
from models.track.profile import LabelProbabilities, TrackProfile

CSV_COLUMNS: Final = (
    *("file", "title", "artist", "duration_s", "loudness_lufs", "tempo_bpm", "tempo_confidence", "key"),
    *(
        "key_confidence",
        "genres",
        "instruments",
        "valence",
        "arousal",
        *EMOTIONS,
        "mood",
        "theme",
        "music_share",
    ),
    *("processing_s", "notices", "error"),
)
"""One row a file; several names in one cell are joined by "; "."""

TIMELINE_COLUMNS: Final = ("file", "start_s", "end_s", "valence", "arousal", "mood", "music_share")
"""One row a moment."""


def profile_dict(
    profile: TrackProfile, names: SongNames, top_k: int, *, timeline: bool = False
) -> dict[str, Any]:
    """A profile as plain values for JSON; what is not known is null.

    Parameters
    ----------
    profile
        Of one file.
    names
        What the file calls itself.
    top_k
        Genres, instruments and tags of the theme, at least 1.
    timeline
        Also beats, and place and mood of each moment.
    """
    mood = to_dict(profile.mood, top_k, theme=True, timeline=timeline)
    content = {
        "file": profile.name,
        "title": names.title,
        "artist": names.artist,
        "duration_s": mood["duration_s"],
        "loudness_lufs": _rounded(profile.loudness_lufs, 1),
        "tempo": _tempo(profile),
        "key": _key(profile),
        "genres": _labels(profile.genres, top_k),
        "instruments": _labels(profile.instruments, top_k),
        "emotions": _all_labels(profile.emotions),
        "valence": _rounded(profile.valence),
        "arousal": _rounded(profile.arousal),
        **{name: mood[name] for name in ("theme", "moods", "silent", "music", "music_share", "shares")},
        "processing_s": round(profile.processing_s, 3),
        "notices": list(profile.notices),
    }
    if timeline:
        content["beats_s"] = [] if profile.rhythm is None else profile.rhythm.beats_s.round(3).tolist()
        places = zip(mood["timeline"], profile.places.tolist(), strict=True)
        content["timeline"] = [
            {**row, "valence": _known(valence), "arousal": _known(arousal)}
            for row, (valence, arousal) in places
        ]
    return content


def profile_cells(profile: TrackProfile, names: SongNames, top_k: int) -> dict[str, Any]:
    """A profile by the columns `CSV_COLUMNS`; what is not known is absent.

    Parameters
    ----------
    profile, names, top_k
        As in `profile_dict`.
    """
    rhythm, key = profile.rhythm, profile.key
    cells = {
        "file": profile.name,
        "title": names.title,
        "artist": names.artist,
        "duration_s": round(profile.duration_s, 3),
        "loudness_lufs": _rounded(profile.loudness_lufs, 1),
        "tempo_bpm": _rounded(profile.tempo_bpm, 1),
        "tempo_confidence": _rounded(None if rhythm is None else rhythm.confidence),
        "key": profile.key_name or None,
        "key_confidence": _rounded(None if key is None else key.confidence),
        "genres": _joined(profile.genres, top_k),
        "instruments": _joined(profile.instruments, top_k),
        "valence": _rounded(profile.valence),
        "arousal": _rounded(profile.arousal),
        **_all_labels(profile.emotions),
        "mood": profile.mood.mood,
        "theme": "; ".join(present_tags(profile.mood, top_k)) if profile.mood.has_music else None,
        "music_share": round(profile.mood.music_share, 4),
        "processing_s": round(profile.processing_s, 3),
        "notices": " ".join(profile.notices) or None,
    }
    return {name: value for name, value in cells.items() if value is not None}


def timeline_rows(profile: TrackProfile) -> Iterator[tuple[Any, ...]]:
    """Rows of a table with the columns `TIMELINE_COLUMNS`."""
    for row in to_dict(profile.mood, 1, theme=False)["timeline"]:
        place = round(row["start_s"] / profile.mood.hop_s)
        valence, arousal = profile.places[place].tolist()
        lead = max(row["moods"], key=row["moods"].__getitem__, default="")
        yield (
            *(profile.name, row["start_s"], row["end_s"], _known(valence), _known(arousal)),
            *(lead, row["music_share"]),
        )


def _tempo(profile: TrackProfile) -> dict[str, Any] | None:
    rhythm = profile.rhythm
    if rhythm is None or rhythm.tempo_bpm is None:
        return None
    half, double = rhythm.alternatives_bpm or (None, None)
    return {
        "bpm": round(rhythm.tempo_bpm, 2),
        "category": category_of(TEMPO_LABEL, rhythm.tempo_bpm, TEMPO_BOUNDS_BPM),
        "confidence": round(rhythm.confidence, 4),
        "half_bpm": _rounded(half, 2),
        "double_bpm": _rounded(double, 2),
        "beats": len(rhythm.beats_s),
    }


def _key(profile: TrackProfile) -> dict[str, Any] | None:
    key = profile.key
    if key is None:
        return None
    return {"tonic": key.tonic, "mode": str(key.mode), "confidence": round(key.confidence, 4)}


def _labels(found: LabelProbabilities | None, top_k: int) -> list[dict[str, Any]]:
    pairs = [] if found is None else found.top(top_k)
    return [{"label": label, "probability": round(value, 4)} for label, value in pairs]


def _all_labels(found: LabelProbabilities | None) -> dict[str, float]:
    if found is None:
        return {}
    pairs = zip(found.labels, found.probabilities.tolist(), strict=True)
    return {label: round(value, 4) for label, value in pairs}


def _joined(found: LabelProbabilities | None, top_k: int) -> str | None:
    return None if found is None else "; ".join(found.present(top_k))


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)
