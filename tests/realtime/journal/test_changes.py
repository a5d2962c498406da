"""What people change in the journal: notes, a session or a day that is deleted, a span that is exported."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import JournalError
from realtime.journal import Journal
from realtime.journal.days import Span
from tests.realtime.journal.invented_days import HAPPY, UNSURE, write_session
from tests.realtime.journal.journal_rows import begin, record
from tests.realtime.journal.test_counts import counted, recounted

MIDNIGHT = datetime(2026, 6, 2, tzinfo=UTC)
DAY = Span(int(MIDNIGHT.timestamp()) // 900, int(MIDNIGHT.timestamp()) // 900 + 96)


def moments(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as other:
        found = other.execute("SELECT wall_time FROM windows UNION ALL SELECT wall_time FROM events")
        return [at for (at,) in found]


def test_a_note_is_kept_and_can_be_changed(journal: Journal, tmp_path: Path) -> None:
    session_id = begin(journal)
    record(journal, session_id, range(2))
    assert journal.sessions()[0].note == ""
    for note in ("Dinner with Mia 🎂, 'quotes'", "\udce9 of no encoding", ""):
        journal.set_note(session_id, note)
        assert journal.sessions()[0].note == note.replace("\udce9", "\\xe9")
    journal.set_note(session_id, "kept in exports")
    journal.export_csv(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        assert {row["note"] for row in csv.DictReader(file)} == {"kept in exports"}


def test_a_deleted_session_is_gone_from_the_file(journal: Journal, path: Path) -> None:
    doomed, kept = begin(journal), begin(journal)
    journal.record_event(doomed, 0, "gap", "the word xylophone")
    record(journal, kept, range(3))
    journal.end_session(doomed)
    assert journal.flush(5.0)
    journal.delete_session(doomed)
    assert [session.id for session in journal.sessions()] == [kept]
    assert len(journal.windows(kept)) == 3
    for file in path.parent.glob("journal.sqlite3*"):
        assert b"xylophone" not in file.read_bytes(), file.name


def test_a_running_session_that_is_deleted_goes_on_with_its_next_row(journal: Journal) -> None:
    session_id = begin(journal)
    record(journal, session_id, range(5))
    journal.delete_session(session_id)
    record(journal, session_id, range(5, 8))
    assert journal.flush(5.0)
    assert [row.clock for row in journal.windows(session_id)] == [5, 6, 7]


def test_a_deleted_day_takes_what_lies_in_it_and_leaves_the_rest(journal: Journal, path: Path) -> None:
    before = write_session(path, MIDNIGHT - timedelta(hours=2), [HAPPY] * 4)
    into = write_session(
        path,
        MIDNIGHT - timedelta(seconds=10),
        [HAPPY] * 40,
        music=[(2.0, "switched", None, "A"), (12.0, "switched", None, "B")],
    )
    write_session(path, MIDNIGHT + timedelta(hours=9), [UNSURE] * 30)  # lies within
    out = write_session(path, MIDNIGHT + timedelta(hours=23, minutes=59, seconds=50), [UNSURE] * 40)
    around = write_session(path, MIDNIGHT - timedelta(minutes=5), [UNSURE] * 3, gap_s=86_400.0)
    after = write_session(path, MIDNIGHT + timedelta(days=1, hours=1), [HAPPY] * 4)
    journal.delete_between(DAY)
    rows = {row.id: row for row in journal.sessions()}
    assert list(rows) == [before, into, out, around, after]
    start, end = DAY.start.isoformat(timespec="milliseconds"), DAY.end.isoformat(timespec="milliseconds")
    assert not [at for at in moments(path) if start <= at < end]
    assert [len(journal.windows(number)) for number in rows] == [4, 20, 20, 2, 4]
    assert [event.playlist for event in journal.events(into)] == ["A"]
    assert (rows[into].ended_at, rows[out].started_at) == (start, end)
    assert counted(path) == recounted(path)


def test_the_day_that_is_running_is_deleted_and_listening_goes_on(journal: Journal, path: Path) -> None:
    session_id = begin(journal)
    record(journal, session_id, range(5))
    today = int(datetime.now(UTC).timestamp()) // 900
    journal.delete_between(Span(today - 96, today + 96))
    assert moments(path) == []
    assert journal.sessions()[0].started_at <= datetime.now(UTC).isoformat()
    record(journal, session_id, range(5, 8))
    assert journal.flush(5.0)
    assert len(journal.windows(session_id)) == 3
    assert counted(path) == recounted(path)


@pytest.mark.parametrize("change", ["session", "day", "note"])
def test_a_locked_journal_is_left_as_it_was_and_says_so(
    journal: Journal, path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.journal.file._DELETE_S", 0.05)
    number = write_session(path, MIDNIGHT, [HAPPY] * 4)
    wishes = {
        "session": lambda: journal.delete_session(number),
        "day": lambda: journal.delete_between(DAY),
        "note": lambda: journal.set_note(number, "Mine"),
    }
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match=r"locked by another program.*again"):
            wishes[change]()
    assert len(journal.windows(number)) == 4
    assert journal.sessions()[0].note == ""


def test_a_session_of_another_program_that_is_deleted_goes_on_there(path: Path) -> None:
    with Journal(path, retention_days=0) as one, Journal(path, retention_days=0) as two:
        session_id = begin(one)
        record(one, session_id, range(3))
        assert one.flush(5.0)
        two.delete_session(session_id)
        record(one, session_id, range(3, 5))
        assert one.flush(5.0)
        assert [row.clock for row in two.windows(session_id)] == [3, 4]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_span_is_exported_alone(journal: Journal, path: Path, tmp_path: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    music = [(2.0, "switched", "happy", "A"), (12.0, "switched", "happy", "B")]
    write_session(path, MIDNIGHT - timedelta(seconds=10), [HAPPY] * 40, music=music)
    write_session(path, MIDNIGHT + timedelta(days=5), [HAPPY] * 9)
    export = journal.export_csv if form == "csv" else journal.export_parquet
    assert export(tmp_path / "day", span=DAY) == 21
    assert export(tmp_path / "before", span=Span(DAY.first - 96, DAY.first)) == 21
    assert export(tmp_path / "none", span=Span(0, 96)) == 0
    assert export(tmp_path / "all") == 51
    if form == "csv":
        with (tmp_path / "day").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert [(row["feeling"], row["playlist"]) for row in rows if row["record"] == "event"] == [
            ("happy", "B")
        ]
