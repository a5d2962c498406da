"""The file of the music library: its tables, and a `MusicError` for everything that can be wrong with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from core.errors import MusicError
from core.sqlite import Schema, connect

WHERE_TO_SCAN: Final = "on the page Playlists, or with `attune library scan FOLDER`"
_READ_TIMEOUT_S: Final = 0.25  # who reads is a player, whose commands wait meanwhile
_WRITE_TIMEOUT_S: Final = 5.0

# Paths are bytes: a file's name need not be text.
_SCHEMA: Final = Schema(
    name="library",
    application_id=0x4174744C,  # "AttL"
    migrations=(
        (
            """
            CREATE TABLE tracks (
                path BLOB PRIMARY KEY,
                size INTEGER NOT NULL,
                mtime_ns INTEGER NOT NULL,
                title TEXT NOT NULL,
                artist TEXT NOT NULL,
                album TEXT NOT NULL,
                duration_s REAL,
                rms REAL,
                peak REAL,
                moods BLOB,
                fingerprint TEXT NOT NULL,
                problem TEXT NOT NULL
            ) WITHOUT ROWID
            """,
            "CREATE TABLE folder (id INTEGER PRIMARY KEY CHECK (id = 1), path BLOB NOT NULL)",
        ),
        ("ALTER TABLE tracks ADD COLUMN fault TEXT NOT NULL DEFAULT ''",),
        (
            "ALTER TABLE tracks ADD COLUMN facts TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE tracks ADD COLUMN embedding BLOB",
        ),
    ),
    error=MusicError,
    repair=f"scan your music ({WHERE_TO_SCAN}), which puts it aside and begins a new one",
    alternative="move it elsewhere, and scan again",
)


def is_there(database: Path) -> bool:
    """Whether there is a library.

    Raises
    ------
    MusicError
        Its folder may not be looked into.
    """
    with _described(database, OSError):
        return database.exists()


def prepare(database: Path) -> str:
    """Make, check and migrate the file; a corrupt one is put aside, which the sentence returned says.

    Raises
    ------
    MusicError
        The file belongs to another program or a newer Attune; it is locked, or cannot be made or opened.
    """
    with _described(database, sqlite3.Error, OSError):
        return _SCHEMA.prepare(database)


@contextmanager
def using(database: Path, *, writable: bool = False) -> Iterator[sqlite3.Connection]:
    """Connect to a library that exists, in autocommit.

    Parameters
    ----------
    database
        The file.
    writable
        It will be written to.

    Raises
    ------
    MusicError
        It cannot be read or written, or is no library of this Attune; also for what SQLite raises within.
    """
    timeout_s = _WRITE_TIMEOUT_S if writable else _READ_TIMEOUT_S
    with (
        _described(database, sqlite3.Error),
        closing(connect(database, mode="rw" if writable else "ro", timeout_s=timeout_s)) as connection,
    ):
        _SCHEMA.version(connection, database)
        yield connection


@contextmanager
def _described(database: Path, *kinds: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kinds as error:
        raise MusicError(f"{_SCHEMA.describe(database, error)}.") from error
