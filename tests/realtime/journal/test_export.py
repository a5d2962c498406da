"""Exports read back exactly, and appear as a whole or not at all."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

from core.emotions import EMOTIONS
from core.errors import JournalError
from realtime.journal import Journal
from realtime.journal.rows import PLANE_COLUMNS
from tests.realtime.journal.journal_rows import begin, decision, reading, record


@pytest.fixture
def filled(journal: Journal) -> Journal:
    """Session 1 with 20 windows, one of them without speech, and an event; session 2 with one window."""
    session_id = begin(journal)
    record(journal, session_id, range(0, 19 * 8_000, 8_000))
    journal.record_window(session_id, reading(152_000, speech=False), decision(152_000, speech=False))
    journal.record_event(session_id, 8_000, "gap", 'A gap, with "quotes",\nand a second line.')
    record(journal, begin(journal), range(1))
    return journal


def test_csv_reads_back_exactly(filled: Journal, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    assert filled.export_csv(target, 1) == 21
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    windows = [row for row in rows if row["record"] == "window"]
    for row, truth in zip(windows, filled.windows(1), strict=True):
        assert int(row["clock"]) == truth.clock
        assert float(row["time_s"]) == truth.clock / 16_000
        assert float(row["speech_share"]) == truth.speech_share
        numbers = [row[f"p_{emotion.value}"] for emotion in EMOTIONS]
        if truth.probabilities is None:
            assert numbers == [""] * 8
        else:
            assert tuple(map(float, numbers)) == truth.probabilities
        assert float(row["confidence"]) == truth.confidence
        assert (row["kind"], row["emotion"], row["reason"]) == (truth.kind, truth.emotion or "", truth.reason)
        assert bool(int(row["changed"])) is truth.changed
        for name in ("energy", "pleasantness"):
            assert (float(row[name]) if row[name] else None) == getattr(truth, name)
        for name in ("accepted_energy", "accepted_pleasantness", "direction"):
            assert row[name] == (getattr(truth, name) or "")
        assert (row["source_name"], row["model"]) == ("Built-in demo", "embedded 1")
    assert rows[1]["record"] == "event"
    assert rows[1]["detail"] == filled.events(1)[0].detail
    assert (rows[1]["seq"], rows[1]["clock"], rows[2]["clock"]) == ("0", "8000", "8000")


def test_parquet_reads_back_exactly(filled: Journal, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    target = tmp_path / "out.parquet"
    assert filled.export_parquet(target) == 22
    table = parquet.read_table(target)
    rows = [row for row in table.to_pylist() if row["record"] == "window"]
    truths = [*filled.windows(1), *filled.windows(2)]
    for row, truth in zip(rows, truths, strict=True):
        numbers = tuple(row[f"p_{emotion.value}"] for emotion in EMOTIONS)
        assert (row["session_id"], row["clock"]) == (truth.session_id, truth.clock)
        assert numbers == (truth.probabilities or (None,) * 8)
        assert (row["confidence"], row["reason"]) == (truth.confidence, truth.reason)
        assert (row["seq"], row["detail"]) == (None, None)
        assert {name: row[name] for name in PLANE_COLUMNS} == {
            name: getattr(truth, name) for name in PLANE_COLUMNS
        }
    assert str(table.schema.field("p_sad").type) == "double"
    assert str(table.schema.field("energy").type) == "double"
    assert str(table.schema.field("direction").type) == "string"


@pytest.mark.parametrize("export", ["export_csv", "export_parquet"])
def test_empty_journal_exports_its_columns(journal: Journal, tmp_path: Path, export: str) -> None:
    if export == "export_parquet":
        pytest.importorskip("pyarrow")
    assert getattr(journal, export)(tmp_path / "out") == 0
    assert (tmp_path / "out").stat().st_size > 0


@pytest.mark.parametrize("export", ["export_csv", "export_parquet"])
def test_export_overwrites_only_when_allowed(filled: Journal, tmp_path: Path, export: str) -> None:
    if export == "export_parquet":
        pytest.importorskip("pyarrow")
    target = tmp_path / "out"
    target.write_text("mine")
    with pytest.raises(JournalError, match=r"out exists: choose another name, or add `--overwrite`"):
        getattr(filled, export)(target)
    assert target.read_text() == "mine"
    assert getattr(filled, export)(target, overwrite=True) == 22
    assert sorted(file.name for file in tmp_path.iterdir()) == ["data", "out"]


def test_export_that_fails_leaves_nothing(
    filled: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(JournalError, match="the disk is full: free some space"):
        filled.export_csv(tmp_path / "out.csv")
    assert [file.name for file in tmp_path.iterdir()] == ["data"]


def test_export_into_a_missing_folder_or_of_a_missing_session(filled: Journal, tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="choose another folder"):
        filled.export_csv(tmp_path / "none" / "out.csv")
    with pytest.raises(JournalError, match="holds no session 77"):
        filled.export_csv(tmp_path / "out.csv", 77)


def test_parquet_without_pyarrow_says_so(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(JournalError, match="pip install pyarrow"):
        journal.export_parquet(tmp_path / "out.parquet")
