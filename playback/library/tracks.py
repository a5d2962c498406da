"""What is known of the user's own music: one row a file, kept in a database, read as a whole."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.mood_tags import TAGS
from core.sqlite import transaction
from playback.library.database import is_there, prepare, using
from playback.library.track_facts import TrackFacts, facts_text, read_facts

_FIRST_COLUMNS: Final = (
    "path, size, mtime_ns, title, artist, album, duration_s, rms, peak, moods, fingerprint, problem"
)
_COLUMNS: Final = f"{_FIRST_COLUMNS}, fault, facts, embedding"
_OLDER_COLUMNS: Final = {1: f"{_FIRST_COLUMNS}, '', '', NULL", 2: f"{_FIRST_COLUMNS}, fault, '', NULL"}
"""Of earlier versions of the tables: who only reads does not bring them to the newest."""

_PLACES: Final = ", ".join("?" * len(_COLUMNS.split(",")))


@dataclass(frozen=True, slots=True, eq=False)
class TrackRow:
    """One file of the user's music."""

    path: Path  # where it lies; absolute
    # Bytes, and Unix time in ns of its last change: where they differ, the file has changed.
    size: int
    mtime_ns: int
    # For people; all but the title may be empty.
    title: str
    artist: str = ""
    album: str = ""
    # Of its sound; None where it cannot be read.
    duration_s: float | None = None
    # Of its samples, 1 is full scale; None where it cannot be read.
    rms: float | None = None
    peak: float | None = None
    # float32, shape (59,): probabilities of `core.mood_tags.TAGS`; zeros where it holds no music, None
    # where it cannot be read.
    moods: npt.NDArray[np.float32] | None = None
    fingerprint: str = ""  # of the models that heard it
    problem: str = ""  # one sentence on why it cannot be read; else empty
    fault: str = ""  # what is wrong with it although it can be read; else empty
    facts: TrackFacts | None = None  # None where it was heard before there were any
    # float16, shape (1024,): YAMNet's of its music; None where it holds none.
    embedding: npt.NDArray[np.float16] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """The user's music as it was indexed."""

    # Where all of it lies; None before any was indexed.
    folder: Path | None = None
    rows: tuple[TrackRow, ...] = ()  # all files, also those that cannot be read, in the order of their paths

    @property
    def playable(self) -> tuple[TrackRow, ...]:
        """Files that can be read."""
        return tuple(row for row in self.rows if not row.problem)

    @property
    def with_mood(self) -> tuple[TrackRow, ...]:
        """Files that can be read and hold music."""
        return tuple(row for row in self.rows if row.moods is not None and row.moods.any())


def read_library(database: Path) -> Library:
    """Read all of a library; empty where there is none yet.

    Raises
    ------
    MusicError
        It cannot be read.
    """
    if not is_there(database):
        return Library()
    with using(database) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if not version:
            return Library()
        folder = connection.execute("SELECT path FROM folder").fetchone()
        columns = _OLDER_COLUMNS.get(version, _COLUMNS)
        return Library(Path(os.fsdecode(folder[0])) if folder else None, tuple(_rows_of(connection, columns)))


def forget_library(database: Path) -> int:
    """Forget all but the music itself, and what was put aside as corrupt; returns how many files were known.

    Raises
    ------
    MusicError
        It cannot be written.
    """
    if not is_there(database):
        return 0
    prepare(database)
    with using(database, writable=True) as connection:
        with transaction(connection):
            count: int = connection.execute("SELECT count(*) FROM tracks").fetchone()[0]
            connection.execute("DELETE FROM tracks")
            connection.execute("DELETE FROM folder")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for aside in database.parent.glob(f"{database.name}.corrupt-*"):
        aside.unlink(missing_ok=True)
    return count


def library_mark(database: Path) -> tuple[tuple[int, int], ...]:
    """Something that changes whenever the library does; cheap to get."""
    marks = []
    for suffix in ("", "-wal"):
        try:
            status = database.with_name(database.name + suffix).stat()
            # An empty one comes and goes with those who only read.
            marks.append((status.st_mtime_ns, status.st_size) if status.st_size else (0, 0))
        except OSError:
            marks.append((0, 0))
    return tuple(marks)


def _rows_of(connection: sqlite3.Connection, columns: str) -> Iterable[TrackRow]:
    """All rows, in the order of their paths; what `sqlite3` raises is the caller's."""
    for path, *known, moods, fingerprint, problem, fault, facts, embedding in connection.execute(
        f"SELECT {columns} FROM tracks ORDER BY path"  # noqa: S608 - no part of it comes from outside
    ):
        texts = (fingerprint, problem, fault)
        found = (read_facts(facts), _embedding(embedding))
        values: list[Any] = [Path(os.fsdecode(path)), *known, _probabilities(moods), *texts, *found]
        yield TrackRow(*values)


def put_rows(connection: sqlite3.Connection, rows: Iterable[TrackRow]) -> None:
    """Add rows, or replace those of the same paths."""
    connection.executemany(
        f"INSERT OR REPLACE INTO tracks ({_COLUMNS}) VALUES ({_PLACES})",  # noqa: S608
        (
            (
                os.fsencode(row.path),
                *(row.size, row.mtime_ns, row.title, row.artist, row.album),
                *(row.duration_s, row.rms, row.peak),
                None if row.moods is None else row.moods.astype("<f4").tobytes(),
                *(row.fingerprint, row.problem, row.fault),
                "" if row.facts is None else facts_text(row.facts),
                None if row.embedding is None else row.embedding.astype("<f2").tobytes(),
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


def _embedding(stored: bytes | None) -> npt.NDArray[np.float16] | None:
    """What was stored; None where that is none of 16-bit numbers."""
    if not stored or len(stored) % 2:
        return None
    found = np.frombuffer(stored, dtype="<f2").astype(np.float16)
    return found if np.isfinite(found).all() else None
