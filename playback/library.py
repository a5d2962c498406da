"""Owns what is known of the user's own music: one row a file, kept in a database, read as a whole."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.mood.tags import TAGS
from playback.library_schema import prepare, using, writing

__all__ = [
    "Library",
    "TrackRow",
    "forget_library",
    "library_mark",
    "put_rows",
    "read_library",
    "remove_rows",
    "rows_of",
    "set_folder",
]

_COLUMNS: Final = (
    "path, size, mtime_ns, title, artist, album, duration_s, rms, peak, moods, fingerprint, problem"
)


@dataclass(frozen=True, slots=True, eq=False)
class TrackRow:
    """One file of the user's music.

    Parameters
    ----------
    path
        Where it lies; absolute.
    size, mtime_ns
        Bytes, and Unix time in ns of its last change: by them a changed file is known.
    title, artist, album
        For people; all but the title may be empty.
    duration_s
        Of its sound; None where it cannot be read.
    rms, peak
        Of its samples, 1 is full scale; None where it cannot be read.
    moods
        float32, shape (59,): probabilities of `models.mood.tags.TAGS`; zeros where it is silent, None where
        it cannot be read.
    fingerprint
        Of the models that heard it.
    problem
        One sentence on why it cannot be read; else empty.
    """

    path: Path
    size: int
    mtime_ns: int
    title: str
    artist: str = ""
    album: str = ""
    duration_s: float | None = None
    rms: float | None = None
    peak: float | None = None
    moods: npt.NDArray[np.float32] | None = None
    fingerprint: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """The user's music as it was indexed.

    Parameters
    ----------
    folder
        Where all of it lies; None before any was indexed.
    rows
        All files, also those that cannot be read, in the order of their paths.
    """

    folder: Path | None = None
    rows: tuple[TrackRow, ...] = ()

    @property
    def playable(self) -> tuple[TrackRow, ...]:
        """Files that can be read."""
        return tuple(row for row in self.rows if not row.problem)

    @property
    def with_mood(self) -> tuple[TrackRow, ...]:
        """Files that can be read and are not silent."""
        return tuple(row for row in self.rows if row.moods is not None and row.moods.any())


def read_library(database: Path) -> Library:
    """Read all of a library; empty where there is none yet.

    Raises
    ------
    MusicError
        It cannot be read.
    """
    if not database.exists():
        return Library()
    with using(database) as connection:
        if not connection.execute("PRAGMA user_version").fetchone()[0]:
            return Library()
        folder = connection.execute("SELECT path FROM folder").fetchone()
        return Library(Path(os.fsdecode(folder[0])) if folder else None, tuple(rows_of(connection)))


def forget_library(database: Path) -> int:
    """Forget all of it, and what was put aside as corrupt; the music itself is not touched.

    Returns
    -------
    count
        Of the files that were known.

    Raises
    ------
    MusicError
        It cannot be written.
    """
    if not database.exists():
        return 0
    prepare(database)
    with using(database, writable=True) as connection:
        with writing(connection):
            count: int = connection.execute("SELECT count(*) FROM tracks").fetchone()[0]
            connection.execute("DELETE FROM tracks")
            connection.execute("DELETE FROM folder")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for aside in database.parent.glob(f"{database.name}.corrupt-*"):
        aside.unlink(missing_ok=True)
    return count


def library_mark(database: Path) -> tuple[tuple[int, int], ...]:
    """What changes whenever the library does; cheap."""
    marks = []
    for suffix in ("", "-wal"):
        try:
            status = database.with_name(database.name + suffix).stat()
            # An empty one comes and goes with those who only read.
            marks.append((status.st_mtime_ns, status.st_size) if status.st_size else (0, 0))
        except OSError:
            marks.append((0, 0))
    return tuple(marks)


def rows_of(connection: sqlite3.Connection) -> Iterable[TrackRow]:
    """All rows, in the order of their paths; what `sqlite3` raises is the caller's."""
    for path, *columns, moods, fingerprint, problem in connection.execute(
        f"SELECT {_COLUMNS} FROM tracks ORDER BY path"  # noqa: S608 - no part of it comes from outside
    ):
        values: list[Any] = [Path(os.fsdecode(path)), *columns, _probabilities(moods), fingerprint, problem]
        yield TrackRow(*values)


def put_rows(connection: sqlite3.Connection, rows: Iterable[TrackRow]) -> None:
    """Add rows, or replace those of the same paths."""
    connection.executemany(
        f"INSERT OR REPLACE INTO tracks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            (
                os.fsencode(row.path),
                *(row.size, row.mtime_ns, row.title, row.artist, row.album),
                *(row.duration_s, row.rms, row.peak),
                None if row.moods is None else row.moods.astype("<f4").tobytes(),
                *(row.fingerprint, row.problem),
            )
            for row in rows
        ),
    )


def remove_rows(connection: sqlite3.Connection, paths: Iterable[Path]) -> None:
    """Remove the rows of files."""
    connection.executemany("DELETE FROM tracks WHERE path = ?", ((os.fsencode(path),) for path in paths))


def set_folder(connection: sqlite3.Connection, folder: Path) -> None:
    """Note where all of the music lies."""
    connection.execute("INSERT OR REPLACE INTO folder (id, path) VALUES (1, ?)", (os.fsencode(folder),))


def _probabilities(stored: bytes | None) -> npt.NDArray[np.float32] | None:
    """What was stored; None, as if it had never been heard, where that has another length."""
    if stored is None or len(stored) != 4 * len(TAGS):
        return None
    return np.frombuffer(stored, dtype="<f4").astype(np.float32)
