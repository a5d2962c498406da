"""Tracks whose moods are made up: what a table and a mood timeline are drawn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.mood_tags import TAGS
from core.track_labels import EMOTIONS
from models.mood.mood_scale import MOODS
from models.mood.music_share import MUSIC_FROM
from models.mood.result import MoodResult
from models.mood.result_store import TrackAnalysis
from models.mood.uploaded_track import TrackState, UploadedTrack
from models.track.key import KeyEstimate, KeyMode
from models.track.profile import LabelProbabilities, TrackProfile
from models.track.rhythm import Rhythm

__all__ = ["a_profile", "a_result", "a_track"]


def a_result(
    *leads: str, name: str = "song.mp3", rows: int = 60, music: float = 0.9, notices: tuple[str, ...] = ()
) -> MoodResult:
    """One mood after the other leads, for equal parts of the time; without any, all is silent.

    With less music than has a mood, the leads are where the sound is no silence.
    """
    moods = np.zeros((rows, 8), dtype=np.float32)
    timeline = np.zeros((rows, len(TAGS)), dtype=np.float32)
    for place, lead in enumerate(leads):
        part = slice(rows * place // len(leads), rows * (place + 1) // len(leads))
        if lead:
            moods[part] = 0.5 / 7
            moods[part, MOODS.index(lead)] = 0.5
            timeline[part] = 0.01
            timeline[part, TAGS.index(lead)] = 0.6
    music_shares = np.where(moods.any(axis=1), music, np.nan).astype(np.float32)
    if music < MUSIC_FROM:
        moods[:], timeline[:] = 0.0, 0.0
    theme_moods = moods.sum(axis=0) / max(1.0, float(moods.sum()))
    shares = np.tile(np.array([music, 0.0, 0.1, 0.0], dtype=np.float32), (rows, 1))
    return MoodResult(
        name=name,
        duration_s=0.96 * rows,
        hop_s=0.96,
        timeline=timeline,
        theme=timeline.mean(axis=0),
        moods=moods,
        theme_moods=theme_moods.astype(np.float32),
        class_scores=shares,
        classes=np.zeros(521, dtype=np.float32),
        thresholds=np.full(len(TAGS), 0.5, dtype=np.float32),
        music_share=music if any(leads) else 0.0,
        music_shares=music_shares,
        silent=not any(leads),
        notices=notices,
    )


def some_labels(**shares: float) -> LabelProbabilities:
    """What a head says, in this order; from 0.3 on a label counts as present."""
    values = np.array(list(shares.values()), dtype=np.float32)
    return LabelProbabilities(tuple(shares), values, np.full(len(values), 0.3, dtype=np.float32))


def a_profile(mood: MoodResult, **changes: object) -> TrackProfile:
    """A profile with this mood, of which all is known; without music nothing is."""
    rows = len(mood.timeline)
    known = mood.has_music
    found = TrackProfile(
        mood=mood,
        loudness_lufs=-12.34,
        rhythm=Rhythm(120.4, 0.83, (60.2, 240.8), np.arange(0.0, 5.0, 0.5)) if known else None,
        key=KeyEstimate("A", KeyMode.MINOR, 0.64) if known else None,
        genres=some_labels(rock=0.62, pop=0.41, jazz=0.05) if known else None,
        instruments=some_labels(piano=0.7, electricguitar=0.45, drums=0.2) if known else None,
        emotions=some_labels(**dict(zip(EMOTIONS, np.linspace(0.1, 0.5, 9).tolist(), strict=True)))
        if known
        else None,
        valence=0.4 if known else None,
        arousal=-0.2 if known else None,
        places=np.tile(np.array([0.4, -0.2], dtype=np.float32), (rows, 1))
        if known
        else np.full((rows, 2), np.nan, np.float32),
        embedding=np.linspace(0.0, 1.0, 1024, dtype=np.float32) * known,
        processing_s=1.5,
        notices=mood.notices,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def a_track(key: str, result: MoodResult | None = None, **changes: object) -> UploadedTrack:
    """A finished track, or one in another state."""
    name = result.name if result is not None else f"{key}.mp3"
    track = UploadedTrack(key, name, 1_000_000)
    if result is not None:
        outline = np.linspace(0, 255, 300).astype(np.uint8)
        track = replace(
            track, state=TrackState.DONE, progress=1.0, analysis=TrackAnalysis(a_profile(result), outline)
        )
    return replace(track, **changes)  # type: ignore[arg-type]
