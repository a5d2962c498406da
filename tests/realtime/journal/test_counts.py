"""Windows are counted by quarters of an hour: new ones at once, those of older files in steps, each once."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections import Counter
from contextlib import closing, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from realtime.journal import Journal, counts
from realtime.journal.file import reading
from realtime.journal.schema import JOURNAL
from tests.realtime.journal.invented_days import HAPPY, QUIET, SAD, SILENCE, UNSURE, write_session
from tests.realtime.journal.journal_rows import begin, decision, record, wait_until
from tests.realtime.journal.journal_rows import reading as a_reading

NOON = datetime(2026, 6, 1, 11, 58, tzinfo=UTC)


def counted(path: Path) -> Counter[tuple[object, ...]]:
    with reading(path) as connection:
        rows = connection.execute("SELECT * FROM window_counts").fetchall()
    return Counter({tuple(row[:-1]): row[-1] for row in rows})


def recounted(path: Path) -> Counter[tuple[object, ...]]:
    """The same, from the windows themselves and without SQL."""
    with reading(path) as connection:
        rows = connection.execute(
            "SELECT wall_time, session_id, kind, emotion, direction FROM windows"
        ).fetchall()
    return Counter(
        (int(datetime.fromisoformat(at).timestamp()) // 900, session_id, kind, emotion or "", direction or "")
        for at, session_id, kind, emotion, direction in rows
    )


def older_file(path: Path, sessions: int) -> None:
    """A file of the version before the counts, with sessions of many lengths."""
    path.parent.mkdir(parents=True)
    dice = random.Random(7)
    with closing(sqlite3.connect(path)) as connection:
        for script in JOURNAL.migrations[:2]:
            for statement in script:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {JOURNAL.application_id}")
        connection.execute("PRAGMA user_version = 2")
    for number in range(sessions):
        said = dice.choices((SILENCE, UNSURE, QUIET, HAPPY, SAD), k=dice.randrange(0, 90))
        write_session(path, NOON + timedelta(hours=5 * number), said, gap_s=dice.choice((0.0, 30.0)))


def uncounted(path: Path) -> int:
    with reading(path) as connection:
        return int(connection.execute("SELECT count(*) FROM uncounted").fetchone()[0])


def test_new_windows_are_counted_as_they_come(journal: Journal, path: Path) -> None:
    session_id = begin(journal)
    record(journal, session_id, range(100))
    journal.record_window(session_id, a_reading(100, speech=False), decision(100, speech=False))
    record(journal, session_id, range(3))  # refused: these are there already
    assert journal.flush(5.0)
    assert journal.lost == 3
    assert counted(path) == recounted(path)
    assert sum(counted(path).values()) == 101


def test_windows_of_an_older_file_are_counted_in_steps_and_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older_file(path, 20)
    monkeypatch.setattr(counts, "_STEP_WINDOWS", 50)
    with Journal(path, retention_days=0) as journal:
        record(journal, begin(journal), range(10))  # meanwhile one goes on
        wait_until(lambda: not uncounted(path))
        assert journal.flush(5.0)
        assert counted(path) == recounted(path)
    with Journal(path, retention_days=0):
        assert counted(path) == recounted(path)


def test_counting_that_is_broken_off_goes_on_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older_file(path, 10)
    monkeypatch.setattr(counts, "_STEP_WINDOWS", 20)
    JOURNAL.prepare(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for _ in range(3):
            assert counts.count_step(connection, nullcontext())
    assert uncounted(path)
    with Journal(path, retention_days=0):
        wait_until(lambda: not uncounted(path))
    assert counted(path) == recounted(path)


def test_two_programs_that_count_at_once_count_each_window_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older_file(path, 20)
    monkeypatch.setattr(counts, "_STEP_WINDOWS", 5)
    JOURNAL.prepare(path)

    def count() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=10.0)) as connection:
            while counts.count_step(connection, nullcontext()):
                pass

    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted(path) == recounted(path)


def test_a_session_that_is_deleted_takes_its_counts_along(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older_file(path, 6)
    monkeypatch.setattr(counts, "_STEP_WINDOWS", 1)
    monkeypatch.setattr("realtime.journal.writer._COUNT_REST_S", 3600.0)  # it stays in the middle of it
    with Journal(path, retention_days=0) as journal:
        for session in journal.sessions()[::2]:
            journal.delete_session(session.id)
        left = {session.id for session in journal.sessions()}
        assert {key[1] for key in counted(path)} <= left
        with reading(path) as connection:
            waiting = {row[0] for row in connection.execute("SELECT session_id FROM uncounted")}
        assert waiting <= left
        journal.delete_all()
        assert not counted(path)
        assert not uncounted(path)


def test_an_older_file_is_opened_without_waiting_for_its_counts(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older_file(path, 5)
    monkeypatch.setattr(counts, "count_step", None)
    monkeypatch.setattr("realtime.journal.writer.count_step", lambda *_: False)
    with Journal(path, retention_days=0) as journal:
        assert len(journal.sessions()) == 5
        assert uncounted(path)
        assert not counted(path)
