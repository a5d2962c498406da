"""What is written comes back as it was given, in order, in batches."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.journal import EventRow, Journal, SessionRow, WindowRow, queue
from realtime.journal.rows import PLANE_COLUMNS
from realtime.snapshot import AxisStatement, Reading
from tests.realtime.journal.journal_rows import begin, decision, reading, record, rows_on_disk, wait_until


def test_session_is_kept_with_what_it_ran_with(journal: Journal) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    session_id = begin(journal)
    assert session_id == 1
    (row,) = journal.sessions()
    assert row == SessionRow(
        id=1,
        started_at=row.started_at,
        ended_at=None,
        source_kind="demo",
        source_name="Built-in demo",
        rate_hz=48_000,
        channels=2,
        model="embedded 1",
        settings={"threshold": 0.7, "path": "x"},
        app_version=row.app_version,
    )
    assert before < datetime.fromisoformat(row.started_at) < datetime.now(UTC) + timedelta(seconds=1)
    journal.end_session(session_id)
    assert journal.flush(5.0)
    ended_at = journal.sessions()[0].ended_at
    assert ended_at is not None
    assert ended_at >= row.started_at


def test_windows_are_kept_exactly(journal: Journal) -> None:
    session_id = begin(journal)
    journal.record_window(session_id, reading(8_000), decision(8_000))
    journal.record_window(session_id, reading(16_000, speech=False), decision(16_000, speech=False))
    assert journal.flush(5.0)
    with_speech, without = journal.windows(session_id)
    given_reading, given_decision = reading(8_000), decision(8_000)
    assert with_speech == WindowRow(
        session_id=session_id,
        clock=8_000,
        speech_share=given_reading.speech_share,
        probabilities=given_reading.probabilities,
        kind="accepted",
        emotion="sad",
        leading="sad",
        confidence=given_decision.confidence,
        changed=True,
        reason=given_decision.reason,
        latency_ms=given_reading.latency_ms,
        wall_time=with_speech.wall_time,
        energy=given_reading.energy,
        pleasantness=given_reading.pleasantness,
        accepted_energy="quiet",
        accepted_pleasantness="unpleasant",
        direction="quiet and unpleasant",
    )
    assert (without.probabilities, without.emotion, without.leading) == (None, None, None)
    assert {getattr(without, name) for name in PLANE_COLUMNS} == {None}
    assert (without.kind, without.confidence, without.changed) == ("no speech", 0.0, False)


@pytest.mark.parametrize(
    ("energy", "pleasantness", "kept"),
    [
        (True, True, ("lively", "pleasant", "lively and pleasant")),
        (True, None, ("lively", None, "lively")),
        (None, False, (None, "unpleasant", None)),
        (None, None, (None, None, None)),
    ],
)
def test_each_statement_is_kept_by_itself(
    journal: Journal, energy: bool | None, pleasantness: bool | None, kept: tuple[str | None, ...]
) -> None:
    session_id = begin(journal)
    said = replace(
        decision(1), energy=AxisStatement(energy, 0.5), pleasantness=AxisStatement(pleasantness, 0.5)
    )
    journal.record_window(session_id, reading(1), said)
    assert journal.flush(5.0)
    (row,) = journal.windows(session_id)
    assert (row.accepted_energy, row.accepted_pleasantness, row.direction) == kept


def test_window_of_a_model_without_the_plane_is_kept_without_it(journal: Journal) -> None:
    session_id = begin(journal)
    journal.record_window(
        session_id,
        replace(reading(1), energy=None, pleasantness=None),
        replace(decision(1), energy=None, pleasantness=None),
    )
    assert journal.flush(5.0)
    (row,) = journal.windows(session_id)
    assert row.probabilities == reading(1).probabilities
    assert {getattr(row, name) for name in PLANE_COLUMNS} == {None}


def test_floats_are_stored_bit_by_bit(journal: Journal) -> None:
    @settings(max_examples=25, deadline=None)
    @given(numbers=st.lists(st.floats(0, 1), min_size=8, max_size=8), share=st.floats(0, 1))
    def check(numbers: list[float], share: float) -> None:
        session_id = begin(journal)
        journal.record_window(session_id, Reading(1, share, tuple(numbers)), decision(1))
        assert journal.flush(5.0)
        (row,) = journal.windows(session_id)
        assert (row.speech_share, row.probabilities) == (share, tuple(numbers))

    check()


def test_numpy_numbers_are_taken(journal: Journal) -> None:
    numpy = pytest.importorskip("numpy")
    session_id = begin(journal)
    odd = Reading(
        numpy.int64(5),
        numpy.float32(0.1),
        tuple(numpy.full(8, 0.125, dtype=numpy.float32)),
        energy=numpy.float32(0.1),
        pleasantness=numpy.float32(0.9),
    )
    journal.record_window(session_id, odd, decision(5))
    assert journal.flush(5.0)
    assert journal.lost == 0
    (row,) = journal.windows(session_id)
    assert row.speech_share == row.energy == float(numpy.float32(0.1))


def test_events_are_numbered_in_order_within_their_session(journal: Journal) -> None:
    first, second = begin(journal), begin(journal)
    for clock in range(3):
        journal.record_event(first, clock, "gap", "The device lost sound.")
    journal.record_event(second, 7, "device lost", "It was unplugged.")
    assert journal.flush(5.0)
    assert [(row.seq, row.clock) for row in journal.events(first)] == [(0, 0), (1, 1), (2, 2)]
    (row,) = journal.events(second)
    assert row == EventRow(second, 0, 7, "device lost", "It was unplugged.", row.wall_time)


def test_two_replays_differ_in_session_wall_time_and_latency_only(journal: Journal) -> None:
    rows = []
    for _ in range(2):
        session_id = begin(journal)
        record(journal, session_id, range(0, 800_000, 800), wait=True)
        assert journal.flush(10.0)
        rows.append(
            [
                {
                    name: getattr(row, name)
                    for name in row.__slots__
                    if name not in {"session_id", "wall_time"}
                }
                for row in journal.windows(session_id)
            ]
        )
    assert len(rows[0]) == 1_000
    assert rows[0] == rows[1]


def test_rows_are_written_by_themselves_after_a_while(journal: Journal, path: Path) -> None:
    record(journal, begin(journal), range(10))
    wait_until(lambda: rows_on_disk(path) == 10)


def test_rows_are_written_in_batches(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "_BATCH_S", 3_600.0)
    with Journal(path, retention_days=90) as journal:
        session_id = begin(journal)
        record(journal, session_id, range(255))
        time.sleep(0.2)
        assert rows_on_disk(path) == 0
        record(journal, session_id, range(255, 256))
        wait_until(lambda: rows_on_disk(path) == 256)


def test_unknown_session_and_double_clock_are_refused_and_counted(journal: Journal) -> None:
    session_id = begin(journal)
    record(journal, 999, range(1))
    record(journal, session_id, range(1))
    record(journal, session_id, range(1))
    record(journal, session_id, range(1, 3))
    assert journal.flush(5.0)
    assert journal.lost == 2
    assert journal.error == ""
    assert [row.clock for row in journal.windows(session_id)] == [0, 1, 2]


def test_unknown_session_reads_as_nothing(journal: Journal) -> None:
    assert journal.windows(7) == ()
    assert journal.events(7) == ()


def test_many_threads_may_record(journal: Journal) -> None:
    session_id = begin(journal)
    threads = [
        threading.Thread(target=record, args=(journal, session_id, range(n * 1_000, n * 1_000 + 500)))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.flush(10.0)
    assert len(journal.windows(session_id)) == 2_000
