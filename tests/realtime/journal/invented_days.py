"""Sessions of days that are long gone, written straight into a journal's file."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.emotions import EMOTIONS
from realtime.journal.rows import INSERT_EVENT, INSERT_WINDOW, iso

HOP_S = 0.5
# What a window said: kind, emotion, direction.
Said = tuple[str, str | None, str | None]
SILENCE: Said = ("no speech", None, None)
UNSURE: Said = ("unsure", None, None)
QUIET: Said = ("unsure", None, "quiet and pleasant")
HAPPY: Said = ("accepted", "happy", "lively and pleasant")
SAD: Said = ("accepted", "sad", None)


@contextmanager
def time_zone(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[None]:
    """Let the machine be elsewhere."""
    if not hasattr(time, "tzset"):
        pytest.skip("the system has one time zone only")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", name)
        time.tzset()
        yield
    time.tzset()


def write_session(
    path: Path,
    start: datetime,
    said: Sequence[Said],
    *,
    source: str = "mic",
    music: Sequence[tuple[float, str, str | None, str | None]] = (),
    hop_s: float = HOP_S,
    running: bool = False,
    gap_s: float = 0.0,
) -> int:
    """Write a session with a window every hop, and return its number.

    Parameters
    ----------
    path
        A journal that is there.
    start
        When it began.
    said
        What its windows said.
    source
        A value of `SourceKind`.
    music
        Records of the music: seconds after the start, kind, feeling, playlist.
    hop_s
        Time between two windows.
    running
        Whether it has no end.
    gap_s
        Time that passes with every hop besides.
    """
    start = start.astimezone(UTC)
    moments = [start + timedelta(seconds=number * (hop_s + gap_s)) for number in range(len(said))]
    end = None if running else iso(moments[-1] if moments else start)
    with closing(sqlite3.connect(path)) as connection, connection:
        session_id = connection.execute(
            "INSERT INTO sessions (started_at, ended_at, source_kind, source_name, rate_hz, channels, model,"
            " settings, app_version) VALUES (?, ?, ?, 'Desk', 48000, 1, 'm', ?, '0')",
            (iso(start), end, source, json.dumps({"hop_s": hop_s})),
        ).lastrowid
        assert session_id is not None
        for number, (moment, (kind, emotion, direction)) in enumerate(zip(moments, said, strict=True)):
            shares = [None] * len(EMOTIONS)
            values = (session_id, number, 0.5, *shares, kind, emotion, emotion, 0.7, 0, "So.", 10.0)
            connection.execute(INSERT_WINDOW, (*values, iso(moment), None, None, None, None, direction))
        for after_s, kind, feeling, playlist in music:
            at = iso(start + timedelta(seconds=after_s))
            reason = f"So that {playlist} follows."
            connection.execute(INSERT_EVENT, (session_id, 0, f"music {kind}", reason, at, feeling, playlist))
    return session_id
