"""The page "History" over a synthetic year: seconds and memory of the page, of the counts, of writing them.

    python -m benchmarks.history [--windows 3000000] [--folder FOLDER]

The year is written as the version before the counts left it; the folder, where one is given, keeps it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from core.directions import DIRECTIONS
from core.emotions import EMOTIONS
from realtime.journal import Journal
from realtime.journal.history import open_history, read_extent
from realtime.journal.rows import INSERT_WINDOW, iso
from realtime.journal.schema import JOURNAL
from training.speed.machine import machine_record, peak_memory_mb

_HOP: Final = 8_000  # samples
_HOP_S: Final = 0.5
_BEFORE_COUNTS: Final = 2  # version of the tables
_COUNTED: Final = "CREATE TRIGGER windows_counted"
_PAGE: Final = "from attune.dashboard.pages import history\nhistory.page()\n"
_STARTS_H: Final = (7.5, 12.5, 19.0)
_SESSION: Final = """
    INSERT INTO sessions (started_at, ended_at, source_kind, source_name, rate_hz, channels, model, settings,
        app_version) VALUES (?, ?, 'mic', 'Desk microphone', 48000, 1, 'synthetic', '{"hop_s": 0.5}', '0.1.0')
"""
_EVENT: Final = (
    "INSERT INTO events (session_id, seq, clock, kind, detail, wall_time) VALUES (?, ?, ?, ?, ?, ?)"
)


def write_year(path: Path, windows: int, *, end: datetime) -> None:
    """Write a year of sessions, three a day, as the version before the counts has left it.

    Parameters
    ----------
    path
        The journal to make.
    windows
        How many, in all.
    end
        When the year ends, UTC.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    dice = random.Random(0)  # noqa: S311 - it makes up a year
    days = 365
    each = -(-windows // (days * len(_STARTS_H)))
    midnight = end.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)
    left = windows
    with closing(sqlite3.connect(path)) as connection, connection:
        for script in JOURNAL.migrations[:_BEFORE_COUNTS]:
            for statement in script:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {JOURNAL.application_id}")
        connection.execute(f"PRAGMA user_version = {_BEFORE_COUNTS}")
        for day in range(days):
            for start_h in _STARTS_H:
                count = min(left, round(each * dice.uniform(0.3, 1.7)) if day < days - 1 else each)
                left -= count
                start = midnight + timedelta(days=day, hours=start_h + dice.uniform(-1.0, 1.0))
                _write_session(connection, start, count, dice)


def _write_session(connection: sqlite3.Connection, start: datetime, count: int, dice: random.Random) -> None:
    end = start + timedelta(seconds=count * _HOP_S)
    session_id = connection.execute(_SESSION, (iso(start), iso(end))).lastrowid
    assert session_id is not None
    connection.executemany(INSERT_WINDOW, _windows(session_id, start, count, dice))
    moods = range(0, count, 20)
    rows = [
        (session_id, seq, clock * _HOP, "mood", "the last 10 s: calm 0.41, piano 0.22", _at(start, clock))
        for seq, clock in enumerate(moods)
    ]
    for number, clock in enumerate(range(300, count, 1_500), start=len(rows)):
        reason = f"A quiet, pleasant voice was heard for 4 s, so music that matches follows: {number}."
        rows.append((session_id, number, clock * _HOP, "music switched", reason, _at(start, clock)))
    connection.executemany(_EVENT, rows)


def _windows(session_id: int, start: datetime, count: int, dice: random.Random) -> Iterator[tuple[Any, ...]]:
    probabilities = (0.125,) * len(EMOTIONS)
    mood = dice.sample(EMOTIONS, 3)
    emotion, direction, kind = None, None, "no speech"
    for number in range(count):
        if number % 40 == 0:
            kind = dice.choices(("no speech", "unsure", "accepted"), (45, 35, 20))[0]
            emotion = dice.choice(mood) if kind == "accepted" else None
            direction = dice.choice(DIRECTIONS) if kind != "no speech" and dice.random() < 0.4 else None
        spoken = probabilities if kind != "no speech" else (None,) * len(EMOTIONS)
        yield (
            *(session_id, (number + 6) * _HOP, 0.6, *spoken, kind, emotion, emotion, 0.7, 0),
            *("The model is not sure enough.", 14.0, _at(start, number), 0.4, 0.6, None, None, direction),
        )


def _at(start: datetime, number: int) -> str:
    return iso(start + timedelta(seconds=number * _HOP_S))


def run(path: Path, *, windows: int) -> dict[str, Any]:
    """Write the year, open it, have it counted, and draw the page in a process of its own."""
    started_s = time.perf_counter()
    if not path.exists():
        write_year(path, windows, end=datetime.now(UTC))
    written_s = time.perf_counter() - started_s
    size_mb = path.stat().st_size / 1e6
    started_s = time.perf_counter()
    with Journal(path, retention_days=0):
        opened_s = time.perf_counter() - started_s
        while _uncounted(path):
            time.sleep(0.1)
        counted_s = time.perf_counter() - started_s
    with closing(sqlite3.connect(path)) as connection:
        (counts,) = connection.execute("SELECT count(*) FROM window_counts").fetchone()
    return {
        "windows": windows,
        "journal_mb": round(size_mb),
        "written_s": round(written_s, 1),
        "opened_s": round(opened_s, 2),
        "counted_s": round(counted_s, 1),
        "rows_of_counts": counts,
        "a_window_written_us": round(_write_us(counted=True), 1),
        "a_window_written_without_counts_us": round(_write_us(counted=False), 1),
        "page": _draw_elsewhere(path),
        **machine_record(),
    }


def _uncounted(path: Path) -> int:
    with open_history(path) as connection:
        extent = read_extent(connection)
    return 0 if extent is None else extent.uncounted


def _write_us(*, counted: bool, windows: int = 50_000) -> float:
    """How long the file takes for a window, in transactions of 256."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for script in JOURNAL.migrations:
            for statement in script:
                if counted or _COUNTED not in statement:
                    connection.execute(statement)
        start = datetime.now(UTC)
        connection.execute(_SESSION, (iso(start), None))
        rows = list(_windows(1, start, windows, random.Random(0)))  # noqa: S311
        started_s = time.perf_counter()
        for at in range(0, windows, 256):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(INSERT_WINDOW, rows[at : at + 256])
            connection.execute("COMMIT")
        return (time.perf_counter() - started_s) / windows * 1e6


def _draw_elsewhere(path: Path) -> dict[str, Any]:
    environment = {**os.environ, "ATTUNE_JOURNAL_PATH": str(path), "ATTUNE_RETENTION_DAYS": "0"}
    command = [sys.executable, "-m", "benchmarks.history", "--draw"]
    with tempfile.TemporaryDirectory() as home:
        environment |= {"HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home, "XDG_CACHE_HOME": home}
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def draw() -> dict[str, Any]:
    """Draw the page as Streamlit's server does: at first, again, another day, a month."""
    from streamlit.testing.v1 import AppTest  # noqa: PLC0415 - only the process that draws needs it

    from attune.dashboard.components.page_header import shared_context  # noqa: PLC0415

    shared_context()  # the engine and its models, which every page has
    time.sleep(5.0)
    before_mb = peak_memory_mb()
    tab = AppTest.from_string(_PAGE, default_timeout=60)
    figures: dict[str, Any] = {"first": _timed(tab.run), "again": _timed(tab.run)}
    figures["another_day"] = _timed(lambda: tab.button(key="history Day before").click().run())
    figures["a_month"] = _timed(lambda: tab.selectbox(key="history month").select("May").run())
    assert not tab.exception, tab.exception
    memory = {"without_the_page_mb": before_mb, "peak_memory_mb": peak_memory_mb()}
    shared_context().close()
    return {**figures, **memory}


def _timed(run: Callable[[], object]) -> dict[str, float]:
    """Seconds, and those that a core was busy: they tell, where others use the machine."""
    started_s, busy_s = time.perf_counter(), time.process_time()
    run()
    return {
        "seconds": round(time.perf_counter() - started_s, 2),
        "core_s": round(time.process_time() - busy_s, 2),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history")
    parser.add_argument("--windows", type=int, default=3_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--draw", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.draw:
        print(json.dumps(draw()))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = (given.folder or Path(folder)) / "journal.sqlite3"
        print(json.dumps(run(path, windows=given.windows), indent=2))


if __name__ == "__main__":
    main()
