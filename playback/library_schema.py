"""Owns the file of the music library: its tables, a corrupt one put aside, a sentence for every trouble."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from core.errors import MusicError

__all__ = ["prepare", "using", "writing"]

_LOG = logging.getLogger(__name__)
_APPLICATION_ID: Final = 0x4174744C  # "AttL"
_PATIENCE_S: Final = {"rw": 5.0, "ro": 0.25}  # who reads is a player, whose commands wait meanwhile
_REMAKE: Final = "is corrupt: run `attune library scan FOLDER`, which puts it aside and begins a new one"
_SENTENCES: Final = {
    sqlite3.SQLITE_BUSY: "is locked by another program: close that program",
    sqlite3.SQLITE_LOCKED: "is locked by another program: close that program",
    sqlite3.SQLITE_FULL: "cannot grow, the disk is full: make room",
    sqlite3.SQLITE_READONLY: "may not be written: change its permissions",
    sqlite3.SQLITE_IOERR: "meets an error of the disk: check that it is there and has room",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check its folder and permissions",
    sqlite3.SQLITE_CORRUPT: _REMAKE,
    sqlite3.SQLITE_NOTADB: _REMAKE,
}

# Script n brings a library from version n to n + 1. A script that has been released is never edited.
# Paths are bytes: a file's name need not be text.
_MIGRATIONS: Final = (
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
    ) WITHOUT ROWID;
    CREATE TABLE folder (id INTEGER PRIMARY KEY CHECK (id = 1), path BLOB NOT NULL);
    """,
)


def prepare(database: Path) -> str:
    """Make and check the file; put a corrupt one aside.

    Returns
    -------
    notice
        One sentence if a corrupt library was put aside, else empty.

    Raises
    ------
    MusicError
        The file belongs to another program or a newer Attune; it is locked, or cannot be made or opened.
    """
    try:
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database.touch(mode=0o600)
        try:
            _open_checked(database)
        except sqlite3.DatabaseError as error:
            if _sentence_of(error) != _REMAKE:
                raise
            aside = _put_aside(database)
            database.touch(mode=0o600)
            _open_checked(database)
            notice = (
                f"The library {database} was corrupt: it is kept as {aside.name}, and a new one was begun."
            )
            _LOG.warning("%s", notice)
            return notice
    except sqlite3.Error as error:
        raise _trouble(database, error) from error
    except OSError as error:
        raise MusicError(
            f"The library {database} cannot be made ({error.strerror or error}): check its folder."
        ) from error
    return ""


@contextmanager
def using(database: Path, *, writable: bool = False) -> Iterator[sqlite3.Connection]:
    """Connect to a library that there is, in autocommit.

    Raises
    ------
    MusicError
        It cannot be read or written, or is no library of this Attune; also for what SQLite raises within.
    """
    try:
        with closing(_connect(database, "rw" if writable else "ro")) as connection:
            _version(connection, database)
            yield connection
    except sqlite3.Error as error:
        raise _trouble(database, error) from error


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all of what is done within, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite has rolled back by itself where it had to
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _connect(database: Path, mode: str) -> sqlite3.Connection:
    address = f"{database.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=_PATIENCE_S[mode], isolation_level=None)


def _open_checked(database: Path) -> None:
    with closing(_connect(database, "rw")) as connection:
        found = _version(connection, database)
        if (answer := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            corrupt = sqlite3.DatabaseError(answer)
            corrupt.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise corrupt
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if found == len(_MIGRATIONS):
            return
        with writing(connection):
            # Asked again under the lock: another process may just have done it.
            for script in _MIGRATIONS[_version(connection, database) :]:
                for statement in filter(str.strip, script.split(";")):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")


def _version(connection: sqlite3.Connection, database: Path) -> int:
    """Version of the tables, 0 where there are none yet; refuses what is not ours to touch."""
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    used = found or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if used and connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
        raise MusicError(f"{database} is a database of another program: move it elsewhere, and scan again.")
    if found > len(_MIGRATIONS):
        raise MusicError(
            f"The library {database} was written by a newer Attune: update Attune, or move the file away and "
            "scan again."
        )
    return found


def _put_aside(database: Path) -> Path:
    aside = database.with_name(f"{database.name}.corrupt-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            database.with_name(database.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def _sentence_of(error: sqlite3.Error) -> str:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    return _SENTENCES.get(code, f"cannot be used ({error}): check its folder")


def _trouble(database: Path, error: sqlite3.Error) -> MusicError:
    return MusicError(f"The library {database} {_sentence_of(error)}.")
