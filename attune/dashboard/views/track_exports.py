"""Results of tracks as files for other programs."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Final

from core.csv_text import write_csv_rows
from models.mood.result import CSV_COLUMNS, MoodResult, csv_rows
from models.mood.song_names import SongNames
from models.mood.uploaded_track import UploadedTrack
from models.track.profile_export import CSV_COLUMNS as PROFILE_COLUMNS
from models.track.profile_export import profile_cells, profile_dict

EXPORTED_TAGS: Final = 10  # so many of the likeliest tags are written of the whole and of each moment


def as_csv(results: Sequence[MoodResult], *, timeline: bool = True) -> str:
    """Write results as one table, with or without their moments."""
    text = io.StringIO()
    write_csv_rows(text, [CSV_COLUMNS])
    for result in results:
        write_csv_rows(text, csv_rows(result, EXPORTED_TAGS, timeline=timeline))
    return text.getvalue()


def as_json(track: UploadedTrack) -> str:
    """Write all of an analysed track: its profile with every moment."""
    assert track.analysis is not None
    content = profile_dict(track.analysis.profile, _names(track), EXPORTED_TAGS, timeline=True)
    return json.dumps(content, ensure_ascii=False, indent=1)


def profiles_csv(tracks: Sequence[UploadedTrack]) -> str:
    """Write a table of analysed tracks with the columns `models.track.profile_export.CSV_COLUMNS`."""
    text = io.StringIO()
    rows = [
        profile_cells(track.analysis.profile, _names(track), EXPORTED_TAGS)
        for track in tracks
        if track.analysis is not None
    ]
    write_csv_rows(text, [PROFILE_COLUMNS, *([row.get(name) for name in PROFILE_COLUMNS] for row in rows)])
    return text.getvalue()


def _names(track: UploadedTrack) -> SongNames:
    return SongNames(track.title, track.artist)
