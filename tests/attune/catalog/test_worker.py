from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("fsspec")

import fsspec
import numpy as np
import pyarrow as pa

from attune.catalog.index import CatalogIndex
from attune.catalog.part_writer import PartWriter
from attune.catalog.pending_results import PendingResults
from attune.catalog.schema import SCHEMA, ErrorKind
from attune.catalog.sources import CatalogEntry
from attune.catalog.worker import MOST_ATTEMPTS, fetched_sound, row_of
from attune.engine.model_cache import ModelCache, profiler_fingerprint
from core.settings import Settings
from models.mood.backbone import EMBEDDING_SIZE
from models.track.profile import TrackProfiler
from tests.attune.catalog.catalog_sounds import write_music

MODELS = "these models"


@pytest.fixture(scope="module")
def profiler() -> TrackProfiler:
    return ModelCache(Settings(threads=1)).profiler()[0]


@pytest.fixture
def results(tmp_path: Path) -> PendingResults:
    CatalogIndex(tmp_path).close()
    return PendingResults(tmp_path)


def analysed(location: str | Path, profiler: TrackProfiler, results: PendingResults) -> dict[str, Any]:
    entry = CatalogEntry(str(location), "1")
    row = row_of(entry, fetched_sound(entry, MODELS), profiler, results, max_minutes=60.0)
    (stored,) = pa.Table.from_pylist([row], schema=SCHEMA).to_pylist()
    return dict(stored)


@pytest.mark.usefixtures("no_librosa")
def test_a_sound_has_a_row_with_all_that_is_known(
    tmp_path: Path, profiler: TrackProfiler, results: PendingResults
) -> None:
    file = write_music(tmp_path / "music" / "a.wav", 1, seconds=25.0)
    row = analysed(file, profiler, results)
    expected = profiler.profile(file)
    assert row["error"] is None
    assert row["name"] == "a.wav"
    assert row["size_bytes"] == file.stat().st_size
    assert row["duration_s"] == pytest.approx(25.0)
    assert row["mood"] == expected.mood.mood
    np.testing.assert_allclose(row["theme"], expected.mood.theme, atol=1e-5)
    np.testing.assert_allclose(row["embedding"], expected.embedding, rtol=2e-3, atol=1e-3)
    assert len(row["embedding"]) == EMBEDDING_SIZE
    assert row["valence"] == pytest.approx(expected.valence)
    assert [part["start_s"] for part in row["timeline"]] == [0.0, 12.5]
    assert row["timeline"][-1]["end_s"] == pytest.approx(25.0)
    assert row["genres"][0]["label"] == expected.genres.top(1)[0][0]  # type: ignore[union-attr]


@pytest.mark.usefixtures("no_librosa")
def test_the_same_content_is_analysed_once_and_found_again(
    tmp_path: Path, profiler: TrackProfiler, results: PendingResults
) -> None:
    first = write_music(tmp_path / "a.wav", 1)
    fsspec.filesystem("memory").pipe("/twins/b.wav", first.read_bytes())
    one = analysed(first, profiler, results)
    two = analysed("memory://twins/b.wav", profiler, results)  # of one that is not written yet
    assert results.counts() == (1, 1)
    assert (two["location"], two["name"]) == ("memory://twins/b.wav", "b.wav")
    assert {**two, **dict.fromkeys(("location", "name", "analysed_at"))} == {
        **one,
        **dict.fromkeys(("location", "name", "analysed_at")),
    }
    with closing(CatalogIndex(tmp_path)) as index:
        writer = PartWriter(index)
        writer.add(pa.Table.from_pylist([one], schema=SCHEMA))
        results.written(writer.flush())
        results.written([two["location"]])
    assert results.unwritten() == []
    three = analysed(first.rename(tmp_path / "c.wav"), profiler, results)  # of one that is
    assert results.counts() == (1, 2)
    assert three["embedding"] == one["embedding"]


def test_a_row_that_was_finished_is_not_computed_again(
    tmp_path: Path, profiler: TrackProfiler, results: PendingResults
) -> None:
    file = write_music(tmp_path / "a.wav", 1)
    one = analysed(file, profiler, results)
    assert analysed(file, profiler, results) == one
    assert results.counts() == (1, 0)


def test_what_is_wrong_is_a_row(tmp_path: Path, profiler: TrackProfiler, results: PendingResults) -> None:
    (tmp_path / "noise.mp3").write_bytes(b"no sound" * 100)
    (tmp_path / "folder.mp3").mkdir()
    bad = analysed(tmp_path / "noise.mp3", profiler, results)
    assert bad["error_kind"] == ErrorKind.SOUND
    assert "noise.mp3" in bad["error"]
    assert bad["content_key"]
    missing = analysed(tmp_path / "gone.mp3", profiler, results)
    assert missing["error_kind"] == ErrorKind.MISSING
    assert missing["content_key"] is None
    assert analysed(tmp_path / "folder.mp3", profiler, results)["error_kind"] == ErrorKind.STORAGE
    assert analysed("memory://label/gone.mp3", profiler, results)["error_kind"] == ErrorKind.MISSING
    unreachable = analysed("http://127.0.0.1:9/a.mp3", profiler, results)
    assert unreachable["error_kind"] == ErrorKind.STORAGE
    assert "cannot be reached" in unreachable["error"]


def test_a_sound_that_ends_its_worker_is_given_up(
    tmp_path: Path, profiler: TrackProfiler, results: PendingResults
) -> None:
    file = write_music(tmp_path / "a.wav", 1)
    key = fetched_sound(CatalogEntry(str(file)), MODELS).content_key
    for _ in range(MOST_ATTEMPTS):
        assert results.begin(str(file), key).row is None  # and the worker dies
    row = analysed(file, profiler, results)
    assert row["error_kind"] == ErrorKind.SOUND
    assert "ended the program" in row["error"]


def test_the_fingerprint_is_that_of_the_loaded_models() -> None:
    settings = Settings(threads=1)
    assert ModelCache(settings).profiler()[1] == profiler_fingerprint(settings)
