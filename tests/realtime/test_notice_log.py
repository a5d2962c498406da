"""What holds is said once when it begins and once when it is over, whatever comes between."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.capture.source import SourceInfo, SourceKind
from realtime.notice_log import NoticeLog, conditions, step
from realtime.notices import Condition, Notice, NoticeKind, Severity
from realtime.snapshot import Counters, InputLevel, ListenerState, Snapshot

MICROPHONE = SourceInfo(SourceKind.MICROPHONE, "Desk microphone", 48_000, 1, live=True)
LISTENING = Snapshot(state=ListenerState.LISTENING, source=MICROPHONE)
LOST = replace(LISTENING, state=ListenerState.DEVICE_LOST, message="Desk microphone has stopped.")
STOPPED = replace(LISTENING, state=ListenerState.STOPPED)


def kinds(*snapshots: Snapshot) -> list[str]:
    log = NoticeLog()
    for snapshot in snapshots:
        log = step(log, conditions(snapshot), at_s=1.0, clock=snapshot.clock, listening=snapshot.listening)
    assert [notice.number for notice in log.notices] == list(range(1, log.count + 1))
    return [notice.kind.value for notice in log.notices]


def test_nothing_is_said_where_all_is_well() -> None:
    assert kinds(Snapshot(), replace(LISTENING, state=ListenerState.STARTING), LISTENING, LISTENING) == []


def test_a_lost_device_and_its_return_are_said_once_each() -> None:
    assert kinds(LISTENING, LOST, LOST, LISTENING, LISTENING) == ["device lost", "device back"]


def test_a_device_that_stays_lost_is_not_said_to_be_back_when_listening_is_stopped() -> None:
    assert kinds(LISTENING, LOST, STOPPED) == ["device lost", "stopped"]


def test_every_run_ends_with_a_notice_and_no_engine_begins_with_one() -> None:
    finished = replace(LISTENING, state=ListenerState.FINISHED, message="The recording is over.")
    failed = Snapshot(state=ListenerState.FAILED, message="There is no microphone.")
    starting = replace(LISTENING, state=ListenerState.STARTING, source=None)
    assert kinds(
        Snapshot(), starting, LISTENING, finished, starting, failed, starting, LISTENING, STOPPED
    ) == [*("finished", "failed", "stopped")]


@pytest.mark.parametrize(
    ("kind", "severity"),
    [(SourceKind.MICROPHONE, Severity.WARNING), (SourceKind.SYSTEM, Severity.INFO), (SourceKind.FILE, None)],
)
def test_only_zeros_mean_something_from_a_device_alone(kind: SourceKind, severity: Severity | None) -> None:
    source = replace(MICROPHONE, kind=kind)
    silent = replace(LISTENING, source=source, level=InputLevel(digital_silence=True))
    found = conditions(silent).get(NoticeKind.ONLY_ZEROS)
    assert (found and found.severity) == severity
    expected = [] if severity is None else ["only zeros", "sound back"]
    assert kinds(silent, silent, replace(LISTENING, source=source)) == expected


@pytest.mark.parametrize(
    ("counter", "begins", "ends"),
    [
        ("clipped_clock", "clipping", "clipping over"),
        ("lost_clock", "sound lost", "sound complete"),
        ("dropped_clock", "windows dropped", "windows complete"),
    ],
)
def test_what_comes_and_goes_is_one_thing_until_it_stays_away(counter: str, begins: str, ends: str) -> None:
    def at(second: float, last_s: float) -> Snapshot:
        counters = replace(Counters(), **{counter: round(last_s * 16_000)})
        return replace(LISTENING, clock=round(second * 16_000), counters=counters)

    flapping = [at(second, second) for second in range(1, 60, 5)]
    assert kinds(LISTENING, *flapping) == [begins]
    assert kinds(LISTENING, *flapping, at(64.0, 56.0), at(66.0, 56.0), at(70.0, 70.0)) == [
        *(begins, ends, begins)
    ]


def test_a_journal_that_fails_is_said_once_for_each_cause_and_when_it_is_over() -> None:
    def failing(cause: str, rows: int) -> Snapshot:
        return replace(LISTENING, journal_error=f"{cause}; rows waiting to be written: {rows}.")

    locked, full = "The journal is locked", "The journal cannot grow"
    assert kinds(failing(locked, 1), failing(locked, 7), failing(full, 9), LISTENING, failing(locked, 1)) == [
        *("journal problem", "journal problem", "journal back", "journal problem")
    ]


def test_a_journal_put_aside_is_said_once_also_where_it_cannot_be_written_for_a_while() -> None:
    aside = replace(LISTENING, journal_notice="The journal was corrupt and has been put aside.")
    failing = replace(aside, journal_error="The journal is locked; rows waiting to be written: 3.")
    assert kinds(aside, failing, aside, aside) == ["journal", "journal problem", "journal back"]


def test_what_was_wrong_with_a_recording_is_said_for_every_replay() -> None:
    damaged = replace(LISTENING, notice="talk.flac ends early.")
    assert kinds(LISTENING, damaged, STOPPED, LISTENING, damaged) == ["recording", "stopped", "recording"]


_KINDS = st.sampled_from([kind for kind in NoticeKind if kind is not NoticeKind.JOURNAL])


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.lists(st.dictionaries(_KINDS, st.sampled_from(["one", "two"]), max_size=3), max_size=300))
def test_a_door_that_looks_now_and_then_reads_each_notice_once_and_in_order(
    moments: list[dict[NoticeKind, str]],
) -> None:
    log = NoticeLog()
    read: list[Notice] = []
    for number, moment in enumerate(moments):
        holds = {kind: Condition(message) for kind, message in moment.items()}
        log = step(log, holds, at_s=float(number), listening=True)
        if number % 7 == 0:
            read += log.since(len(read))
    read += log.since(len(read))
    assert [notice.number for notice in read] == list(range(1, log.count + 1))
    assert len(log.notices) <= 200
    assert set(log.standing) == set(moments[-1] if moments else ())
    begun = {notice.kind for notice in read if notice.ends is None}
    assert {notice.ends for notice in read if notice.ends is not None} <= begun
