"""Tables of the journal: every version there has been, and the way from one to the next."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from core.errors import JournalError
from realtime.journal.connections import transaction

__all__ = ["MIGRATIONS", "migrate"]

_APPLICATION_ID: Final = 0x4174746E  # "Attn"

# Script n brings a journal from version n to n + 1. A script that has been released is never edited.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE sessions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            started_at TEXT NOT NULL,
            ended_at TEXT,
            source_kind TEXT NOT NULL,
            source_name TEXT NOT NULL,
            rate_hz INTEGER NOT NULL,
            channels INTEGER NOT NULL,
            model TEXT NOT NULL,
            settings TEXT NOT NULL,
            app_version TEXT NOT NULL
        )
        """,
        """
        CREATE TABLE windows (
            session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            clock INTEGER NOT NULL,
            speech_share REAL NOT NULL,
            p_neutral REAL,
            p_calm REAL,
            p_happy REAL,
            p_sad REAL,
            p_angry REAL,
            p_fearful REAL,
            p_disgust REAL,
            p_surprised REAL,
            kind TEXT NOT NULL,
            emotion TEXT,
            leading TEXT,
            confidence REAL NOT NULL,
            changed INTEGER NOT NULL,
            reason TEXT NOT NULL,
            latency_ms REAL NOT NULL,
            wall_time TEXT NOT NULL,
            PRIMARY KEY (session_id, clock)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE events (
            session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            seq INTEGER NOT NULL,
            clock INTEGER NOT NULL,
            kind TEXT NOT NULL,
            detail TEXT NOT NULL,
            wall_time TEXT NOT NULL,
            PRIMARY KEY (session_id, seq)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX sessions_started_at ON sessions (started_at)",
    ),
    (
        # Probabilities of lively and of pleasant, the words that were accepted, and what they add up to.
        "ALTER TABLE windows ADD COLUMN energy REAL",
        "ALTER TABLE windows ADD COLUMN pleasantness REAL",
        "ALTER TABLE windows ADD COLUMN accepted_energy TEXT",
        "ALTER TABLE windows ADD COLUMN accepted_pleasantness TEXT",
        "ALTER TABLE windows ADD COLUMN direction TEXT",
    ),
)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the tables to the newest version.

    Raises
    ------
    JournalError
        The file at `path` was written by a newer Attune, or belongs to another program.
    """
    newest = len(MIGRATIONS)
    if _version(connection, path) == newest:
        return
    with transaction(connection):
        # Asked again under the lock: another process may just have done it.
        for script in MIGRATIONS[_version(connection, path) :]:
            for statement in script:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {newest}")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    used = found or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if used and connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
        raise JournalError(
            f"{path} is a database of another program: choose another journal_path for the journal."
        )
    if found > len(MIGRATIONS):
        raise JournalError(
            f"The journal {path} was written by a newer Attune (its version is {found}, this one knows "
            f"{len(MIGRATIONS)}): update Attune, or choose another journal_path."
        )
    return found
