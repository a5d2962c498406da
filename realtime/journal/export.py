"""Windows and events of the journal as one table, in CSV and Parquet."""

from __future__ import annotations

import csv
import importlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from core.errors import JournalError
from models.resample import SAMPLE_RATE_HZ
from realtime.journal import connections
from realtime.journal.rows import PLANE_COLUMNS, PROBABILITY_COLUMNS

__all__ = ["Write", "export", "write_csv", "write_parquet"]

Write = Callable[[Path, Sequence[str], Iterator[list[tuple[Any, ...]]]], int]
"""Write rows, given in batches, under the names of their columns to a file; return their count."""

# Windows and events by session and clock, an event before the window of its clock.
_TABLE: Final = f"""
    SELECT * FROM (
        SELECT 'window' AS record, session_id, started_at, source_kind, source_name, model,
            clock, clock / {SAMPLE_RATE_HZ}.0 AS time_s, kind, emotion, leading, confidence, changed, reason,
            speech_share, {", ".join(PROBABILITY_COLUMNS)}, latency_ms, NULL AS seq, NULL AS detail,
            wall_time, {", ".join(PLANE_COLUMNS)}
        FROM windows JOIN sessions ON sessions.id = session_id
        UNION ALL
        SELECT 'event', session_id, started_at, source_kind, source_name, model,
            clock, clock / {SAMPLE_RATE_HZ}.0, kind, NULL, NULL, NULL, NULL, NULL,
            NULL, {", ".join(["NULL"] * len(PROBABILITY_COLUMNS))}, NULL, seq, detail,
            wall_time, {", ".join(["NULL"] * len(PLANE_COLUMNS))}
        FROM events JOIN sessions ON sessions.id = session_id
    )
    WHERE ?1 IS NULL OR session_id = ?1
    ORDER BY session_id, clock, record, seq
"""  # noqa: S608 - names of our own
_INTEGERS: Final = frozenset({"session_id", "clock", "changed", "seq"})
_REALS: Final = frozenset(
    {"time_s", "confidence", "speech_share", *PROBABILITY_COLUMNS, "latency_ms", "energy", "pleasantness"}
)
_BATCH_ROWS: Final = 16_384


def export(journal: Path, target: Path, session_id: int | None, write: Write, *, overwrite: bool) -> int:
    """Export one session, or all (None), from the file `journal` to `target`, as a whole or not at all.

    Returns
    -------
    rows
        Rows written.

    Raises
    ------
    JournalError
        `target` exists, or cannot be written; there is no such session; the journal cannot be read.
    """
    if target.exists() and not overwrite:
        raise JournalError(f"{target} exists: choose another name, or allow it to be overwritten.")
    with connections.reading(journal) as connection:
        known = connection.execute("SELECT 1 FROM sessions WHERE id = ?", (session_id,)).fetchone()
        if session_id is not None and known is None:
            raise JournalError(f"The journal {journal} holds no session {session_id}: choose another one.")
        found = connection.execute(_TABLE, (session_id,))
        columns = [column[0] for column in found.description]
        batches = iter(lambda: found.fetchmany(_BATCH_ROWS), [])
        try:
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
            os.close(handle)
            try:
                rows = write(Path(name), columns, batches)
                Path(name).replace(target)
            finally:
                Path(name).unlink(missing_ok=True)
        except OSError as error:
            raise JournalError(
                f"{target} cannot be written ({error.strerror or error}): choose another folder."
            ) from error
        return rows


def write_csv(target: Path, columns: Sequence[str], batches: Iterator[list[tuple[Any, ...]]]) -> int:
    """Write UTF-8 with one header line; empty for what is not there."""
    rows = 0
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for batch in batches:
            writer.writerows(batch)
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
    with parquet.ParquetWriter(target, schema) as writer:
        for batch in batches:
            arrays = [
                pyarrow.array(values, type=field.type)
                for values, field in zip(zip(*batch, strict=True), schema, strict=True)
            ]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
            rows += len(batch)
    return rows
