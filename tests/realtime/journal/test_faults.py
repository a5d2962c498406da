"""A locked database, a full disk or a full queue stalls nobody and is said."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from core import sqlite
from core.errors import JournalError
from realtime.journal import Journal, queue
from tests.patience import PROMPT_S
from tests.realtime.journal.journal_rows import begin, journal_threads, record, wait_until


def test_locked_database_stalls_nobody_and_loses_nothing(journal: Journal, path: Path) -> None:
    session_id = begin(journal)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started_s = time.monotonic()
        record(journal, session_id, range(1_000))
        assert time.monotonic() - started_s < PROMPT_S
        wait_until(lambda: journal.error)
        assert (
            "is locked by another program: close that program; rows waiting to be written: 1000."
            in journal.error
        )
        assert str(path) in journal.error
        assert not journal.flush(0.1)
        other.execute("ROLLBACK")
    wait_until(lambda: not journal.error)
    assert journal.flush(5.0)
    assert len(journal.windows(session_id)) == 1_000
    assert journal.lost == 0
    assert journal.notice == ""


def test_session_may_begin_while_the_database_is_locked(journal: Journal, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started_s = time.monotonic()
        session_id = begin(journal)
        assert time.monotonic() - started_s < PROMPT_S
        assert session_id < 0
        record(journal, session_id, range(10))
        journal.record_event(session_id, 3, "gap", "A gap.")
        journal.end_session(session_id)
        other.execute("ROLLBACK")
    assert journal.flush(5.0)
    (row,) = journal.sessions()
    assert row.id == 1
    assert row.ended_at is not None
    assert len(journal.windows(session_id)) == len(journal.windows(1)) == 10
    assert journal.events(session_id)[0].session_id == 1


def test_journal_may_be_opened_while_it_is_locked(path: Path) -> None:
    Journal(path, retention_days=90).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        started_s = time.monotonic()
        journal = Journal(path, retention_days=90)
        assert time.monotonic() - started_s < PROMPT_S
        assert "is locked" in journal.error
        with pytest.raises(JournalError, match=r"is locked .*\.$"):
            journal.sessions()
        with pytest.raises(JournalError, match="then delete again"):
            journal.delete_all()
    session_id = begin(journal)
    record(journal, session_id, range(10))
    assert journal.flush(5.0)
    journal.close()
    assert journal.error == ""
    assert len(journal.windows(session_id)) == 10


def test_close_gives_up_on_a_locked_database(path: Path) -> None:
    journal = Journal(path, retention_days=90)
    session_id = begin(journal)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        record(journal, session_id, range(10))
        started_s = time.monotonic()
        journal.close()
        assert time.monotonic() - started_s < PROMPT_S
    assert journal.lost == 10
    assert "is locked" in journal.error
    assert journal_threads() == []


def test_full_queue_drops_and_counts_unless_asked_to_wait(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "_CAPACITY_ROWS", 50)
    monkeypatch.setattr(queue, "_PATIENCE_S", 30.0)
    with (
        Journal(path, retention_days=90) as journal,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        session_id = begin(journal)
        other.execute("BEGIN IMMEDIATE")
        record(journal, session_id, range(80))
        for clock in range(80):
            journal.record_event(session_id, clock, "gap", "Dropped.")
        assert journal.lost == 110
        wait_until(lambda: journal.error)
        assert journal.error.endswith("rows waiting to be written: 50, lost since the start: 110.")
        waiting = threading.Thread(
            target=record, args=(journal, session_id, range(1_000, 1_200)), kwargs={"wait": True}
        )
        waiting.start()
        time.sleep(0.2)
        assert waiting.is_alive()
        other.execute("ROLLBACK")
        waiting.join(10.0)
        assert not waiting.is_alive()
        journal.record_event(session_id, 1_200, "end", "The dropped ones left no hole.", wait=True)
        assert journal.flush(5.0)
        assert journal.lost == 110
        assert journal.error == ""
        assert "could not be recorded in the journal since Attune was started: 110;" in journal.notice
        assert [row.clock for row in journal.windows(session_id)] == [*range(50), *range(1_000, 1_200)]
        assert [row.seq for row in journal.events(session_id)] == [0]


def test_lossless_replay_does_not_wait_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "_CAPACITY_ROWS", 50)
    monkeypatch.setattr(queue, "_PATIENCE_S", 0.5)
    with (
        Journal(path, retention_days=90) as journal,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        session_id = begin(journal)
        other.execute("BEGIN IMMEDIATE")
        started_s = time.monotonic()
        record(journal, session_id, range(100), wait=True)
        assert time.monotonic() - started_s < 5.0
        assert journal.lost == 50


def test_full_disk_is_said_and_outlived(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = False
    connect = sqlite.connect

    def limited(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        if full:  # the same error of SQLite as on a full disk, at its next growth
            connection.execute("PRAGMA max_page_count = 1")
        return connection

    monkeypatch.setattr(sqlite, "connect", limited)
    with Journal(path, retention_days=90) as journal:
        full = True
        session_id = begin(journal)
        record(journal, session_id, range(3_000))
        wait_until(lambda: "rows waiting" in journal.error)
        assert (
            f"{path} cannot grow, the disk is full: make room; rows waiting to be written: 300"
            in journal.error
        )
        full = False
        wait_until(lambda: not journal.error)
        assert journal.flush(5.0)
        assert len(journal.windows(session_id)) == 3_000
        assert journal.lost == 0


def test_read_only_database_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Journal(path, retention_days=90).close()
    connect = sqlite.connect

    def read_only(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("PRAGMA query_only = ON")
        return connection

    monkeypatch.setattr(sqlite, "connect", read_only)
    with Journal(path, retention_days=90) as journal:
        assert begin(journal) < 0
        assert "it is read-only: change its permissions" in journal.error
