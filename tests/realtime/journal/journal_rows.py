"""Rows of known content, and waiting, for tests of the journal."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from core.emotions import EMOTIONS, Emotion
from realtime.capture.source import SourceInfo, SourceKind
from realtime.journal import Journal
from realtime.snapshot import AxisStatement, Decision, DecisionKind, Reading

INFO = SourceInfo(kind=SourceKind.DEMO, name="Built-in demo", rate_hz=48_000, channels=2)


def reading(clock: int, *, speech: bool = True) -> Reading:
    draw = random.Random(clock)
    raw = [draw.random() for _ in EMOTIONS]
    return Reading(
        clock=clock,
        speech_share=draw.random() if speech else 0.0,
        probabilities=tuple(p / sum(raw) for p in raw) if speech else None,
        latency_ms=draw.random() * 30,
        energy=draw.random() if speech else None,
        pleasantness=draw.random() if speech else None,
    )


def decision(clock: int, *, speech: bool = True) -> Decision:
    if not speech:
        return Decision(clock, DecisionKind.NO_SPEECH, None, None, 0.0, None, False, "No speech.")
    return Decision(
        clock,
        DecisionKind.ACCEPTED,
        Emotion.SAD,
        Emotion.SAD,
        0.1 + 0.2,
        (0.125,) * 8,
        True,
        "Said with 'é\"\n,'",
        AxisStatement(False, 0.1 + 0.2),
        AxisStatement(False, 0.125),
    )


def record(journal: Journal, session_id: int, clocks: range, *, wait: bool = False) -> None:
    for clock in clocks:
        journal.record_window(session_id, reading(clock), decision(clock), wait=wait)


def begin(journal: Journal) -> int:
    return journal.begin_session(INFO, model="embedded 1", settings={"threshold": 0.7, "path": Path("x")})


def wait_until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def rows_on_disk(path: Path) -> int:
    with closing(sqlite3.connect(path)) as other:
        return int(other.execute("SELECT count(*) FROM windows").fetchone()[0])


def journal_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "attune-journal"]
