from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("fsspec")

import pyarrow as pa
from pyarrow import parquet

from attune.catalog import part_writer
from attune.catalog.index import FILE, CatalogIndex, ContentLookup
from attune.catalog.part_writer import PartWriter
from attune.catalog.schema import SCHEMA, TRACKS, ErrorKind, open_tracks
from attune.catalog.sources import CatalogEntry
from core.errors import CatalogError


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[CatalogIndex]:
    with closing(CatalogIndex(tmp_path)) as index:
        yield index


def row(location: str, key: str = "", version: str = "1", kind: ErrorKind | None = None) -> dict[str, Any]:
    return {
        "location": location,
        "content_key": key or f"key of {location}",
        "version": version,
        "analysed_at": datetime.now(UTC),
        "error": kind and "It is broken.",
        "error_kind": kind,
    }


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


def write(index: CatalogIndex, *rows: dict[str, Any]) -> None:
    writer = PartWriter(index)
    writer.add(table(*rows))
    writer.flush()


def stored(catalog: Path) -> dict[str, str]:
    """Version by location; each location stands there once."""
    rows = open_tracks(catalog).to_table(columns=["location", "version"]).to_pylist()
    found = {one["location"]: one["version"] for one in rows}
    assert len(found) == len(rows)
    return found


def pending(
    index: CatalogIndex, *entries: CatalogEntry, retry: bool = False, recheck: bool = False
) -> list[str]:
    plan = index.plan(entries, retry=retry, recheck=recheck)
    found = [entry.location for part in index.pending() for entry in part]
    assert plan.pending == len(found)
    return found


def test_only_what_is_new_or_changed_is_pending(catalog: CatalogIndex) -> None:
    write(catalog, row("a"), row("b"), row("c", version=""), row("d", kind=ErrorKind.SOUND))
    entries = [
        CatalogEntry(name, version) for name, version in (("a", "1"), ("b", "2"), ("c", "9"), ("d", "1"))
    ]
    entries += [CatalogEntry("new", "1"), CatalogEntry("new", "1")]
    assert pending(catalog, *entries) == ["b", "new"]
    assert pending(catalog, *entries, retry=True) == ["b", "d", "new"]
    assert pending(catalog, *entries, recheck=True) == ["a", "b", "c", "d", "new"]
    assert pending(catalog) == []


@pytest.mark.parametrize("kind", [ErrorKind.MISSING, ErrorKind.STORAGE])
def test_what_could_not_be_fetched_is_tried_again(catalog: CatalogIndex, kind: ErrorKind) -> None:
    write(catalog, row("a", kind=kind))
    assert pending(catalog, CatalogEntry("a", "1")) == ["a"]


def test_a_row_takes_the_place_of_the_one_before(catalog: CatalogIndex, tmp_path: Path) -> None:
    write(catalog, row("a"), row("b"))
    write(catalog, row("b", version="2"), row("c"))
    assert stored(tmp_path) == {"a": "1", "b": "2", "c": "1"}
    write(catalog, row("a", version="2"))
    assert stored(tmp_path) == {"a": "2", "b": "2", "c": "1"}
    assert len(list((tmp_path / TRACKS).glob("*/*.parquet"))) == 2  # the first one is empty, and gone


def test_a_lost_index_is_made_anew(tmp_path: Path) -> None:
    with closing(CatalogIndex(tmp_path)) as index:
        write(index, row("a"), row("b"))
    (tmp_path / FILE).unlink()
    with closing(CatalogIndex(tmp_path)) as index:
        assert pending(index, CatalogEntry("a", "1"), CatalogEntry("b", "2")) == ["b"]


def test_rows_of_a_run_that_was_killed_are_taken_in(tmp_path: Path) -> None:
    with closing(CatalogIndex(tmp_path)) as index:
        write(index, row("a"), row("b"))
        part = next((tmp_path / TRACKS).glob("*/*.parquet"))
    # Killed when the file was there, and neither the index nor the file before knew of it.
    parquet.write_table(table(row("b", version="2")), part.with_name("part-000002.parquet"))
    part.with_name(".part-000003.parquet").write_bytes(b"half a fi")
    with closing(CatalogIndex(tmp_path)) as index:
        assert stored(tmp_path) == {"a": "1", "b": "2"}
        assert index.next_number() == 3
    # Killed when the index knew, and the file before did not.
    parquet.write_table(table(row("a"), row("b")), part)
    with closing(CatalogIndex(tmp_path)):
        assert stored(tmp_path) == {"a": "1", "b": "2"}
    part.unlink()
    with closing(CatalogIndex(tmp_path)) as index:
        assert pending(index, CatalogEntry("a", "1"), CatalogEntry("b", "2")) == ["a"]


@pytest.mark.parametrize("again", [["a", "b"], ["b"]])
def test_a_file_that_was_to_be_removed_brings_no_old_rows_back(tmp_path: Path, again: list[str]) -> None:
    with closing(CatalogIndex(tmp_path)) as index:
        write(index, row("a"), row("b"))
        first = next((tmp_path / TRACKS).glob("*/*.parquet"))
        write(index, row("a", version="2"), row("b", version="2"))
    assert not first.exists()
    # Killed when the index had the new rows, and the file before was still there.
    parquet.write_table(table(*map(row, again)), first)
    for _ in range(2):
        with closing(CatalogIndex(tmp_path)) as index:
            assert stored(tmp_path) == {"a": "2", "b": "2"}
            assert pending(index, CatalogEntry("a", "2"), CatalogEntry("b", "2")) == []
    # What no newer file holds is taken in all the same.
    parquet.write_table(table(row("b"), row("c")), first)
    with closing(CatalogIndex(tmp_path)):
        assert stored(tmp_path) == {"a": "2", "b": "2", "c": "1"}


def test_a_damaged_file_of_rows_is_named(tmp_path: Path) -> None:
    part = tmp_path / TRACKS / "analysed_on=2026-11-30" / "part-000001.parquet"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"PAR1 no rows")
    with pytest.raises(CatalogError, match=r"part-000001\.parquet .* delete it"):
        CatalogIndex(tmp_path)


def test_answers_are_found_by_content(catalog: CatalogIndex, tmp_path: Path) -> None:
    write(catalog, row("a", "one"), row("b", "two", kind=ErrorKind.SOUND))
    lookup = ContentLookup(tmp_path)
    assert (lookup.answer("one") or {})["location"] == "a"
    assert lookup.answer("two") is None
    assert lookup.answer("three") is None


def test_rows_are_written_when_they_are_enough(
    catalog: CatalogIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = PartWriter(catalog)
    monkeypatch.setattr(part_writer, "ROWS", 3)
    assert writer.add(table(row("a"), row("b"))) == []
    assert writer.waiting() == {"a", "b"}
    assert writer.add(table(row("c"))) == ["a", "b", "c"]
    monkeypatch.setattr(part_writer, "LONGEST_S", 0.0)
    assert writer.add(table(row("d"))) == ["d"]
    assert writer.flush() == []


def test_a_hundred_thousand_entries_are_planned_in_flat_memory(catalog: CatalogIndex) -> None:
    source = (CatalogEntry(f"s3://label/masters/{number:07}.flac", "1") for number in range(100_000))
    tracemalloc.start()
    try:
        plan = catalog.plan(source)
        count = sum(len(part) for part in catalog.pending())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (plan.entries, plan.pending, count) == (100_000, 100_000, 100_000)
    assert peak < 5_000_000
