"""The journal as the rest of the program uses it: records, reads, exports and erases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from core.emotions import Emotion
from core.errors import JournalError
from models.emotion.personal import VoiceClips
from realtime.capture.source import SourceInfo
from realtime.corrections import Stretch
from realtime.journal import file
from realtime.journal.corrections import (
    INSERT_CORRECTION,
    CorrectionRow,
    correction_values,
    read_clips,
    read_corrections,
)
from realtime.journal.days import Span
from realtime.journal.export import Write, export, write_csv, write_parquet
from realtime.journal.file import reading
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
from realtime.journal.schema import JOURNAL
from realtime.journal.writer import Writer
from realtime.recent_voice import VoiceWindow
from realtime.snapshot import Decision, Reading

_EXPORT_FLUSH_S: Final = 5.0


class Journal:
    """Takes rows without delay and writes them from a thread of its own.

    Rows wait in a bounded queue and are written every half second, or 256 at a time. A locked database
    or a full disk delays them, which `error` reports, but blocks nobody; `notice` reports lost rows.
    Reading methods open the file for themselves, may be called from any thread, and see what has been
    written (`flush` first).

    Parameters
    ----------
    path
        The database file; it and its folder are made when missing, for their owner alone.
    retention_days
        Sessions that began longer ago are deleted on opening and whenever a session begins; 0 keeps all.

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

    # Writing

    def begin_session(self, info: SourceInfo, *, model: str, settings: Mapping[str, Any]) -> int:
        """Begin a session, waiting at most a second for its number.

        Parameters
        ----------
        info, model, settings
            See `SessionRow`; settings that JSON does not know are kept as text.

        Returns
        -------
        session_id
            Negative while the journal cannot be written: such a number is good for every method of
            this object, and gets its true one once writing succeeds.
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
        self,
        session_id: int,
        clock: int,
        kind: str,
        detail: str,
        *,
        feeling: str | None = None,
        playlist: str | None = None,
        wait: bool = False,
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
        feeling, playlist
            See `EventRow`.
        wait
            As in `record_window`.
        """
        values = (int(clock), kind, detail, now(), feeling, playlist)
        self._queue.put(Item(INSERT_EVENT, session_id, values), wait=wait)

    def record_correction(
        self, stretch: Stretch, meant: Emotion | None, *, voice: VoiceWindow | None, model_sha256: str
    ) -> None:
        """Record what a person says a stretch was, instead of what they said of one that began alike.

        Parameters
        ----------
        stretch, meant
            What is corrected, and what it was; None: none of the eight.
        voice, model_sha256
            What the model had said of the voice, and the model's file; None keeps nothing of it.
        """
        values = correction_values(stretch, meant, voice, model_sha256)
        self._queue.put(Item(INSERT_CORRECTION, stretch.session_id, values))

    def end_session(self, session_id: int) -> None:
        """Say that a session is over."""
        self._queue.put(Item(END_SESSION, session_id, (now(),)))

    def flush(self, timeout_s: float) -> bool:
        """Write what waits now; False where that takes longer than `timeout_s` seconds."""
        return self._queue.flush(timeout_s)

    @property
    def notice(self) -> str:
        """What is wrong although rows can be written: a corrupt file put aside, rows lost; else empty."""
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
        """Write what waits and stop, within a second; what is not written then is lost."""
        self._writer.close()

    def delete_all(self) -> None:
        """Erase every session, what waits to be written, and journals put aside as corrupt.

        A running session goes on with its next row. Exports are not touched.

        Raises
        ------
        JournalError
            The journal is locked or cannot be written; nothing, or not all, was deleted.
        """
        with self._changing("then delete again"):
            self._writer.erase()

    def delete_session(self, session_id: int) -> None:
        """Delete one session; one that runs goes on with its next row.

        Raises
        ------
        JournalError
            The journal is locked or cannot be written; nothing was deleted (so in `delete_between` too).
        """
        with self._changing("then delete again"):
            self._writer.delete(partial(file.delete_session, self.path, self._writer.true_id(session_id)))

    def delete_between(self, span: Span) -> None:
        """Delete what was recorded in a span of time; a session that reaches out of it keeps the rest."""
        with self._changing("then delete again"):
            self._writer.delete(partial(file.delete_between, self.path, span))

    def set_note(self, session_id: int, note: str) -> None:
        """Keep what a person wrote about a session, instead of what they wrote before.

        Raises
        ------
        JournalError
            The journal is locked or cannot be written: the note before stays.
        """
        with self._changing("then write the note again"):
            file.write_note(self.path, self._writer.true_id(session_id), note)

    def undo_correction(self, session_id: int, from_clock: int) -> None:
        """Forget what a person said of the stretch that begins there; nothing where there is nothing.

        Raises
        ------
        JournalError
            The journal is locked or cannot be written: it stays.
        """
        with self._changing("then take the correction back again"):
            undo = partial(file.delete_correction, self.path, self._writer.true_id(session_id), from_clock)
            self._writer.delete(undo)

    def clear_corrections(self) -> int:
        """Forget all that people corrected; returns how many corrections that were.

        Raises
        ------
        JournalError
            The journal is locked or cannot be written: they stay.
        """
        counts: list[int] = []
        with self._changing("then delete them again"):
            self._writer.delete(lambda: counts.append(file.delete_corrections(self.path)))
        return sum(counts)

    @contextmanager
    def _changing(self, advice: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise JournalError(f"{JOURNAL.describe(self.path, error)}; {advice}.") from error

    # Reading

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

    def corrections(self) -> tuple[CorrectionRow, ...]:
        """All that people corrected, oldest first."""
        with reading(self.path) as connection:
            return read_corrections(connection)

    def corrected_clips(self, model_sha256: str) -> VoiceClips | None:
        """What a model had said of what people corrected, and what it was; None where there is nothing."""
        with reading(self.path) as connection:
            return read_clips(connection, model_sha256)

    # Exporting

    def export_csv(
        self,
        path: Path,
        session_id: int | None = None,
        *,
        span: Span | None = None,
        overwrite: bool = False,
    ) -> int:
        """Write windows and events to a CSV file (UTF-8, one header line, empty for what is not there).

        One row a window or event (column `record`), by session and sample clock. Numbers read back
        exactly. The file appears as a whole or not at all, readable by its owner alone. Parameters,
        return value and errors: `realtime.journal.export.export`.
        """
        return self._export(path, session_id, write_csv, span, overwrite=overwrite)

    def export_parquet(
        self,
        path: Path,
        session_id: int | None = None,
        *,
        span: Span | None = None,
        overwrite: bool = False,
    ) -> int:
        """Write windows and events to a Parquet file: as `export_csv`, with typed columns and nulls.

        Also raises `JournalError` where pyarrow (which comes with the dashboard) is not installed.
        """
        return self._export(path, session_id, write_parquet, span, overwrite=overwrite)

    def _export(
        self, path: Path, session_id: int | None, write: Write, span: Span | None, *, overwrite: bool
    ) -> int:
        self.flush(_EXPORT_FLUSH_S)
        wanted = None if session_id is None else self._writer.true_id(session_id)
        return export(self.path, path, wanted, write, span=span, overwrite=overwrite)
