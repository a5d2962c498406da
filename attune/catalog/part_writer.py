"""Rows collected and written as files of a catalogue, each whole or not at all."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from attune.catalog.index import CatalogIndex
from attune.catalog.schema import PARTITION, SCHEMA, TRACKS
from core.errors import CatalogError
from core.files import replace_atomically, writing

ROWS: Final = 256
"""Rows of a file at most, but for what comes in one block."""

LONGEST_S: Final = 60.0
"""How long rows wait for others at most, in seconds: so much is lost where the program is killed."""


class PartWriter:
    """Writes the rows of one run.

    Parameters
    ----------
    index
        Of the catalogue; takes in each file.
    """

    def __init__(self, index: CatalogIndex) -> None:
        self._folder, self._index = index.catalog / TRACKS, index
        self._number = index.next_number()
        self._waiting: list[Any] = []
        self._since_s = 0.0

    def add(self, rows: Any) -> list[str]:
        """Take rows over, and write those that wait where they are enough.

        Parameters
        ----------
        rows
            pyarrow.Table with the columns of `schema.SCHEMA`.

        Returns
        -------
        written
            Locations of the rows that are now on the disk; empty where none were written.

        Raises
        ------
        CatalogError
            They cannot be written.
        """
        if not self._waiting:
            self._since_s = time.monotonic()
        self._waiting.append(rows.select(SCHEMA.names).cast(SCHEMA))
        waited = time.monotonic() - self._since_s >= LONGEST_S
        return self.flush() if waited or sum(part.num_rows for part in self._waiting) >= ROWS else []

    def waiting(self) -> set[str]:
        """Locations of the rows that wait."""
        return {location for part in self._waiting for location in part["location"].to_pylist()}

    def flush(self) -> list[str]:
        """Write what waits; returns and raises as `add` does."""
        if not self._waiting:
            return []
        rows = pa.concat_tables(self._waiting)
        folder = self._folder / f"{PARTITION}={datetime.now(UTC):%Y-%m-%d}"
        part = folder / f"part-{self._number:06d}.parquet"
        with writing(f"The file {part}", error_type=CatalogError):
            folder.mkdir(parents=True, exist_ok=True)
            with replace_atomically(part) as unfinished:
                parquet.write_table(rows, unfinished)
        self._index.add(part, rows)
        self._number += 1
        self._waiting.clear()
        written: list[str] = rows["location"].to_pylist()
        return written
