"""Owns tracks whose moods are made up: what a table and a river are drawn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.mood.groups import MOODS
from models.mood.result import MoodResult
from models.mood.store import Study
from models.mood.tags import TAGS
from models.mood.tracks import Track, TrackState

__all__ = ["a_result", "a_track"]


def a_result(
    *leads: str, name: str = "song.mp3", rows: int = 60, music: float = 0.9, notices: tuple[str, ...] = ()
) -> MoodResult:
    """One mood after the other leads, for equal parts of the time; without any, all is silent."""
    moods = np.zeros((rows, 8), dtype=np.float32)
    timeline = np.zeros((rows, len(TAGS)), dtype=np.float32)
    for place, lead in enumerate(leads):
        part = slice(rows * place // len(leads), rows * (place + 1) // len(leads))
        if lead:
            moods[part] = 0.5 / 7
            moods[part, MOODS.index(lead)] = 0.5
            timeline[part] = 0.01
            timeline[part, TAGS.index(lead)] = 0.6
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
        shares=shares,
        classes=np.zeros(521, dtype=np.float32),
        thresholds=np.full(len(TAGS), 0.5, dtype=np.float32),
        silent=not any(leads),
        notices=notices,
    )


def a_track(key: str, result: MoodResult | None = None, **changes: object) -> Track:
    """A finished track, or one in another state."""
    name = result.name if result is not None else f"{key}.mp3"
    track = Track(key, name, 1_000_000)
    if result is not None:
        outline = np.linspace(0, 255, 300).astype(np.uint8)
        track = replace(track, state=TrackState.DONE, progress=1.0, study=Study(result, outline))
    return replace(track, **changes)  # type: ignore[arg-type]
