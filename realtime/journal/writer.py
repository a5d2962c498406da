"""The journal's thread: writes waiting rows into the file, and knows the sessions it has begun."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, Final

from core import sqlite
from core.errors import JournalError
from realtime.journal import file
from realtime.journal.counts import count_step
from realtime.journal.queue import Item, Queue
from realtime.journal.rows import END_SESSION, INSERT_SESSION
from realtime.journal.schema import JOURNAL
from realtime.journal.session_lock import SessionLocks

_LOG = logging.getLogger(__name__)
_THREAD_NAME: Final = "attune-journal"
_BEGIN_S: Final = 1.0
_CLOSE_S: Final = 2.0
_COUNT_REST_S: Final = 0.05


class Writer:
    """Writes a queue into the journal's file from a thread of its own, for as long as it takes.

    Parameters
    ----------
    path, retention_days
        As in `Journal`.
    queue
        Where the rows come from; a locked database or a full disk is reported there.

    Raises
    ------
    JournalError
        The file cannot be used, and waiting would not help.
    """

    def __init__(self, path: Path, queue: Queue, *, retention_days: int) -> None:
        self.notice = ""  # one sentence if a corrupt journal was put aside, else empty
        self._path = path
        self._queue = queue
        self._retention_days = retention_days
        self._prepared = False
        self._clean_up_due = False  # a session has begun since old ones were last deleted
        self._provisional = count(-1, -1)
        self._ids: dict[int, int] = {}  # numbers of sessions by their provisional ones
        self._running: dict[int, tuple[Any, ...]] = {}  # values of sessions that have not ended
        self._locks = SessionLocks(path)  # of those
        self._file = threading.Lock()  # held while the file is written; taken before the queue's own
        self._closing = threading.Event()
        self._counting: threading.Thread | None = None
        try:
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            sentence = JOURNAL.describe(path, error)
            if not sqlite.is_transient(error):
                raise JournalError(f"{sentence}, or choose another journal_path.") from error
            queue.failed(sentence)
        self._thread = threading.Thread(target=self._run, name=_THREAD_NAME, daemon=True)
        self._thread.start()

    def begin(self, values: tuple[Any, ...]) -> int:
        """Begin a session, waiting at most a second for its number; a provisional one is negative."""
        session_id = next(self._provisional)
        self._queue.put(Item(INSERT_SESSION, session_id, values))
        self._queue.write_soon()
        self._queue.wait_for(lambda: session_id in self._ids, _BEGIN_S)
        return self.true_id(session_id)

    def true_id(self, session_id: int) -> int:
        """Number of a session in the file, as far as it is known."""
        return self._ids.get(session_id, session_id)

    def close(self) -> None:
        """See `Journal.close`."""
        self._queue.close()
        self._thread.join(_CLOSE_S)
        self._closing.set()
        if self._counting is not None:
            self._counting.join(_CLOSE_S)

    def erase(self) -> None:
        """Erase what waits and what is in the file; running sessions go on with what comes next."""
        with self._file:
            self._queue.drop_rows()
            file.erase(self._path, running=self._running)

    def delete(self, delete: Callable[[], None]) -> None:
        """Delete from the file what is asked for, what waits included, while nothing is written."""
        self._queue.flush(_BEGIN_S)
        with self._file:
            delete()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        try:
            while self._queue.wait_until_due():
                try:
                    with self._file:
                        connection = self._current(connection)
                        self._write(connection)
                        self._clean_up(connection)
                except (sqlite3.Error, OSError, JournalError) as error:
                    if connection is not None:
                        connection.close()
                        connection = None
                    self._queue.failed(JOURNAL.describe(self._path, error))
                    if not self._queue.wait_to_retry():
                        return
        finally:
            if connection is not None:
                connection.close()
            self._locks.abandon()
            self._queue.give_up()

    def _current(self, connection: sqlite3.Connection | None) -> sqlite3.Connection:
        """Return a connection to the file that is there now: somebody may have removed it."""
        if self._prepared and self._path.exists():
            return connection or sqlite.connect(self._path)
        if connection is not None:
            connection.close()
        self._prepare()
        return sqlite.connect(self._path)

    def _prepare(self) -> None:
        self._prepared = False
        self.notice = file.prepare(self._path, retention_days=self._retention_days) or self.notice
        self._prepared = True
        if self._counting is None or not self._counting.is_alive():
            self._counting = threading.Thread(target=self._count, name="attune-journal-counts", daemon=True)
            self._counting.start()

    def _count(self) -> None:
        """Count the windows of an older file; between two steps others come in."""
        try:
            with closing(sqlite.connect(self._path)) as connection:
                while count_step(connection, self._file) and not self._closing.wait(_COUNT_REST_S):
                    pass
        except sqlite3.Error as error:
            _LOG.info("%s: older windows are counted later", JOURNAL.describe(self._path, error))

    def _write(self, connection: sqlite3.Connection) -> None:
        """Write the oldest items in one transaction; they leave the queue only when it is through."""
        batch = self._queue.next_batch()
        ids, running = dict(self._ids), dict(self._running)
        try:
            with sqlite.transaction(connection):
                file.revive(connection, running)
                refused = sum(not _carry_out(connection, item, ids, running) for item in batch)
                for session_id in running:
                    self._locks.hold(session_id)
            self._ids, self._running = ids, running
        finally:
            self._locks.keep(self._running)
        if refused:
            _LOG.warning("%d journal rows were refused: session unknown, or clock taken already", refused)
        self._clean_up_due |= any(item.statement == INSERT_SESSION for item in batch)
        self._queue.written(len(batch), refused=refused)

    def _clean_up(self, connection: sqlite3.Connection) -> None:
        """Delete old sessions when one begins, once its number is known: a long file takes its time."""
        if not self._clean_up_due:
            return
        file.end_broken_off(connection, self._path)
        try:
            file.delete_old(connection, self._retention_days, running=self._running)
        except sqlite3.Error as error:  # the rows are in the file: no reason to raise an alarm
            _LOG.info("%s: old sessions are deleted later", JOURNAL.describe(self._path, error))
        else:
            self._clean_up_due = False


def _carry_out(
    connection: sqlite3.Connection, item: Item, ids: dict[int, int], running: dict[int, tuple[Any, ...]]
) -> bool:
    """Carry out one item, noting sessions in `ids` and `running`; False where the row is not valid."""
    if item.statement == INSERT_SESSION:
        session_id = connection.execute(INSERT_SESSION, item.values).lastrowid
        if session_id is None:
            raise sqlite3.IntegrityError("a session got no number")
        ids[item.session_id] = session_id
        running[session_id] = item.values
        return True
    session_id = ids.get(item.session_id, item.session_id)
    if item.statement == END_SESSION:
        running.pop(session_id, None)
    try:
        connection.execute(item.statement, (session_id, *item.values))
    except sqlite3.IntegrityError:
        return False
    return True
