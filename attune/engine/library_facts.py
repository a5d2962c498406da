"""What a music library keeps of a profile: the facts by which tracks are filtered, placed and shown."""

from __future__ import annotations

from typing import Final

from models.track.profile import LabelProbabilities, TrackProfile
from playback.library.track_facts import Shares, TrackFacts

_GENRES: Final = 3
_INSTRUMENTS: Final = 5


def facts_of(profile: TrackProfile) -> TrackFacts:
    """Take from a profile what the library keeps; without music that is its loudness alone."""
    rhythm, key, genres = profile.rhythm, profile.key, profile.genres
    present = [] if genres is None else genres.present(_GENRES)
    return TrackFacts(
        tempo_bpm=profile.tempo_bpm,
        tempo_confidence=None if rhythm is None or rhythm.tempo_bpm is None else float(rhythm.confidence),
        key=profile.key_name,
        key_confidence=None if key is None else float(key.confidence),
        loudness_lufs=profile.loudness_lufs,
        mood=profile.mood.mood or "",
        genres=tuple(pair for pair in _top(genres, _GENRES) if pair[0] in present),
        instruments=_top(profile.instruments, _INSTRUMENTS),
        emotions=_top(profile.emotions, None),
        pleasantness=profile.valence,
        energy=profile.arousal,
    )


def _top(found: LabelProbabilities | None, top_k: int | None) -> Shares:
    if found is None:
        return ()
    pairs = found.top(top_k or len(found.labels))
    return tuple((label, round(value, 4)) for label, value in pairs)
