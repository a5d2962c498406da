"""The journal opens, closes, is killed and shared between processes without losing a row."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from journal_rows import begin, journal_threads, record

import realtime
from realtime.journal import Journal


def test_close_writes_what_waits_and_ends_the_thread(path: Path) -> None:
    journal = Journal(path, retention_days=90)
    session_id = begin(journal)
    assert len(journal_threads()) == 1
    record(journal, session_id, range(5_000))
    started_s = time.monotonic()
    journal.close()
    assert time.monotonic() - started_s < 1.0
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


_ROOT = Path(str(realtime.__file__)).parents[1]
_WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from journal_rows import Journal, begin, record
journal = Journal(Path(sys.argv[1]), retention_days=90)
session_id = begin(journal)
record(journal, session_id, range(1_000))
assert journal.flush(20)
print(session_id, flush=True)
for start in range(1_000, 10**9, 100):
    record(journal, session_id, range(start, start + 100), wait=True)
"""


def spawn_writer(path: Path) -> tuple[subprocess.Popen[str], int]:
    script = _WRITER.format(tests=str(Path(__file__).parent))
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
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
        clocks = [row.clock for row in journal.windows(session_id)]
        assert len(clocks) >= 1_000
        assert clocks == list(range(len(clocks)))
        assert journal.sessions()[0].ended_at is None
        assert begin(journal) == session_id + 1


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
