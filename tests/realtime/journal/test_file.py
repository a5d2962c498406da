"""The file: corrupt, removed, forbidden, of another program, old, erased."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
from collections.abc import Container
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import JournalError
from realtime.journal import Journal
from realtime.journal import file as journal_file
from realtime.journal.rows import PLANE_COLUMNS, PROBABILITY_COLUMNS
from realtime.journal.schema import JOURNAL
from tests.paths import EARLIER
from tests.realtime.journal.journal_rows import begin, decision, journal_threads, reading, record, wait_until

RELEASED = {1: "journal-version-1.sql", 2: "version_0_1/journal.sql"}


def restore(path: Path, version: int) -> None:
    """Make the file of an older version: what that version itself had written, kept as SQL."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.executescript((EARLIER / RELEASED[version]).read_text(encoding="utf-8"))


def rows_of(path: Path) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(path)) as other:
        other.row_factory = sqlite3.Row
        return other.execute("SELECT * FROM windows ORDER BY session_id, clock").fetchall()


def probabilities_of(row: sqlite3.Row) -> tuple[float, ...]:
    return tuple(row[column] for column in PROBABILITY_COLUMNS)


def test_text_file_is_put_aside_whole(path: Path) -> None:
    path.parent.mkdir()
    content = b"this has never been a database\n" * 100
    path.write_bytes(content)
    with Journal(path, retention_days=90) as journal:
        assert "was corrupt and has been put aside" in journal.notice
        assert "nothing was deleted" in journal.notice
        assert begin(journal) == 1
    (aside,) = path.parent.glob("journal.sqlite3.corrupt-*")
    assert aside.name in journal.notice
    assert aside.read_bytes() == content
    with Journal(path, retention_days=90) as journal:
        assert journal.notice == ""


def test_damaged_pages_are_found_on_opening(path: Path) -> None:
    with Journal(path, retention_days=90) as journal:
        session_id = begin(journal)
        record(journal, session_id, range(2_000))
    data = bytearray(path.read_bytes())
    for start in range(3 * 4_096, len(data) - 4_096, 4_096):
        data[start : start + 2_048] = random.Random(start).randbytes(2_048)
    path.write_bytes(data)
    with Journal(path, retention_days=90) as journal:
        assert "was corrupt" in journal.notice
        assert journal.sessions() == ()
        assert begin(journal) == 1
    (aside,) = path.parent.glob("journal.sqlite3.corrupt-*")
    assert aside.read_bytes() == data


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed")
def test_removed_file_is_made_anew_while_listening(journal: Journal, path: Path) -> None:
    session_id = begin(journal)
    record(journal, session_id, range(10))
    assert journal.flush(5.0)
    for file in path.parent.iterdir():
        file.unlink()
    record(journal, session_id, range(10, 20))
    assert journal.flush(5.0)
    assert [row.clock for row in journal.windows(session_id)] == list(range(10, 20))
    assert journal.sessions()[0].source_name == "Built-in demo"


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed")
def test_file_removed_while_it_could_not_be_written_is_made_anew(journal: Journal, path: Path) -> None:
    session_id = begin(journal)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        record(journal, session_id, range(10))
        wait_until(lambda: "is locked" in journal.error)
        for file in path.parent.iterdir():
            file.unlink()
    assert journal.flush(5.0)
    assert journal.error == ""
    assert len(journal.windows(session_id)) == 10


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed")
def test_new_session_does_not_take_the_number_of_one_whose_file_was_removed(
    journal: Journal, path: Path
) -> None:
    running = begin(journal)
    for file in path.parent.iterdir():
        file.unlink()
    assert begin(journal) == running + 1


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed")
def test_reading_a_removed_file_makes_none(journal: Journal, path: Path) -> None:
    path.unlink()
    with pytest.raises(JournalError, match="cannot be opened"):
        journal.sessions()
    assert not path.exists()


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match=r"check its folder, or choose another journal_path\.$"):
        Journal(tmp_path / "file" / "journal.sqlite3", retention_days=90)
    assert journal_threads() == []


def test_path_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="choose another journal_path"):
        Journal(tmp_path, retention_days=90)


def test_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    for version in (0, 1):
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE IF NOT EXISTS bookmarks (url TEXT)")
            other.execute(f"PRAGMA user_version = {version}")
        with pytest.raises(JournalError, match="is a database of another program"):
            Journal(path, retention_days=90)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_journal_is_its_owners_alone(path: Path, journal: Journal) -> None:
    begin(journal)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_journal_open_to_others_is_closed_to_them(path: Path) -> None:
    Journal(path, retention_days=90).close()
    path.chmod(0o644)
    Journal(path, retention_days=90).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("version", [0, *RELEASED, len(JOURNAL.migrations)])
def test_every_older_version_is_migrated(path: Path, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    migrations = JOURNAL.migrations
    future = (*migrations, ("ALTER TABLE sessions ADD COLUMN mark TEXT", "UPDATE sessions SET mark = 'old'"))
    if version == len(migrations):
        with Journal(path, retention_days=0) as journal:
            record(journal, begin(journal), range(5))
    elif version:
        restore(path, version)
    before = rows_of(path) if version else []
    monkeypatch.setattr(journal_file, "JOURNAL", replace(JOURNAL, migrations=future))
    with Journal(path, retention_days=0) as journal:
        assert journal.notice == ""
        sessions = journal.sessions()
        assert sum(len(journal.windows(session.id)) for session in sessions) == len(before)
        begin(journal)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (len(future),)
        marks = [mark for (mark,) in other.execute("SELECT mark FROM sessions ORDER BY id")]
    assert marks == ["old"] * len(sessions) + [None]


def test_journal_from_before_the_plane_is_read_on_and_goes_on(path: Path, tmp_path: Path) -> None:
    restore(path, 1)
    before = rows_of(path)
    with Journal(path, retention_days=0) as journal:
        assert [session.source_name for session in journal.sessions()] == ["talk.wav", "reply.wav"]
        windows = [*journal.windows(1), *journal.windows(2)]
        for row, window in zip(before, windows, strict=True):
            assert {name: row[name] for name in ("clock", "kind", "emotion", "reason", "confidence")} == {
                name: getattr(window, name) for name in ("clock", "kind", "emotion", "reason", "confidence")
            }
            assert window.probabilities == (None if row["p_sad"] is None else probabilities_of(row))
            assert {getattr(window, name) for name in PLANE_COLUMNS} == {None}
        assert [event.kind for event in journal.events(1)] == ["mood"]
        session_id = begin(journal)
        assert session_id == 3  # numbers go on
        journal.record_window(session_id, reading(1), decision(1))
        assert journal.flush(5.0)
        assert journal.windows(session_id)[0].direction == "quiet and unpleasant"
        assert journal.export_csv(tmp_path / "all.csv") == len(before) + 1 + 1
    assert len(before) == 37


def test_failed_migration_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Journal(path, retention_days=0).close()
    migrations = JOURNAL.migrations
    broken = (*migrations, ("ALTER TABLE sessions ADD COLUMN mark TEXT", "SELECT * FROM nowhere"))
    monkeypatch.setattr(journal_file, "JOURNAL", replace(JOURNAL, migrations=broken))
    with pytest.raises(JournalError):
        Journal(path, retention_days=0)
    monkeypatch.setattr(journal_file, "JOURNAL", JOURNAL)
    with Journal(path, retention_days=0) as journal:
        assert begin(journal) == 1


def test_newer_version_is_refused(path: Path) -> None:
    Journal(path, retention_days=0).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalError, match=r"newer Attune .*99.* update Attune"):
        Journal(path, retention_days=0)
    assert not list(path.parent.glob("*.corrupt-*"))


def test_retention_deletes_whole_sessions_that_are_too_old(path: Path) -> None:
    with Journal(path, retention_days=30) as journal:
        for _ in range(2):
            session_id = begin(journal)
            record(journal, session_id, range(5))
            journal.record_event(session_id, 0, "gap", "A gap.")
    old = (datetime.now(UTC) - timedelta(days=31)).isoformat(timespec="milliseconds")
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE sessions SET started_at = ? WHERE id = 1", (old,))
    with Journal(path, retention_days=0) as journal:
        assert len(journal.sessions()) == 2
    with Journal(path, retention_days=30) as journal:
        assert [row.id for row in journal.sessions()] == [2]
        assert (journal.windows(1), journal.events(1)) == ((), ())
        assert len(journal.windows(2)) == 5


def test_retention_is_kept_while_the_program_runs_for_months(path: Path) -> None:
    with Journal(path, retention_days=30) as journal:
        over, running = begin(journal), begin(journal)
        for session_id in (over, running):
            record(journal, session_id, range(5))
        journal.end_session(over)
        assert journal.flush(5.0)
        old = (datetime.now(UTC) - timedelta(days=31)).isoformat(timespec="milliseconds")
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE sessions SET started_at = ?", (old,))
        newest = begin(journal)
        wait_until(lambda: [row.id for row in journal.sessions()] == [running, newest])
        assert journal.windows(over) == ()
        assert len(journal.windows(running)) == 5  # what still runs is not cut off at its beginning
        journal.end_session(running)
        begin(journal)
        wait_until(lambda: running not in [row.id for row in journal.sessions()])
        assert journal.error == ""


def test_old_sessions_are_forgotten_later_where_the_file_is_locked_just_then(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete = journal_file.delete_old
    attempts: list[int] = []

    def locked_once(connection: sqlite3.Connection, retention_days: int, *, running: Container[int]) -> None:
        attempts.append(retention_days)
        if len(attempts) == 1:
            raise sqlite3.OperationalError("database is locked")
        delete(connection, retention_days, running=running)

    with Journal(path, retention_days=30) as journal:
        monkeypatch.setattr(journal_file, "delete_old", locked_once)
        session_id = begin(journal)
        wait_until(lambda: attempts)
        assert journal.error == ""
        for start in (0, 5):
            record(journal, session_id, range(start, start + 5))
            assert journal.flush(5.0)
        assert len(journal.windows(session_id)) == 10
    assert attempts == [30, 30]


def test_delete_all_erases_and_the_running_session_goes_on(journal: Journal, path: Path) -> None:
    old, running = begin(journal), begin(journal)
    journal.record_event(old, 0, "secret", "the word xylophone")
    journal.end_session(old)
    record(journal, running, range(500))
    assert journal.flush(5.0)
    path.with_name(f"{path.name}.corrupt-20200101T000000Z").write_bytes(b"xylophone")
    journal.record_event(running, 0, "secret", "xylophone, not yet written")
    journal.delete_all()
    for file in path.parent.iterdir():
        assert b"xylophone" not in file.read_bytes(), file.name
    assert [row.id for row in journal.sessions()] == [running]
    assert journal.windows(running) == ()
    record(journal, running, range(500, 510))
    journal.record_event(running, 510, "gap", "What is erased leaves no hole.")
    assert journal.flush(5.0)
    assert len(journal.windows(running)) == 10
    assert [row.seq for row in journal.events(running)] == [0]
    assert journal.lost == 0
    assert begin(journal) == running + 1  # numbers are never given twice


def test_session_deleted_by_another_program_goes_on(journal: Journal, path: Path) -> None:
    session_id = begin(journal)
    with Journal(path, retention_days=90) as other:
        other.delete_all()
    assert journal.sessions() == ()
    record(journal, session_id, range(10))
    assert journal.flush(5.0)
    assert len(journal.windows(session_id)) == 10
    assert journal.lost == 0
