from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("fsspec")

import fsspec
import pyarrow as pa
from pyarrow import parquet

from attune.catalog.sources import CatalogEntry, entries, named_source
from core.errors import CatalogError


def locations(source: Path | str, column: str = "") -> list[str]:
    return [entry.location for entry in entries(named_source(str(source), column=column))]


def problem(source: Path | str, column: str = "") -> str:
    with pytest.raises(CatalogError) as caught:
        locations(source, column)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    return str(caught.value)


def test_a_folder_gives_the_sounds_in_it_and_below(tmp_path: Path) -> None:
    for name in ("b/two.flac", "a.mp3", "b/notes.txt", ".hidden/three.mp3", "b/.four.mp3", "LOUD.WAV"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = list(entries(named_source(str(tmp_path))))
    assert [Path(entry.location).relative_to(tmp_path).as_posix() for entry in found] == [
        "LOUD.WAV",
        "a.mp3",
        "b/two.flac",
    ]
    assert {entry.size_bytes for entry in found} == {1}


def test_another_version_of_a_file_has_another_mark(tmp_path: Path) -> None:
    file = tmp_path / "a.mp3"
    file.write_bytes(b"x")
    (before,) = entries(named_source(str(tmp_path)))
    os.utime(file, ns=(1, 2))
    (after,) = entries(named_source(str(tmp_path)))
    assert before.location == after.location
    assert before.version != after.version


def test_a_list_names_paths_from_its_own_folder_and_urls(tmp_path: Path) -> None:
    list_file = tmp_path / "list.txt"
    list_file.write_text(f"\ufeff# mine\n\nmusic/a.mp3\n{tmp_path}/b.mp3\r\ns3://label/c.flac\n", "utf-8")
    assert locations(list_file) == [
        str(tmp_path / "music" / "a.mp3"),
        str(tmp_path / "b.mp3"),
        "s3://label/c.flac",
    ]


@pytest.mark.parametrize("column", ["", "path"])
def test_a_table_is_read_by_its_column(tmp_path: Path, column: str) -> None:
    table = tmp_path / "tracks.csv"
    table.write_text('id,path\n1,"a, b.mp3"\n2,\n3,https://x.org/c.mp3\n', "utf-8")
    assert locations(table, column) == [str(tmp_path / "a, b.mp3"), "https://x.org/c.mp3"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_parquet_is_read_by_its_column(tmp_path: Path, kind: pa.DataType) -> None:
    table = pa.table({"id": [1, 2, 3], "track_url": pa.array(["s3://l/a.mp3", None, "b.mp3"]).cast(kind)})
    parquet.write_table(table, tmp_path / "tracks.parquet")
    expected = ["s3://l/a.mp3", str(tmp_path / "b.mp3")]
    assert locations(tmp_path / "tracks.parquet", "track_url") == expected
    assert locations(tmp_path / "*.parquet", "track_url") == expected


def test_parquet_of_another_schema_says_which_columns_it_has(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"id": [1], "track_url": ["a"]}), tmp_path / "t.parquet")
    assert "id, track_url" in problem(tmp_path / "t.parquet")
    assert "--column" in problem(tmp_path / "t.parquet")
    assert "'nothing'" in problem(tmp_path / "t.parquet", "nothing")
    assert "int64" in problem(tmp_path / "t.parquet", "id")


def test_what_is_no_source_is_named(tmp_path: Path) -> None:
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 nothing of the kind")
    (tmp_path / "latin.txt").write_bytes("Mötley.mp3\n".encode("latin-1"))
    (tmp_path / "binary.txt").write_bytes(b"\0" * 100)
    (tmp_path / "song.mp3").write_bytes(b"x")
    assert "no Parquet file" in problem(tmp_path / "damaged.parquet")
    assert "UTF-8" in problem(tmp_path / "latin.txt")
    assert "no list" in problem(tmp_path / "binary.txt")
    assert "another kind" in problem(tmp_path / "song.mp3")
    for missing in ("absent", "absent.txt", "absent.csv", "absent.parquet"):
        assert missing in problem(tmp_path / missing)
    assert "unknown kind" in problem("teapot://label/masters")


def test_a_folder_in_a_store_gives_its_sounds() -> None:
    system = fsspec.filesystem("memory")
    for name in ("/label/a.mp3", "/label/b/c.flac", "/label/b/cover.jpg"):
        system.pipe(name, b"xy")
    found = list(entries(named_source("memory://label/")))
    assert [entry.location for entry in found] == ["memory:///label/a.mp3", "memory:///label/b/c.flac"]
    assert found[0].size_bytes == 2
    assert "memory://other" in problem("memory://other")


def test_a_list_in_a_store_names_files_beside_it() -> None:
    fsspec.filesystem("memory").pipe("/lists/all.txt", b"a.mp3\n../b.mp3\n")
    assert locations("memory://lists/all.txt") == ["memory://lists/a.mp3", "memory://b.mp3"]


def test_a_hundred_thousand_entries_take_no_memory(tmp_path: Path) -> None:
    big = tmp_path / "big.txt"
    with big.open("w") as file:
        file.writelines(f"s3://label/masters/{number:07}.flac\n" for number in range(100_000))
    tracemalloc.start()
    try:
        count = sum(isinstance(entry, CatalogEntry) for entry in entries(named_source(str(big))))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 100_000
    assert peak < 2_000_000
