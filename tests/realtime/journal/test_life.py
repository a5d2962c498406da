"""The journal opens, closes, is killed and shared between processes without losing a row."""

from __future__ import annotations

import csv
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from realtime.journal import Journal
from realtime.journal.rows import iso
from tests.paths import ROOT
from tests.realtime.journal.journal_rows import begin, journal_threads, record, wait_until


def test_close_writes_what_waits_and_ends_the_thread(path: Path) -> None:
    journal = Journal(path, retention_days=90)
    session_id = begin(journal)
    assert len(journal_threads()) == 1
    record(journal, session_id, range(5_000))
    journal.close()
    assert journal_threads() == []
    assert len(journal.windows(session_id)) == 5_000
    assert journal.lost == 0
    journal.close()
    assert not path.with_name(path.name + "-wal").exists()


def test_rows_after_close_are_counted_as_lost(path: Path) -> None:
    journal = Journal(path, retention_days=90)
    session_id = begin(journal)
    journal.close()
    record(journal, session_id, range(3), wait=True)
    assert journal.lost == 3
    assert begin(journal) < 0


def test_many_openings_leak_nothing(path: Path) -> None:
    for _ in range(30):
        with Journal(path, retention_days=90) as journal:
            begin(journal)
    assert journal_threads() == []
    assert [row.id for row in journal.sessions()] == list(range(1, 31))


_WRITER = """
import sys
import time
from pathlib import Path
from tests.realtime.journal.journal_rows import Journal, begin, record
journal = Journal(Path(sys.argv[1]), retention_days=90)
session_id = begin(journal)
record(journal, session_id, range(1_000))
assert journal.flush(20)
print(session_id, flush=True)
while sys.argv[2] == "idle":
    time.sleep(1)
for start in range(1_000, 10**9, 100):
    record(journal, session_id, range(start, start + 100), wait=True)
"""


def spawn_writer(path: Path, work: str = "busy") -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path), work],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_killed_writer_leaves_whole_rows(path: Path) -> None:
    path.parent.mkdir()
    process, session_id = spawn_writer(path)
    time.sleep(0.3)
    kill(process)
    if os.name == "posix":
        assert process.returncode == -signal.SIGKILL
    with Journal(path, retention_days=90) as journal:
        assert journal.notice == ""
        windows = journal.windows(session_id)
        clocks = [row.clock for row in windows]
        assert len(clocks) >= 1_000
        assert clocks == list(range(len(clocks)))
        assert journal.sessions()[0].ended_at == windows[-1].wall_time
        (event,) = journal.events(session_id)
        assert (event.kind, event.clock, event.wall_time) == ("broken off", clocks[-1], windows[-1].wall_time)
        assert locks(path) == []
        assert begin(journal) == session_id + 1
    with Journal(path, retention_days=90) as journal:  # it is said once
        assert [event.kind for event in journal.events(session_id)] == ["broken off"]


def locks(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.glob("*.lock"))


def test_session_of_a_living_process_is_left_alone_however_long_it_is_quiet(path: Path) -> None:
    path.parent.mkdir()
    process, theirs = spawn_writer(path, "idle")
    if os.name == "posix":
        os.kill(process.pid, signal.SIGSTOP)  # as on a machine that is put to sleep
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE sessions SET started_at = '2020-01-01T00:00:00.000+00:00'")
        other.execute("UPDATE windows SET wall_time = '2020-01-01T00:00:00.000+00:00'")
    with Journal(path, retention_days=0) as journal:
        mine = begin(journal)
        assert [row.ended_at for row in journal.sessions()] == [None, None]
        assert locks(path) == [f"journal.sqlite3.session-{number}.lock" for number in (theirs, mine)]
        with Journal(path, retention_days=0) as second:  # of the same process, either
            assert [row.ended_at for row in second.sessions()] == [None, None]
        journal.end_session(mine)
        assert journal.flush(5.0)
        assert locks(path) == [f"journal.sqlite3.session-{theirs}.lock"]
        kill(process)
        begin(journal)  # the next session tidies up as well
        wait_until(lambda: journal.sessions()[0].ended_at)
        assert [event.kind for event in journal.events(theirs)] == ["broken off"]


@pytest.mark.parametrize("age_s", [5, 300])
def test_session_without_a_lock_is_ended_once_it_has_been_quiet(path: Path, age_s: int) -> None:
    """Earlier versions made no locks: theirs may be running."""
    with Journal(path, retention_days=0) as journal:
        begin(journal)
    for lock in path.parent.glob("*.lock"):
        lock.unlink()
    moment = iso(datetime.now(UTC) - timedelta(seconds=age_s))
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE sessions SET started_at = ?", (moment,))
    with Journal(path, retention_days=0) as journal:
        assert journal.sessions()[0].ended_at == (moment if age_s > 60 else None)


def test_journal_closed_before_its_session_ends_it_at_the_next_start(path: Path, tmp_path: Path) -> None:
    with Journal(path, retention_days=0) as journal:
        session_id = begin(journal)
        record(journal, session_id, range(3))
        journal.record_event(session_id, 7, "device lost", "A microphone.")
    with Journal(path, retention_days=0) as journal:
        last = journal.events(session_id)[-1]
        assert (last.kind, last.clock) == ("broken off", 7)
        assert journal.sessions()[0].ended_at == last.wall_time
        assert journal.export_csv(tmp_path / "all.csv") == 5
    with (tmp_path / "all.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["ended_at"] for row in rows} == {last.wall_time}
    assert rows[-1]["kind"] == "broken off"


def test_what_broke_off_is_ended_later_where_the_journal_is_locked(path: Path) -> None:
    with Journal(path, retention_days=0) as journal:
        begin(journal)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with Journal(path, retention_days=0) as journal:
            assert journal.error == ""
            assert journal.sessions()[0].ended_at is None
        other.execute("ROLLBACK")
    with Journal(path, retention_days=0) as journal:
        assert journal.sessions()[0].ended_at is not None


def test_two_processes_write_at_once(journal: Journal, path: Path) -> None:
    mine = begin(journal)
    process, theirs = spawn_writer(path)
    try:
        record(journal, mine, range(1_000))
        assert journal.flush(20.0)
    finally:
        kill(process)
    assert mine != theirs
    assert journal.lost == 0
    assert len(journal.windows(mine)) == 1_000
    assert len(journal.windows(theirs)) >= 1_000
