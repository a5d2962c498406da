"""The journal as the rest of the program sees it: takes rows at once, gives them back, exports, erases."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from core.errors import JournalError
from realtime.capture.source import SourceInfo
from realtime.journal import faults
from realtime.journal.connections import reading
from realtime.journal.export import Write, export, write_csv, write_parquet
from realtime.journal.queue import Item, Queue
from realtime.journal.rows import (
    END_SESSION,
    INSERT_EVENT,
    INSERT_WINDOW,
    EventRow,
    SessionRow,
    WindowRow,
    now,
    read_events,
    read_sessions,
    read_windows,
    session_values,
    window_values,
)
from realtime.journal.writer import Writer
from realtime.snapshot import Decision, Reading

__all__ = ["Journal"]

_EXPORT_FLUSH_S: Final = 5.0


class Journal:
    """The journal: takes rows at once, writes them from a thread of its own.

    Rows wait in a bounded queue and are written every half second, or 256 at a time; a locked database
    or a full disk delays them and is said in `error`, but holds up nobody; what got lost stays said in
    `notice`. Reading methods open the file for themselves, may be called from any thread, and see what
    has been written (`flush` first).

    Parameters
    ----------
    path
        The database file; it and its folder are made when missing, for their owner alone.
    retention_days
        Sessions that began longer ago are deleted on opening and whenever a session begins; 0 keeps all.

    Attributes
    ----------
    path
        The database file.

    Raises
    ------
    JournalError
        The folder or file cannot be made, was written by a newer Attune, or belongs to another program.
    """

    def __init__(self, path: Path, *, retention_days: int) -> None:
        self.path = path
        self._queue = Queue()
        self._writer = Writer(path, self._queue, retention_days=retention_days)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Writing ----------------------------------------------------------------------------------------------

    def begin_session(self, info: SourceInfo, *, model: str, settings: Mapping[str, Any]) -> int:
        """Begin a session, waiting at most a second for its number.

        Parameters
        ----------
        info
            The source it begins with.
        model
            Name and version of the emotion model.
        settings
            What it runs with; values that JSON does not know are kept as text.

        Returns
        -------
        session_id
            The session's number. Negative while the journal cannot be written: such a number is good
            for every method of this object, and gets its true one once writing succeeds.
        """
        return self._writer.begin(session_values(info, model, settings))

    def record_window(
        self, session_id: int, reading: Reading, decision: Decision, *, wait: bool = False
    ) -> None:
        """Record a reading and its decision.

        Parameters
        ----------
        session_id
            From `begin_session`.
        reading, decision
            Of the same window. Numbers are stored exactly as given.
        wait
            False: where the queue is full, the row is dropped and counted in `lost`. True, for lossless
            replay: waits for room, as long as rows are being written; once writing has failed for 2 s,
            as False.
        """
        self._queue.put(Item(INSERT_WINDOW, session_id, window_values(reading, decision)), wait=wait)

    def record_event(
        self, session_id: int, clock: int, kind: str, detail: str, *, wait: bool = False
    ) -> None:
        """Record an event.

        Parameters
        ----------
        session_id
            From `begin_session`.
        clock
            Sample clock, in 16 kHz samples.
        kind, detail
            A short word for programs, a sentence for people.
        wait
            As in `record_window`.
        """
        self._queue.put(Item(INSERT_EVENT, session_id, (int(clock), kind, detail, now())), wait=wait)

    def end_session(self, session_id: int) -> None:
        """Say that a session is over."""
        self._queue.put(Item(END_SESSION, session_id, (now(),)))

    def flush(self, timeout_s: float) -> bool:
        """Write what waits now.

        Returns
        -------
        written
            Whether all of it has been written (or given up as unwritable) within `timeout_s` seconds.
        """
        return self._queue.flush(timeout_s)

    @property
    def notice(self) -> str:
        """What is amiss with the record although it can be written: one put aside as corrupt, rows lost."""
        sentences = [self._writer.notice] if self._writer.notice else []
        if lost := self.lost:
            sentences.append(
                f"Rows that could not be recorded in the journal since Attune was started: {lost}; "
                f"the program's log says why."
            )
        return " ".join(sentences)

    @property
    def error(self) -> str:
        """One sentence while the journal cannot be written, with what waits and what is lost; else empty."""
        return self._queue.error

    @property
    def lost(self) -> int:
        """Rows that were dropped: the queue was full, the journal closed, or the row not valid."""
        return self._queue.lost

    def close(self) -> None:
        """Write what waits and stop, within a second; what cannot be written by then is lost."""
        self._writer.close()

    def delete_all(self) -> None:
        """Erase every session, what waits to be written, and journals put aside as corrupt.

        A session that is running goes on with what comes next. Exports are not touched.

        Raises
        ------
        JournalError
            The journal is locked or cannot be written; nothing, or not all, was deleted.
        """
        try:
            self._writer.erase()
        except (sqlite3.Error, OSError) as error:
            raise JournalError(f"{faults.sentence(self.path, error)}; then delete again.") from error

    # Reading ----------------------------------------------------------------------------------------------

    def sessions(self) -> tuple[SessionRow, ...]:
        """All sessions, oldest first.

        Raises
        ------
        JournalError
            The journal cannot be read (so in `windows` and `events` too).
        """
        with reading(self.path) as connection:
            return read_sessions(connection)

    def windows(self, session_id: int) -> tuple[WindowRow, ...]:
        """All windows of a session, by sample clock; none for an unknown session."""
        with reading(self.path) as connection:
            return read_windows(connection, self._writer.true_id(session_id))

    def events(self, session_id: int) -> tuple[EventRow, ...]:
        """All events of a session, in the order of recording; none for an unknown session."""
        with reading(self.path) as connection:
            return read_events(connection, self._writer.true_id(session_id))

    # Exporting --------------------------------------------------------------------------------------------

    def export_csv(self, path: Path, session_id: int | None = None, *, overwrite: bool = False) -> int:
        """Write windows and events to a CSV file (UTF-8, one header line, empty for what is not there).

        One row a window or event (column `record`), by session and sample clock. Numbers read back
        exactly. The file appears as a whole or not at all, readable by its owner alone.

        Parameters
        ----------
        path
            The file to make.
        session_id
            The session to export; None takes all.
        overwrite
            Replace the file if it exists.

        Returns
        -------
        rows
            Rows written, without the header.

        Raises
        ------
        JournalError
            The file exists, or cannot be written; there is no such session; the journal cannot be read.
        """
        return self._export(path, session_id, write_csv, overwrite=overwrite)

    def export_parquet(self, path: Path, session_id: int | None = None, *, overwrite: bool = False) -> int:
        """Write windows and events to a Parquet file: as `export_csv`, with typed columns and nulls.

        Parameters, return value and errors are those of `export_csv`; `JournalError` too where pyarrow
        (which comes with the dashboard) is not installed.
        """
        return self._export(path, session_id, write_parquet, overwrite=overwrite)

    def _export(self, path: Path, session_id: int | None, write: Write, *, overwrite: bool) -> int:
        self.flush(_EXPORT_FLUSH_S)
        wanted = None if session_id is None else self._writer.true_id(session_id)
        return export(self.path, path, wanted, write, overwrite=overwrite)
