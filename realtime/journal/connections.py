"""Connections to the journal's file, and transactions on them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from core.errors import JournalError
from realtime.journal import faults

__all__ = ["connect", "reading", "transaction"]

_BUSY_S: Final = 0.25


def connect(path: Path) -> sqlite3.Connection:
    """Connect in autocommit; short of patience with locks, since others wait for the caller."""
    # mode=rw: a file that somebody has removed is not made anew, open to all, by looking at it.
    address = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(address, uri=True, timeout=_BUSY_S, isolation_level=None)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Connect to read only.

    Raises
    ------
    JournalError
        The journal cannot be read.
    """
    try:
        with closing(connect(path)) as connection:
            connection.execute("PRAGMA query_only = ON")
            yield connection
    except sqlite3.Error as error:
        raise JournalError(f"{faults.sentence(path, error)}.") from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all of what is done within, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite has rolled back by itself where it had to
            connection.execute("ROLLBACK")
        raise
