"""The journal's file: opened, rid of old sessions, erased; broken sessions in it are ended."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Container, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from core.errors import JournalError
from core.sqlite import connect, transaction
from realtime.journal import session_lock
from realtime.journal.corrections import DELETE_CORRECTION
from realtime.journal.days import Span
from realtime.journal.rows import END_SESSION, INSERT_EVENT, LAST_MOMENT, REVIVE_SESSION, iso, now
from realtime.journal.schema import JOURNAL

_LOG = logging.getLogger(__name__)
_QUIET: Final = timedelta(minutes=1)
_DELETE_S: Final = 3.0  # how long a person's wish waits for another program's lock
_BROKEN_OFF: Final = "Attune was ended from outside: this is the last moment that was recorded."


def prepare(path: Path, *, retention_days: int) -> str:
    """Make, check, migrate and prune the file; see `core.sqlite.Schema.prepare`."""

    def clean_up(connection: sqlite3.Connection) -> None:
        end_broken_off(connection, path)
        delete_old(connection, retention_days)

    return JOURNAL.prepare(path, clean_up=clean_up)


def end_broken_off(connection: sqlite3.Connection, path: Path) -> None:
    """End sessions whose process is gone (killed, or without power) at the last moment known of them."""
    unlocked = "SELECT id FROM sessions WHERE ended_at IS NULL"
    if not connection.execute(unlocked).fetchone() and not session_lock.numbers(path):
        return  # a journal with nothing to end is left without a lock
    try:
        with transaction(connection):
            running = {number for (number,) in connection.execute(unlocked).fetchall()}
            for number in running:
                _end_if_broken_off(connection, path, number)
            for number in session_lock.numbers(path):
                if not session_lock.is_held(path, number):
                    session_lock.remove(path, number)
    except sqlite3.Error as error:
        _LOG.info("%s: sessions that were broken off are ended later", JOURNAL.describe(path, error))


def _end_if_broken_off(connection: sqlite3.Connection, path: Path, number: int) -> None:
    held = session_lock.is_held(path, number)
    moment, clock = connection.execute(LAST_MOMENT, (number,)).fetchone()
    # Versions before this one made no locks: they may be running still.
    quiet = moment < iso(datetime.now(UTC) - _QUIET)
    if held or (held is None and not quiet):
        return
    connection.execute(INSERT_EVENT, (number, clock, "broken off", _BROKEN_OFF, moment, None, None))
    connection.execute(END_SESSION, (number, moment))


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
        raise JournalError(f"{JOURNAL.describe(path, error)}.") from error


def erase(path: Path, *, running: Mapping[int, tuple[Any, ...]]) -> None:
    """Erase every session but the bare rows of those that run, and all journals put aside as corrupt.

    Parameters
    ----------
    path
        The file.
    running
        Number of each running session -> its values.
    """
    with closing(connect(path)) as connection:
        # Overwritten, vacuumed and cut off the log: not only unlinked.
        connection.execute("PRAGMA secure_delete = ON")
        with transaction(connection):
            connection.execute("DELETE FROM sessions")
            revive(connection, running)
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for aside in path.parent.glob(f"{path.name}.corrupt-*"):
        aside.unlink()


def delete_session(path: Path, session_id: int) -> None:
    """Delete one session with all that belongs to it."""
    with _deleting(path) as connection:
        connection.execute("DELETE FROM sessions WHERE id = ?", (session_id,))


def delete_between(path: Path, span: Span) -> None:
    """Delete what was recorded in a span of time; a session that reaches out of it keeps the rest."""
    moments = (iso(span.start), iso(span.end))
    within = "(SELECT id FROM sessions WHERE started_at < ?2 AND (ended_at IS NULL OR ended_at >= ?1))"
    with _deleting(path) as connection:
        connection.execute("DELETE FROM sessions WHERE started_at >= ? AND ended_at < ?", moments)
        for table in ("windows", "events", "corrections"):
            connection.execute(
                f"DELETE FROM {table} WHERE session_id IN {within} AND wall_time >= ?1 AND wall_time < ?2",  # noqa: S608
                moments,
            )
        connection.execute(
            "DELETE FROM window_counts WHERE quarter >= ? AND quarter < ?", (span.first, span.until)
        )
        # No trace is to stay of the time in the bare rows of sessions either.
        later = min(moments[1], now())
        connection.execute(
            "UPDATE sessions SET started_at = ? WHERE started_at >= ? AND started_at < ?", (later, *moments)
        )
        connection.execute(
            "UPDATE sessions SET ended_at = ?1 WHERE ended_at >= ?1 AND ended_at < ?2 AND started_at < ?1",
            moments,
        )


@contextmanager
def _deleting(path: Path) -> Iterator[sqlite3.Connection]:
    """A transaction whose deleted rows are overwritten, in the file and in its log."""
    with closing(connect(path, timeout_s=_DELETE_S)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        with transaction(connection):
            yield connection
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def delete_correction(path: Path, session_id: int, from_clock: int) -> None:
    """Delete what a person corrected."""
    with _deleting(path) as connection:
        connection.execute(DELETE_CORRECTION, (session_id, from_clock))


def delete_corrections(path: Path) -> int:
    """Delete all that people corrected; returns how many there were."""
    with _deleting(path) as connection:
        return connection.execute("DELETE FROM corrections").rowcount


def write_note(path: Path, session_id: int, note: str) -> None:
    """Keep what a person wrote about a session."""
    with closing(connect(path, timeout_s=_DELETE_S)) as connection:
        connection.execute("UPDATE sessions SET note = ? WHERE id = ?", (note, session_id))


def revive(connection: sqlite3.Connection, running: Mapping[int, tuple[Any, ...]]) -> None:
    """Insert running sessions that somebody has deleted: they go on under their number."""
    for session_id, values in running.items():
        connection.execute(REVIVE_SESSION, (session_id, *values))


def delete_old(connection: sqlite3.Connection, retention_days: int, *, running: Container[int] = ()) -> None:
    """Delete whole sessions that began more than so many days ago, but for those that run; 0 keeps all."""
    if not retention_days:
        return
    limit = iso(datetime.now(UTC) - timedelta(days=retention_days))
    # Asked first: a journal with nothing to delete is left without a lock.
    found = connection.execute("SELECT id FROM sessions WHERE started_at < ?", (limit,)).fetchall()
    old = [(session_id,) for (session_id,) in found if session_id not in running]
    if old:
        connection.execute("PRAGMA secure_delete = ON")
        with transaction(connection):
            connection.executemany("DELETE FROM sessions WHERE id = ?", old)
