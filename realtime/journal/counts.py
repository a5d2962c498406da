"""Windows counted by quarters of an hour: new ones by the file itself, those of older files in steps."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from typing import Any, Final

from core.sqlite import transaction
from realtime.journal.schema import QUARTER

_STEP_WINDOWS: Final = 20_000
_NEXT: Final = "SELECT session_id, first_clock, last_clock FROM uncounted ORDER BY session_id DESC LIMIT 1"
_FOLLOWING: Final = """
    SELECT clock FROM windows WHERE session_id = ? AND clock BETWEEN ? AND ? ORDER BY clock LIMIT 1 OFFSET ?
"""
_HOW_MANY: Final = "SELECT count(*) FROM windows WHERE session_id = ? AND clock BETWEEN ? AND ?"
_COUNT: Final = f"""
    INSERT INTO window_counts
    SELECT {QUARTER.format("wall_time")}, session_id,
        kind, coalesce(emotion, ''), coalesce(direction, ''), count(*)
    FROM windows WHERE session_id = ? AND clock >= ? AND clock < ? GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT DO UPDATE SET windows = windows + excluded.windows
"""  # noqa: S608 - names of our own


def count_step(connection: sqlite3.Connection, lock: AbstractContextManager[Any]) -> bool:
    """Count some windows from before there were counts, the newest sessions first; False when none are left.

    Parameters
    ----------
    connection
        To the journal.
    lock
        Held while the file is written.
    """
    if connection.execute(_NEXT).fetchone() is None:
        return False
    left = _STEP_WINDOWS
    with lock, transaction(connection):
        # Asked again: another program may be counting too.
        while left > 0 and (found := connection.execute(_NEXT).fetchone()) is not None:
            session_id, first, last = found
            left -= _count(connection, session_id, first, last, left)
    return True


def _count(connection: sqlite3.Connection, session_id: int, first: int, last: int, most: int) -> int:
    """Count at most so many windows of a session, and say how many."""
    following = connection.execute(_FOLLOWING, (session_id, first, last, most)).fetchone()
    until = last + 1 if following is None else following[0]
    connection.execute(_COUNT, (session_id, first, until))
    if following is not None:
        connection.execute("UPDATE uncounted SET first_clock = ? WHERE session_id = ?", (until, session_id))
        return most
    connection.execute("DELETE FROM uncounted WHERE session_id = ?", (session_id,))
    (counted,) = connection.execute(_HOW_MANY, (session_id, first, last)).fetchone()
    return int(counted)
