"""Windows, events and corrections of the journal as one table, in CSV and Parquet."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from core.csv_text import write_csv_rows
from core.errors import JournalError
from core.files import replace_atomically, writing
from models.resample import SAMPLE_RATE_HZ
from realtime.journal.days import Span
from realtime.journal.file import reading
from realtime.journal.rows import PLANE_COLUMNS, PROBABILITY_COLUMNS, iso

Write = Callable[[Path, Sequence[str], Iterator[list[tuple[Any, ...]]]], int]
"""Write rows, given in batches, under the names of their columns to a file; return their count."""

# One session or all, one span of time or all.
_SESSIONS: Final = """
    SELECT id FROM sessions WHERE (?1 IS NULL OR id = ?1)
        AND (?2 IS NULL OR started_at < ?3 AND (ended_at IS NULL OR ended_at >= ?2))
    ORDER BY id
"""
_WANTED: Final = "sessions.id = ?1 AND (?2 IS NULL OR wall_time >= ?2 AND wall_time < ?3)"
# One session at a time, for a year is too long to be sorted at once: by clock, corrections and events before
# the window of theirs. A correction has what was said as `leading`, and what it was as `emotion`: empty for
# none of the eight.
_TABLE: Final = f"""
    SELECT * FROM (
        SELECT 'window' AS record, session_id, started_at, source_kind, source_name, model,
            clock, clock / {SAMPLE_RATE_HZ}.0 AS time_s, kind, emotion, leading, confidence, changed, reason,
            speech_share, {", ".join(PROBABILITY_COLUMNS)}, latency_ms, NULL AS seq, NULL AS detail,
            wall_time, {", ".join(PLANE_COLUMNS)}, ended_at, NULL AS feeling, NULL AS playlist, note,
            NULL AS from_clock
        FROM sessions JOIN windows ON session_id = sessions.id WHERE {_WANTED}
        UNION ALL
        SELECT 'event', session_id, started_at, source_kind, source_name, model,
            clock, clock / {SAMPLE_RATE_HZ}.0, kind, NULL, NULL, NULL, NULL, NULL,
            NULL, {", ".join(["NULL"] * len(PROBABILITY_COLUMNS))}, NULL, seq, detail,
            wall_time, {", ".join(["NULL"] * len(PLANE_COLUMNS))}, ended_at, feeling, playlist, note, NULL
        FROM sessions JOIN events ON session_id = sessions.id WHERE {_WANTED}
        UNION ALL
        SELECT 'correction', session_id, started_at, source_kind, source_name, model,
            to_clock, to_clock / {SAMPLE_RATE_HZ}.0, 'correction', meant, said, NULL, NULL, NULL,
            NULL, {", ".join(["NULL"] * len(PROBABILITY_COLUMNS))}, NULL, NULL, NULL,
            wall_time, {", ".join(["NULL"] * len(PLANE_COLUMNS))}, ended_at, NULL, NULL, note, from_clock
        FROM sessions JOIN corrections ON session_id = sessions.id WHERE {_WANTED}
    )
    ORDER BY clock, record, seq
"""  # noqa: S608 - names of our own
_INTEGERS: Final = frozenset({"session_id", "clock", "changed", "seq", "from_clock"})
_REALS: Final = frozenset(
    {"time_s", "confidence", "speech_share", *PROBABILITY_COLUMNS, "latency_ms", "energy", "pleasantness"}
)
_BATCH_ROWS: Final = 16_384


def export(
    journal: Path,
    target: Path,
    session_id: int | None,
    write: Write,
    *,
    span: Span | None = None,
    overwrite: bool,
) -> int:
    """Export windows, events and corrections to a file, as a whole or not at all; returns the number of rows.

    Parameters
    ----------
    journal
        File of the journal.
    target
        The file to make.
    session_id
        The session to export; None takes all.
    write
        How the file is written, see `Write`.
    span
        Only what was recorded in this span of time; None takes all.
    overwrite
        Replace the file if it exists.

    Raises
    ------
    JournalError
        `target` exists, or cannot be written; there is no such session; the journal cannot be read.
    """
    if target.exists() and not overwrite:
        raise JournalError(f"{target} exists: choose another name, or add `--overwrite`.")
    with reading(journal) as connection:
        known = connection.execute("SELECT 1 FROM sessions WHERE id = ?", (session_id,)).fetchone()
        if session_id is not None and known is None:
            raise JournalError(f"The journal {journal} holds no session {session_id}: choose another one.")
        moments = (None, None) if span is None else (iso(span.start), iso(span.end))
        connection.execute("BEGIN")  # what others write meanwhile is left out
        wanted = connection.execute(_SESSIONS, (session_id, *moments)).fetchall()
        columns = [column[0] for column in connection.execute(_TABLE, (None, *moments)).description]
        rows = (row for (number,) in wanted for row in connection.execute(_TABLE, (number, *moments)))
        batches = iter(lambda: list(islice(rows, _BATCH_ROWS)), [])
        with writing(str(target), error_type=JournalError), replace_atomically(target, private=True) as part:
            return write(part, columns, batches)


def write_csv(target: Path, columns: Sequence[str], batches: Iterator[list[tuple[Any, ...]]]) -> int:
    """Write UTF-8 with one header line; empty for what is not there."""
    rows = 0
    with target.open("w", encoding="utf-8", newline="") as file:
        write_csv_rows(file, [columns])
        for batch in batches:
            write_csv_rows(file, batch)
            rows += len(batch)
    return rows


def write_parquet(target: Path, columns: Sequence[str], batches: Iterator[list[tuple[Any, ...]]]) -> int:
    """Write typed columns with nulls."""
    try:
        pyarrow = importlib.import_module("pyarrow")
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise JournalError("Parquet needs pyarrow: pip install pyarrow, or export CSV.") from error

    def kind(column: str) -> Any:
        if column in _INTEGERS:
            return pyarrow.int64()
        return pyarrow.float64() if column in _REALS else pyarrow.string()

    rows = 0
    schema = pyarrow.schema([(column, kind(column)) for column in columns])
    # Given a path, pyarrow wants UTF-8, and takes some names for addresses.
    with target.open("wb") as file, parquet.ParquetWriter(file, schema) as writer:
        for batch in batches:
            arrays = [
                pyarrow.array(values, type=field.type)
                for values, field in zip(zip(*batch, strict=True), schema, strict=True)
            ]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
            rows += len(batch)
    return rows
