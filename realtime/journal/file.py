"""The journal's file: made, checked, put aside where corrupt, rid of what is old, erased."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Container, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from realtime.journal import connections, faults
from realtime.journal.rows import REVIVE_SESSION, iso
from realtime.journal.schema import migrate

__all__ = ["erase", "forget_old", "prepare", "revive"]

_LOG = logging.getLogger(__name__)
_FULL_CHECK_BYTES: Final = 64 * 2**20


def prepare(path: Path, *, retention_days: int) -> str:
    """Make, check, migrate and prune the file; put a corrupt one aside.

    Returns
    -------
    notice
        One sentence if a corrupt journal was put aside, else empty.

    Raises
    ------
    JournalError, sqlite3.Error, OSError
        The file belongs to another program or a newer Attune; it cannot be made or opened.
    """
    _make(path)
    try:
        _open_checked(path, retention_days)
    except sqlite3.DatabaseError as error:
        if not faults.is_corrupt(error):
            raise
        aside = _put_aside(path)
        notice = (
            f"The journal {path} was corrupt and has been put aside as {aside.name}: "
            f"a new one was begun, nothing was deleted."
        )
        _LOG.warning("%s", notice)
        _make(path)
        _open_checked(path, retention_days)
        return notice
    return ""


def erase(path: Path, *, running: Mapping[int, tuple[Any, ...]]) -> None:
    """Erase every session but the bare rows of those that run, and all journals put aside as corrupt."""
    with closing(connections.connect(path)) as connection:
        # Overwritten, vacuumed and cut off the log: not only unlinked.
        connection.execute("PRAGMA secure_delete = ON")
        with connections.transaction(connection):
            connection.execute("DELETE FROM sessions")
            revive(connection, running)
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for aside in path.parent.glob(f"{path.name}.corrupt-*"):
        aside.unlink()


def revive(connection: sqlite3.Connection, running: Mapping[int, tuple[Any, ...]]) -> None:
    """Have every running session in the file, whoever has deleted it: it goes on under its number."""
    for session_id, values in running.items():
        connection.execute(REVIVE_SESSION, (session_id, *values))


def forget_old(connection: sqlite3.Connection, retention_days: int, *, running: Container[int] = ()) -> None:
    """Delete whole sessions that began more than so many days ago, but for those that run; 0 keeps all."""
    if not retention_days:
        return
    limit = iso(datetime.now(UTC) - timedelta(days=retention_days))
    # Asked first: a journal with nothing to forget is left without a lock.
    found = connection.execute("SELECT id FROM sessions WHERE started_at < ?", (limit,)).fetchall()
    old = [(session_id,) for (session_id,) in found if session_id not in running]
    if old:
        connection.execute("PRAGMA secure_delete = ON")
        with connections.transaction(connection):
            connection.executemany("DELETE FROM sessions WHERE id = ?", old)


def _make(path: Path) -> None:
    """Make folder and file for their owner alone: what people felt is nobody else's business."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if os.name == "posix" and path.stat().st_mode & 0o077:
        path.chmod(0o600)


def _open_checked(path: Path, retention_days: int) -> None:
    with closing(connections.connect(path)) as connection:
        check = "quick_check(1)" if path.stat().st_size <= _FULL_CHECK_BYTES else "schema_version"
        answer = connection.execute(f"PRAGMA {check}").fetchone()[0]
        if isinstance(answer, str) and answer != "ok":
            corrupt = sqlite3.DatabaseError(answer)
            corrupt.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise corrupt
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        migrate(connection, path)
        forget_old(connection, retention_days)


def _put_aside(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside
