"""The rows of the journal, and the SQL that writes and reads them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from core.directions import ENERGY_WORDS, PLEASANTNESS_WORDS
from core.emotions import EMOTIONS
from core.version import app_version
from realtime.capture.source import SourceInfo
from realtime.snapshot import Decision, Reading, accepted_word

PROBABILITY_COLUMNS: Final = tuple(f"p_{emotion.value}" for emotion in EMOTIONS)
PLANE_COLUMNS: Final = ("energy", "pleasantness", "accepted_energy", "accepted_pleasantness", "direction")
_SESSION_COLUMNS: Final = (
    *("started_at", "source_kind", "source_name", "rate_hz", "channels"),
    *("model", "settings", "app_version"),
)
_WINDOW_COLUMNS: Final = (
    *("session_id", "clock", "speech_share", *PROBABILITY_COLUMNS, "kind", "emotion", "leading"),
    *("confidence", "changed", "reason", "latency_ms", "wall_time", *PLANE_COLUMNS),
)
_EVENT_COLUMNS: Final = ("session_id", "seq", "clock", "kind", "detail", "wall_time", "feeling", "playlist")


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One run of the listener."""

    id: int  # number of the session; never given twice
    # UTC, ISO 8601; `ended_at` is None while it runs, and the last known moment where it was broken off.
    started_at: str
    ended_at: str | None
    # The source it began with.
    source_kind: str
    source_name: str
    rate_hz: int
    channels: int
    model: str  # name and version of the emotion model
    settings: Mapping[str, Any]  # the settings it ran with
    app_version: str  # version of Attune
    note: str = ""  # what a person wrote about it


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One classified window: the reading and what the gate made of it (see `Reading`, `Decision`).

    `accepted_energy` is "lively" or "quiet", `accepted_pleasantness` "pleasant" or "unpleasant", `direction`
    a value of `Direction`. All that is about the plane is None without speech, where the model knows
    emotions alone, and in rows from before there was a plane; what is accepted, where it is unsure.
    """

    session_id: int
    clock: int
    speech_share: float
    probabilities: tuple[float, ...] | None
    kind: str
    emotion: str | None
    leading: str | None
    confidence: float
    changed: bool
    reason: str
    latency_ms: float
    wall_time: str
    energy: float | None = None
    pleasantness: float | None = None
    accepted_energy: str | None = None
    accepted_pleasantness: str | None = None
    direction: str | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that happened to a session: a gap, a lost device, a switch of the music."""

    session_id: int
    seq: int  # number of the event within the session, from 0
    clock: int  # sample clock, in 16 kHz samples
    # A short word for programs, a sentence for people.
    kind: str
    detail: str
    wall_time: str  # UTC, ISO 8601
    # What a record of the music is about: an emotion or a direction, the name of a playlist.
    feeling: str | None = None
    playlist: str | None = None


# Writing
# A statement takes the session's number first, unless it begins one: SQLite numbers those.


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


INSERT_SESSION: Final = "INSERT " + _insert("sessions", _SESSION_COLUMNS)
REVIVE_SESSION: Final = "INSERT OR IGNORE " + _insert("sessions", ("id", *_SESSION_COLUMNS))
END_SESSION: Final = "UPDATE sessions SET ended_at = ?2 WHERE id = ?1"
INSERT_WINDOW: Final = "INSERT " + _insert("windows", _WINDOW_COLUMNS)
INSERT_EVENT: Final = """
    INSERT INTO events (session_id, seq, clock, kind, detail, wall_time, feeling, playlist)
    VALUES (?1, (SELECT coalesce(max(seq) + 1, 0) FROM events WHERE session_id = ?1), ?2, ?3, ?4, ?5, ?6, ?7)
"""
LAST_MOMENT: Final = """
    SELECT max(wall_time), max(clock) FROM (
        SELECT started_at AS wall_time, 0 AS clock FROM sessions WHERE id = ?1
        UNION ALL SELECT wall_time, clock FROM windows WHERE session_id = ?1
        UNION ALL SELECT wall_time, clock FROM events WHERE session_id = ?1
    )
"""


def session_values(info: SourceInfo, model: str, settings: Mapping[str, Any]) -> tuple[Any, ...]:
    """Values of a session that begins now."""
    as_json = json.dumps(dict(settings), default=str, sort_keys=True)
    source = (info.kind.value, info.name, info.rate_hz, info.channels)
    return (now(), *source, model, as_json, app_version())


def window_values(reading: Reading, decision: Decision) -> tuple[Any, ...]:
    """Values of a window, without its session; numbers of NumPy become numbers of Python."""
    probabilities = reading.probabilities or (None,) * len(EMOTIONS)
    return (
        int(reading.clock),
        float(reading.speech_share),
        *(None if p is None else float(p) for p in probabilities),
        decision.kind.value,
        None if decision.emotion is None else decision.emotion.value,
        None if decision.leading is None else decision.leading.value,
        float(decision.confidence),
        int(decision.changed),
        decision.reason,
        float(reading.latency_ms),
        now(),
        None if reading.energy is None else float(reading.energy),
        None if reading.pleasantness is None else float(reading.pleasantness),
        accepted_word(decision.energy, ENERGY_WORDS),
        accepted_word(decision.pleasantness, PLEASANTNESS_WORDS),
        None if decision.direction is None else decision.direction.value,
    )


def now() -> str:
    """The present, as the journal writes it."""
    return iso(datetime.now(UTC))


def iso(moment: datetime) -> str:
    """UTC in ISO 8601 with milliseconds: as text, it sorts by time."""
    return moment.isoformat(timespec="milliseconds")


# Reading


def _select(table: str, columns: Sequence[str]) -> str:
    return f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 - names of our own


def read_sessions(connection: sqlite3.Connection) -> tuple[SessionRow, ...]:
    """All sessions, oldest first."""
    columns = ("id", "ended_at", *_SESSION_COLUMNS, "note")
    found = connection.execute(f"{_select('sessions', columns)} ORDER BY id")
    rows = [dict(zip(columns, row, strict=True)) for row in found]
    return tuple(SessionRow(**{**row, "settings": json.loads(row["settings"])}) for row in rows)


def read_windows(connection: sqlite3.Connection, session_id: int) -> tuple[WindowRow, ...]:
    """All windows of a session, by sample clock."""
    statement = f"{_select('windows', _WINDOW_COLUMNS)} WHERE session_id = ? ORDER BY clock"
    return tuple(_window_row(row) for row in connection.execute(statement, (session_id,)))


def _window_row(row: Sequence[Any]) -> WindowRow:
    fields = dict(zip(_WINDOW_COLUMNS, row, strict=True))
    probabilities = tuple(fields.pop(column) for column in PROBABILITY_COLUMNS)
    return WindowRow(
        **{**fields, "changed": bool(fields["changed"])},
        probabilities=None if probabilities[0] is None else probabilities,
    )


def read_events(connection: sqlite3.Connection, session_id: int) -> tuple[EventRow, ...]:
    """All events of a session, in the order of recording."""
    statement = f"{_select('events', _EVENT_COLUMNS)} WHERE session_id = ? ORDER BY seq"
    return tuple(EventRow(*row) for row in connection.execute(statement, (session_id,)))
