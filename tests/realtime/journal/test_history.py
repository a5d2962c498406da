"""Reading days and weeks: what was heard in spans of time, sessions, what played."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import JournalError
from realtime.journal import Journal
from realtime.journal.days import Span
from realtime.journal.history import (
    open_history,
    played,
    read_extent,
    read_heard,
    read_music,
    read_sessions,
    within,
)
from realtime.journal.schema import JOURNAL
from tests.realtime.journal.invented_days import HAPPY, QUIET, SAD, SILENCE, UNSURE, Said, write_session

START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
FIRST = int(START.timestamp()) // 900
SAYINGS = (SILENCE, UNSURE, QUIET, HAPPY, SAD)


def test_what_was_heard_is_told_by_span_and_in_seconds(path: Path) -> None:
    Journal(path, retention_days=0).close()
    write_session(path, START, [HAPPY] * 6 + [UNSURE] * 4)
    write_session(path, START + timedelta(minutes=15), [SILENCE] * 3, hop_s=1.0)
    write_session(path, START, [SAD] * 8, source="demo")
    spans = [Span(FIRST, FIRST + 1), Span(FIRST + 1, FIRST + 2), Span(FIRST, FIRST + 96)]
    with open_history(path) as connection:
        found = {(one.span, one.kind, one.emotion): one for one in read_heard(connection, spans, ["mic"])}
        demo = read_heard(connection, spans[:1], ["demo", "mic"])
        assert read_heard(connection, spans, []) == ()
    assert {key: one.seconds for key, one in found.items()} == {
        (0, "accepted", "happy"): 3.0,
        (0, "unsure", None): 2.0,
        (1, "no speech", None): 3.0,
        (2, "accepted", "happy"): 3.0,
        (2, "unsure", None): 2.0,
        (2, "no speech", None): 3.0,
    }
    assert found[0, "accepted", "happy"].direction == "lively and pleasant"
    assert sum(one.seconds for one in demo) == 9.0


@settings(derandomize=True, max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sessions=st.lists(
        st.tuples(
            st.integers(0, 3 * 86_400),
            st.lists(st.sampled_from(SAYINGS), max_size=12),
            st.sampled_from((0.0, 40.0, 900.0)),
        ),
        max_size=4,
    ),
    cuts=st.lists(st.integers(-4, 320), min_size=2, max_size=6).map(sorted),
)
def test_spans_hold_what_the_windows_in_them_say(
    tmp_path_factory: pytest.TempPathFactory,
    sessions: list[tuple[int, list[Said], float]],
    cuts: list[int],
) -> None:
    path = tmp_path_factory.mktemp("random") / "journal.sqlite3"
    JOURNAL.prepare(path)
    for after_s, said, gap_s in sessions:
        write_session(path, START + timedelta(seconds=after_s), said, gap_s=gap_s)
    spans = [Span(FIRST + one, FIRST + two) for one, two in pairwise(cuts)]
    wanted = [0.0] * len(spans)
    for after_s, said, gap_s in sessions:
        for number in range(len(said)):
            at = START + timedelta(seconds=after_s + number * (0.5 + gap_s))
            for index, span in enumerate(spans):
                wanted[index] += 0.5 * (span.start <= at < span.end)
    sums = [0.0] * len(spans)
    with open_history(path) as connection:
        for one in read_heard(connection, spans, ["mic"]):
            sums[one.span] += one.seconds
    assert sums == wanted


def test_settings_that_say_no_hop_or_are_no_json_count_half_a_second(path: Path) -> None:
    Journal(path, retention_days=0).close()
    for broken in ("{}", "no json"):
        number = write_session(path, START, [UNSURE] * 2)
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE sessions SET settings = ? WHERE id = ?", (broken, number))
    with open_history(path) as connection:
        (found,) = read_heard(connection, [Span(FIRST, FIRST + 1)], ["mic"])
    assert found.seconds == 2.0


def test_sessions_that_reach_into_a_span(path: Path) -> None:
    Journal(path, retention_days=0).close()
    night = START.replace(hour=23, minute=59, second=50)
    over = write_session(path, night, [UNSURE] * 60, music=[(1.0, "switched", "sad", "Rain")])
    write_session(path, night - timedelta(days=3), [UNSURE])
    running = write_session(path, night + timedelta(hours=1), [HAPPY] * 2, running=True)
    midnight = int((night + timedelta(seconds=10)).timestamp()) // 900
    with open_history(path) as connection:
        first, second = read_sessions(connection, Span(midnight, midnight + 96), ["mic"])
        assert read_sessions(connection, Span(midnight, midnight + 96), ["file"]) == ()
        assert [one.id for one in read_sessions(connection, Span(midnight - 96, midnight), ["mic"])] == [over]
    assert (first.id, first.heard_s, first.music_events) == (over, 30.0, 1)
    assert first.started == night
    assert first.ended is not None
    assert (second.id, second.ended, second.music_events) == (running, None, 0)


def test_what_played_is_told_until_other_music_or_the_end(path: Path) -> None:
    Journal(path, retention_days=0).close()
    music = [
        (10.0, "held back", "happy", None),
        (20.0, "switched", "sad", "Rain"),
        (40.0, "user", "sad", "Rain"),  # somebody liked it: the same goes on
        (60.0, "user", None, "Kitchen"),  # chosen by hand
        (70.0, "failed", "sad", "Nothing"),
        (80.0, "undone", None, None),  # the music rested
        (90.0, "switched", "happy", "Bright"),
    ]
    write_session(path, START, [HAPPY] * 200, music=music)
    write_session(path, START + timedelta(hours=1), [HAPPY] * 20, music=[(0.0, "switched", None, None)])
    day = Span(FIRST, FIRST + 96)
    with open_history(path) as connection:
        events, sessions = read_music(connection, day, ["mic"]), read_sessions(connection, day, ["mic"])
    found = [
        (one.playlist, (one.start - START).total_seconds(), (one.end - START).total_seconds())
        for one in played(events, sessions, day)
    ]
    assert found == [
        ("Rain", 20.0, 60.0),
        ("Kitchen", 60.0, 80.0),
        ("Bright", 90.0, 99.5),
        ("", 3600.0, 3609.5),  # of an older version, which did not note the name
    ]
    assert len(within(events, Span(FIRST, FIRST + 1))) == 7
    assert played(events, sessions, Span(FIRST - 96, FIRST)) == ()


def test_extent_of_a_journal(path: Path) -> None:
    Journal(path, retention_days=0).close()
    with open_history(path) as connection:
        assert read_extent(connection) is None
    write_session(path, START, [UNSURE] * 4)
    write_session(path, START + timedelta(days=40), [UNSURE] * 4, source="demo", running=True)
    with open_history(path) as connection:
        extent = read_extent(connection)
    assert extent is not None
    assert extent.first == START
    assert extent.last == START + timedelta(days=40)
    assert extent.source_kinds == ("demo", "mic")
    assert extent.uncounted == 0


def test_a_journal_that_is_missing_or_older_is_one_sentence(path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be opened"), open_history(path):
        pass
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE sessions (id)")
        other.execute(f"PRAGMA application_id = {JOURNAL.application_id}")
        other.execute("PRAGMA user_version = 1")
    with pytest.raises(JournalError, match=r"older Attune.*no other program holds it"), open_history(path):
        pass
