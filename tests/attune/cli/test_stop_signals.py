"""A command that is asked to end ends in order, with the exit code of the signal; asked again, at once."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from realtime.journal import Journal
from tests.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def started(*command: str | Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_listening_ends_its_session_however_it_is_asked_to_and_is_ended_where_it_is_killed(
    tmp_path: Path,
) -> None:
    """All at once, on one journal: who ends tells who is alive."""
    path = tmp_path / "journal.sqlite3"
    wanted = {name: 128 + getattr(signal, name) for name in SIGNALS} | {"SIGKILL": -signal.SIGKILL}
    last: dict[str, Any] = {}
    with ExitStack() as stack:
        command = ("-m", "attune", "listen", "--source", "demo", "--json")
        listening = {
            name: stack.enter_context(
                started(*command, ATTUNE_JOURNAL_PATH=str(path), HOME=str(tmp_path), ATTUNE_THREADS="1")
            )
            for name in wanted
        }
        assert [json.loads(first_line(one))["type"] for one in listening.values()] == ["window"] * 4
        with Journal(path, retention_days=0) as journal:
            assert [row.ended_at for row in journal.sessions()] == [None] * 4
        for name, process in listening.items():
            process.send_signal(getattr(signal, name))
        for name, process in listening.items():
            out, err = process.communicate(timeout=30)
            assert (name, process.returncode, err) == (name, wanted[name], "")
            last[name] = json.loads(out.splitlines()[-1]) if name != "SIGKILL" else None
    assert {name: last[name]["kind"] for name in SIGNALS} == dict.fromkeys(SIGNALS, "stopped")
    with Journal(path, retention_days=0) as journal:
        sessions = journal.sessions()
        assert [row.ended_at >= row.started_at for row in sessions if row.ended_at] == [True] * 4
        broken = [row for row in sessions if "broken off" in [event.kind for event in journal.events(row.id)]]
        (killed,) = broken
        known = (killed.started_at, *(row.wall_time for row in journal.windows(killed.id)))
        assert killed.ended_at == max(known)
        journal.export_csv(tmp_path / "all.csv")
    with (tmp_path / "all.csv").open(encoding="utf-8", newline="") as file:
        assert {row["ended_at"] for row in csv.DictReader(file)} == {row.ended_at for row in sessions}
    assert not list(tmp_path.glob("*.lock"))


_SLOW_END = """
import time
from core.stop_signals import interruptions
with interruptions():
    try:
        print("running", flush=True)
        time.sleep(60)
    finally:
        print("ending", flush=True)
        time.sleep(0.7)
        print("still ending", flush=True)
        time.sleep(60)
"""


@pytest.mark.parametrize("name", SIGNALS)
def test_a_second_signal_ends_at_once_but_one_that_comes_with_the_first_does_not(name: str) -> None:
    number = getattr(signal, name)
    with started("-c", _SLOW_END) as process:
        assert first_line(process) == "running\n"
        process.send_signal(number)
        assert first_line(process) == "ending\n"
        process.send_signal(number)  # as a terminal that is closed does
        assert first_line(process) == "still ending\n"
        process.send_signal(number)
        assert process.wait(30) == 128 + number


_IGNORED = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
from core.stop_signals import interruptions
with interruptions():
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""


def test_a_signal_that_is_ignored_stays_ignored_and_handlers_come_back() -> None:
    with started("-c", _IGNORED) as process:
        assert process.wait(30) == 0


_LOOP = """
import sys
from pathlib import Path
import attune
settings = attune.Settings(journal_path=Path(sys.argv[1]), threads=1)
windows = attune.listen("demo", settings=settings)
next(windows)
sys.exit(3)
"""


def test_a_program_that_ends_in_the_middle_of_listening_ends_its_session(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with started("-c", _LOOP, path, HOME=str(tmp_path)) as process:
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (3, "")
    with Journal(path, retention_days=0) as journal:
        (session,) = journal.sessions()
        assert session.ended_at is not None
        assert "broken off" not in [event.kind for event in journal.events(session.id)]
