"""The index of a catalogue: which row is in which file, by location and by content; it can be made anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow.compute
from pyarrow import parquet

from attune.catalog.schema import TRACKS
from attune.catalog.sources import CatalogEntry
from core.errors import CatalogError
from core.files import replace_atomically
from core.sqlite import Schema, connect, transaction

FILE: Final = "index.sqlite"

_COLUMNS: Final = ["location", "version", "content_key", "error_kind"]
_AT_ONCE: Final = 2_000  # entries

_SCHEMA: Final = Schema(
    name="index",
    application_id=0x41544358,
    migrations=(
        (
            "CREATE TABLE track (location TEXT PRIMARY KEY, version TEXT, content_key TEXT, error_kind TEXT,"
            " part TEXT NOT NULL) WITHOUT ROWID",
            "CREATE INDEX track_content ON track (content_key)",
            "CREATE INDEX track_part ON track (part)",
        ),
    ),
    error=CatalogError,
    repair="delete it, it is made anew from the rows",
    alternative="delete it, it is made anew from the rows",
)

# What a run still has to do with an entry of its source; `plan` holds those, each location once.
_KNOWN: Final = """
    SELECT count(*) FROM plan JOIN track USING (location) WHERE NOT ({pending})
"""
_NEEDED: Final = """
    SELECT plan.location, plan.version, plan.size_bytes FROM plan LEFT JOIN track USING (location)
    WHERE {pending} ORDER BY plan.number
"""
# Absent, or to be tried again, or another version; a version that is not known says nothing.
_PENDING: Final = """
    track.location IS NULL OR ?1 OR ifnull(track.error_kind, '') IN ('missing', 'storage')
    OR (?2 AND track.error_kind IS NOT NULL)
    OR (plan.version != '' AND track.version != '' AND plan.version != track.version)
"""


class PlanCounts(NamedTuple):
    """What a run has to do, counted."""

    entries: int  # of the source, each location once
    pending: int  # of them those that are to be analysed


class CatalogIndex:
    """The index of one catalogue; for one thread.

    Parameters
    ----------
    catalog
        Its folder, which exists.

    Raises
    ------
    CatalogError
        The index or a file of rows cannot be read or written.
    """

    def __init__(self, catalog: Path) -> None:
        self.catalog = catalog
        self._folder, self._file = catalog / TRACKS, catalog / FILE
        with _explained(self._file):
            _SCHEMA.prepare(self._file)
            self._connection = connect(self._file, timeout_s=30.0)
            self._reconcile()

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()

    # Rows

    def is_empty(self) -> bool:
        """Whether nothing was analysed yet."""
        return not _parts(self._folder)

    def next_number(self) -> int:
        """Number of the next file of rows."""
        return max((_number(path) for path in _parts(self._folder)), default=0) + 1

    def add(self, part: Path, rows: Any) -> None:
        """Take in a file that was written; rows of the same locations are taken out of other files.

        Parameters
        ----------
        part
            The file.
        rows
            What is in it: a pyarrow.Table with the columns of `schema.SCHEMA`, each location once.
        """
        name = self._name(part)
        columns = rows.select(_COLUMNS).to_pydict()
        with _explained(self._file):
            replaced: dict[str, set[str]] = {}
            for location in columns["location"]:
                before = self._part_of(location)
                if before is not None and before != name:
                    replaced.setdefault(before, set()).add(location)
            with transaction(self._connection):
                self._connection.executemany(
                    "INSERT OR REPLACE INTO track VALUES (?, ?, ?, ?, ?)",
                    zip(*columns.values(), [name] * rows.num_rows, strict=True),
                )
            for other, locations in replaced.items():
                _drop(self._folder / other, locations)

    # The plan of a run

    def plan(
        self, entries: Iterable[CatalogEntry], *, retry: bool = False, recheck: bool = False
    ) -> PlanCounts:
        """Take in the entries of a source; `pending` gives those that are to be analysed.

        Memory does not grow with their number.

        Parameters
        ----------
        entries
            Of the source; the first of each location counts.
        retry
            Also those that could not be read as sound before.
        recheck
            Also those that are known and, as far as their storage says, unchanged.
        """
        self._wanted = recheck, retry
        with _explained(self._file):
            self._connection.execute("PRAGMA temp_store = FILE")
            self._connection.execute("DROP TABLE IF EXISTS temp.plan")
            self._connection.execute(
                "CREATE TEMP TABLE plan (number INTEGER PRIMARY KEY, location TEXT UNIQUE, version TEXT,"
                " size_bytes INTEGER)"
            )
            with transaction(self._connection):
                self._connection.executemany(
                    "INSERT OR IGNORE INTO plan (location, version, size_bytes) VALUES (?, ?, ?)", entries
                )
            count = self._connection.execute("SELECT count(*) FROM plan").fetchone()[0]
            known = self._connection.execute(_KNOWN.format(pending=_PENDING), self._wanted).fetchone()[0]
        return PlanCounts(count, count - known)

    def pending(self) -> Iterator[list[CatalogEntry]]:
        """The entries that are to be analysed, some thousands at once."""
        with _explained(self._file):
            cursor = self._connection.execute(_NEEDED.format(pending=_PENDING), self._wanted)
            while rows := cursor.fetchmany(_AT_ONCE):
                yield [CatalogEntry(*row) for row in rows]

    def _reconcile(self) -> None:
        """Bring the index in line with the files, also where a run was killed while it wrote them."""
        parts = _parts(self._folder)
        counts = dict(self._connection.execute("SELECT part, count(*) FROM track GROUP BY part"))
        for gone in counts.keys() - {self._name(path) for path in parts}:
            self._connection.execute("DELETE FROM track WHERE part = ?", (gone,))
        for path in parts:
            name = self._name(path)
            with _readable(path):
                if name not in counts:
                    self._take_in(path)
                elif parquet.read_metadata(path).num_rows != counts[name]:
                    _keep(path, self._locations(name))

    def _take_in(self, part: Path) -> None:
        """Take in a file that is not known, but for what newer files have: that was to be taken out of it."""
        rows = parquet.read_table(part, columns=_COLUMNS, partitioning=None)
        outdated = {
            location
            for location in rows["location"].to_pylist()
            if (known := self._part_of(location)) is not None and _number(Path(known)) > _number(part)
        }
        if outdated:
            _drop(part, outdated)
            rows = rows.filter([location not in outdated for location in rows["location"].to_pylist()])
        if rows.num_rows:
            self.add(part, rows)

    def _part_of(self, location: str) -> str | None:
        """Name of the file that holds a location; None where none does."""
        found = self._connection.execute("SELECT part FROM track WHERE location = ?", (location,)).fetchone()
        return None if found is None else str(found[0])

    def _locations(self, part: str) -> set[str]:
        return {
            row[0] for row in self._connection.execute("SELECT location FROM track WHERE part = ?", (part,))
        }

    def _name(self, part: Path) -> str:
        return part.relative_to(self._folder).as_posix()


class ContentLookup:
    """Finds answers by content while another process writes the catalogue.

    Parameters
    ----------
    catalog
        Its folder, with an index.
    """

    def __init__(self, catalog: Path) -> None:
        self._folder = catalog / TRACKS
        self._connection = connect(catalog / FILE, timeout_s=30.0)

    def answer(self, content_key: str) -> dict[str, Any] | None:
        """The row of a content that was analysed; None where there is none."""
        part = _part_of(self._connection, self._folder, content_key)
        if part is None:
            return None
        wanted = pyarrow.compute.field("content_key") == content_key
        try:
            found = parquet.read_table(part, filters=wanted, partitioning=None).slice(0, 1).to_pylist()
        except (OSError, pyarrow.ArrowException):  # it is just being written again
            return None
        return found[0] if found else None


def _part_of(connection: sqlite3.Connection, folder: Path, content_key: str) -> Path | None:
    found = connection.execute(
        "SELECT part FROM track WHERE content_key = ? AND error_kind IS NULL LIMIT 1", (content_key,)
    ).fetchone()
    return None if found is None else folder / found[0]


def _parts(folder: Path) -> list[Path]:
    """All files of rows, the oldest first."""
    return sorted(folder.glob("*/part-*.parquet"), key=_number)


def _number(part: Path) -> int:
    digits = part.stem.removeprefix("part-")
    return int(digits) if digits.isdecimal() else 0


def _drop(part: Path, locations: set[str]) -> None:
    """Take rows out of a file, and remove one that is then empty."""
    with _readable(part):
        _rewrite(part, lambda location: location not in locations)


def _keep(part: Path, locations: set[str]) -> None:
    _rewrite(part, lambda location: location in locations)


def _rewrite(part: Path, is_wanted: Callable[[str], bool]) -> None:
    rows = parquet.read_table(part, partitioning=None)
    wanted = rows.filter([is_wanted(location) for location in rows["location"].to_pylist()])
    if wanted.num_rows:
        with replace_atomically(part) as unfinished:
            parquet.write_table(wanted, unfinished)
    else:
        part.unlink()


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Turn errors of the index into one sentence."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise CatalogError(f"{_SCHEMA.describe(file, error)}.") from error


@contextmanager
def _readable(part: Path) -> Iterator[None]:
    try:
        yield
    except (pyarrow.ArrowException, KeyError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise CatalogError(
            f"The file {part} of the catalogue cannot be read ({reason}): delete it, and what it held is "
            "analysed again."
        ) from error
