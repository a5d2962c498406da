"""Music in the four quadrants of valence and arousal: folders `Q1` to `Q4`, or the table of 4Q."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from core.errors import DataError
from models.track.tasks import Task, TaskKind
from training.track.dataset import EntryFault, TrackDataset
from training.track.readers import inputs, tables
from training.track.readers.assemble import LabelledTrack, Target, assemble
from training.track.readers.inputs import InputSource

QUADRANTS: Final = ("Q1", "Q2", "Q3", "Q4")
"""Pleasant and lively, unpleasant and lively, unpleasant and quiet, pleasant and quiet (Russell, 1980)."""

TASKS: Final = (
    Task("quadrant", TaskKind.SINGLE_LABEL, QUADRANTS),
    Task("axes", TaskKind.MULTI_LABEL, ("valence", "arousal")),
)
_AXES: Final = {"Q1": (1.0, 1.0), "Q2": (0.0, 1.0), "Q3": (0.0, 0.0), "Q4": (1.0, 0.0)}


def is_quadrants(folder: Path) -> bool:
    """Whether a folder has one of each quadrant, or their table."""
    return all(any(folder.glob(f"**/{name}")) for name in QUADRANTS) or _table_in(folder) is not None


def read_quadrant_tracks(
    source: Path,
    where: InputSource,
    *,
    most_s: float = inputs.MOST_S,
    segment_s: float | None = None,
) -> TrackDataset:
    """Read clips in four quadrants: the quadrant, and whether each axis is high.

    Parameters
    ----------
    source
        A table with the columns path (or song) and quadrant, and an artist where it is known; or a folder
        with such a table, or with the folders `Q1` to `Q4`, whose files are then those of the inputs.
    where
        Of the clips.
    most_s, segment_s
        As in `assemble`.

    Raises
    ------
    DataError
        There are no quadrants, or nothing of them can be learned.

    References
    ----------
    Panda et al., "Novel audio features for music emotion recognition", IEEE TAFFC 2020.
    """
    faults: list[EntryFault] = []
    table = _table_in(source) if source.is_dir() else source
    tracks = _of_table(table, where, faults) if table is not None else _of_folders(where, faults)
    return assemble(source.stem, TASKS, tracks, where, faults=faults, most_s=most_s, segment_s=segment_s)


def is_quadrant_table(columns: Sequence[str]) -> bool:
    """Whether these plain names of columns are those of such a table."""
    return "quadrant" in columns and bool({"path", "song"} & set(columns))


def _table_in(folder: Path) -> Path | None:
    found = (path for path in sorted(folder.glob("*.csv")) if is_quadrant_table(tables.read_columns(path)))
    return next(found, None)


def _of_table(path: Path, where: InputSource, faults: list[EntryFault]) -> list[LabelledTrack]:
    columns, rows = tables.read_table(path)
    if not is_quadrant_table(columns):
        raise DataError(f"The table {path} has no columns path and quadrant: it is another table.")
    keys = inputs.short_keys(where)
    tracks = []
    for line, row in enumerate(rows, start=2):
        name = row.get("path") or row.get("song", "")
        stem = inputs.stem_of(name)
        quadrant = row.get("quadrant", "").upper()
        if not name or quadrant not in QUADRANTS:
            faults.append(
                EntryFault(
                    name or f"{path.name}, line {line}", f"its quadrant is {quadrant!r}, not one of Q1 to Q4"
                )
            )
            continue
        key = keys.get(stem) or keys.get(PurePosixPath(stem).name, "")
        artist = row.get("artist", "")
        tracks.append(_track(name, key, quadrant, f"artist {artist}" if artist else ""))
    return tracks


def _of_folders(where: InputSource, faults: list[EntryFault]) -> list[LabelledTrack]:
    tracks = []
    for key in where.keys:
        quadrant = next(
            (part.upper() for part in PurePosixPath(key).parts[:-1] if part.upper() in QUADRANTS), ""
        )
        if quadrant:
            tracks.append(_track(key, key, quadrant, ""))
        else:
            faults.append(EntryFault(key, "lies in none of the folders Q1 to Q4, so it is left out"))
    if not tracks:
        raise DataError(f"None of the sounds in {where.where} lies in a folder Q1 to Q4: name others.")
    return tracks


def _track(name: str, key: str, quadrant: str, group: str) -> LabelledTrack:
    targets: dict[str, Target] = {
        "quadrant": QUADRANTS.index(quadrant),
        "axes": np.array(_AXES[quadrant], dtype=np.float32),
    }
    return LabelledTrack(name, key, targets, group)
