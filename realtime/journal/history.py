"""What the journal knows of days and weeks; only read, and from counts, so that a year is soon read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from core.errors import JournalError
from realtime.journal.days import Span
from realtime.journal.file import reading
from realtime.journal.rows import iso
from realtime.journal.schema import IS_MUSIC, JOURNAL

_HOP_S: Final = 0.5  # of sessions whose settings do not say
# Windows of one session stand for as many hops of it.
_HOPS: Final = f"coalesce(iif(json_valid(settings), json_extract(settings, '$.hop_s'), NULL), {_HOP_S})"
_COUNTS: Final = f"""
    WITH
        spans AS MATERIALIZED (
            SELECT key AS span, json_extract(value, '$[0]') AS first, json_extract(value, '$[1]') AS until
            FROM json_each(?1)
        ),
        chosen AS MATERIALIZED (
            SELECT id, {_HOPS} AS hop_s FROM sessions
            WHERE source_kind IN (SELECT value FROM json_each(?2))
        )
    SELECT span, kind, emotion, direction, sum(windows * hop_s)
    FROM spans CROSS JOIN window_counts ON quarter >= first AND quarter < until
    JOIN chosen ON chosen.id = session_id
    GROUP BY span, kind, emotion, direction
"""  # noqa: S608 - names of our own
_OVERLAPS: Final = "started_at < ?2 AND (ended_at IS NULL OR ended_at >= ?1)"
_SESSIONS: Final = f"""
    SELECT id, started_at, ended_at, source_kind, source_name, note,
        (SELECT count(*) FROM events WHERE session_id = sessions.id AND {IS_MUSIC}),
        {_HOPS} * coalesce((SELECT sum(windows) FROM window_counts WHERE session_id = sessions.id), 0)
    FROM sessions WHERE {_OVERLAPS} AND source_kind IN (SELECT value FROM json_each(?3))
    ORDER BY started_at
"""  # noqa: S608
_MUSIC: Final = f"""
    SELECT session_id, wall_time, substr(kind, 7), detail, feeling, playlist
    FROM events WHERE {IS_MUSIC} AND session_id IN (
        SELECT id FROM sessions WHERE {_OVERLAPS} AND source_kind IN (SELECT value FROM json_each(?3))
    )
    ORDER BY wall_time, seq
"""  # noqa: S608
_EXTENT: Final = """
    SELECT min(started_at), max(coalesce(ended_at, started_at)), (SELECT max(quarter) FROM window_counts)
    FROM sessions
"""


@dataclass(frozen=True, slots=True)
class Extent:
    """What there is to look at."""

    first: datetime  # when the first session began, UTC
    last: datetime  # the last moment of which something is known, UTC
    source_kinds: tuple[str, ...]  # values of `SourceKind`, in alphabetical order
    uncounted: int  # sessions from before there were counts that are still to be counted


@dataclass(frozen=True, slots=True)
class Heard:
    """How long something was heard in a span of time."""

    span: int  # index of the span
    kind: str  # a value of `DecisionKind`
    # What was accepted; None where it was unsure.
    emotion: str | None
    direction: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One run of the listener."""

    id: int
    started: datetime  # UTC
    ended: datetime | None  # None while it runs
    source_kind: str
    source_name: str
    note: str
    music_events: int
    heard_s: float  # how much sound was heard in it


@dataclass(frozen=True, slots=True)
class MusicEvent:
    """Something that happened to the music."""

    session_id: int
    at: datetime  # UTC
    kind: str  # a value of `playback.snapshot.RecordKind`
    reason: str  # a sentence for people
    feeling: str | None
    playlist: str | None  # None also in journals from before it was noted

    @property
    def starts(self) -> bool:
        """Whether other music, or none, plays from then on."""
        chosen = self.kind == "user" and self.playlist is not None and self.feeling is None
        return chosen or self.kind in {"switched", "undone"}


@dataclass(frozen=True, slots=True)
class Played:
    """A playlist and when it played, as far as Attune knows: until other music, or the session's end."""

    start: datetime  # UTC
    end: datetime
    playlist: str  # empty where its name was not noted
    reason: str


@contextmanager
def open_history(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the journal to read it, for the functions below.

    Raises
    ------
    JournalError
        It is not there, cannot be read, or has not been brought up to date.
    """
    with reading(path) as connection:
        if JOURNAL.version(connection, path) < len(JOURNAL.migrations):
            raise JournalError(
                f"The journal {path} is of an older Attune, and cannot be brought up to date just now: "
                "check that it may be written, and that no other program holds it."
            )
        yield connection


def read_extent(connection: sqlite3.Connection) -> Extent | None:
    """Say what there is to look at; None where nothing was recorded yet."""
    first, last, quarter = connection.execute(_EXTENT).fetchone()
    if first is None:
        return None
    counted = Span(0, 0 if quarter is None else quarter).end
    kinds = connection.execute("SELECT DISTINCT source_kind FROM sessions ORDER BY 1").fetchall()
    (uncounted,) = connection.execute("SELECT count(*) FROM uncounted").fetchone()
    return Extent(_moment(first), max(_moment(last), counted), tuple(kind for (kind,) in kinds), uncounted)


def read_heard(
    connection: sqlite3.Connection, spans: Sequence[Span], source_kinds: Sequence[str]
) -> tuple[Heard, ...]:
    """How long what was heard in each of some spans of time.

    Parameters
    ----------
    connection
        From `open_history`.
    spans
        Such as the days of a year, or the quarters of a day.
    source_kinds
        Of the sessions to look at.
    """
    as_json = json.dumps([(span.first, span.until) for span in spans])
    found = connection.execute(_COUNTS, (as_json, json.dumps(list(source_kinds))))
    return tuple(
        Heard(span, kind, emotion or None, direction or None, seconds)
        for span, kind, emotion, direction, seconds in found
    )


def read_sessions(
    connection: sqlite3.Connection, span: Span, source_kinds: Sequence[str]
) -> tuple[SessionSummary, ...]:
    """The sessions that reach into a span of time, oldest first."""
    return tuple(
        SessionSummary(number, _moment(started), None if ended is None else _moment(ended), *rest)
        for number, started, ended, *rest in connection.execute(_SESSIONS, _between(span, source_kinds))
    )


def read_music(
    connection: sqlite3.Connection, span: Span, source_kinds: Sequence[str]
) -> tuple[MusicEvent, ...]:
    """What happened to the music in these sessions, oldest first, also outside of the span."""
    return tuple(
        MusicEvent(session_id, _moment(at), *rest)
        for session_id, at, *rest in connection.execute(_MUSIC, _between(span, source_kinds))
    )


def within(events: Sequence[MusicEvent], span: Span) -> tuple[MusicEvent, ...]:
    """Those that happened in a span of time."""
    return tuple(event for event in events if span.start <= event.at < span.end)


def played(
    events: Sequence[MusicEvent], sessions: Sequence[SessionSummary], span: Span
) -> tuple[Played, ...]:
    """Say what played when within a span of time.

    Parameters
    ----------
    events, sessions
        From `read_music` and `read_sessions`.
    span
        What lies outside of it is cut off.
    """
    ends = {session.id: session.ended or datetime.now(UTC) for session in sessions}
    starts = [event for event in events if event.starts and event.session_id in ends]
    found = []
    for number, event in enumerate(starts):
        end = min([ends[event.session_id], *(later.at for later in starts[number + 1 : number + 2])])
        if event.playlist is None and event.kind == "undone":
            continue  # the music rested
        start, end = max(event.at, span.start), min(end, span.end)
        if start < end:
            found.append(Played(start, end, event.playlist or "", event.reason))
    return tuple(found)


def _between(span: Span, source_kinds: Sequence[str]) -> tuple[str, str, str]:
    return iso(span.start), iso(span.end), json.dumps(list(source_kinds))


def _moment(stored: str) -> datetime:
    return datetime.fromisoformat(stored)
