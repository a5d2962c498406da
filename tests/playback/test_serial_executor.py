from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from core.errors import AudioDeviceError
from playback.player import Outcome, OutcomeKind
from playback.serial_executor import CLOSED, SerialExecutor
from tests.patience import PROMPT_S

DONE = Outcome(OutcomeKind.DONE)
SOON_S = 10.0  # far longer than anything here takes: only a fault waits for it


@pytest.fixture
def thread() -> Iterator[SerialExecutor]:
    thread = SerialExecutor("attune-test-player")
    yield thread
    thread.close()


def test_commands_are_carried_out_in_order_on_one_thread_of_that_name(thread: SerialExecutor) -> None:
    said: list[tuple[int, str]] = []

    def command(number: int) -> Callable[[], Outcome]:
        def carry_out() -> Outcome:
            said.append((number, threading.current_thread().name))
            return Outcome(OutcomeKind.DONE, str(number))

        return carry_out

    futures = [thread.submit(command(number)) for number in range(50)]
    assert [future.result(SOON_S).message for future in futures] == [str(n) for n in range(50)]
    assert said == [(n, "attune-test-player") for n in range(50)]


def test_an_error_for_people_becomes_the_outcome(thread: SerialExecutor) -> None:
    def fail() -> Outcome:
        raise AudioDeviceError("The loudspeaker 'Desk' is not there. Choose another.")

    assert thread.submit(fail).result(SOON_S) == Outcome(
        OutcomeKind.FAILED, "The loudspeaker 'Desk' is not there. Choose another."
    )


def test_a_fault_is_one_sentence_without_its_text_and_the_next_command_is_carried_out(
    thread: SerialExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> Outcome:
        raise ValueError("internals")

    outcome = thread.submit(fail).result(SOON_S)
    assert outcome.kind is OutcomeKind.FAILED
    assert "ValueError" in outcome.message
    assert "internals" not in outcome.message
    assert "internals" in caplog.text
    assert thread.submit(lambda: DONE).result(SOON_S) == DONE


def test_what_waits_ends_when_closed_and_so_does_what_comes_later(thread: SerialExecutor) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Outcome:
        begun.set()
        go_on.wait(SOON_S)
        return DONE

    stuck = thread.submit(slow)
    waiting = [thread.submit(lambda: DONE) for _ in range(3)]
    begun.wait(SOON_S)
    before = time.monotonic()
    thread.close()
    assert time.monotonic() - before < PROMPT_S
    assert [future.result(0) for future in [stuck, *waiting]] == [CLOSED] * 4
    assert thread.submit(lambda: DONE).result(0) == CLOSED
    go_on.set()
    thread.close(SOON_S)
    assert "attune-test-player" not in [other.name for other in threading.enumerate()]


def test_what_is_nearly_done_is_waited_for(thread: SerialExecutor) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Outcome:
        begun.set()
        go_on.wait(SOON_S)
        return DONE

    future = thread.submit(slow)
    begun.wait(SOON_S)
    closing = threading.Thread(target=thread.close, args=[SOON_S])
    closing.start()
    go_on.set()
    closing.join(SOON_S)
    assert future.result(0) == DONE


def test_a_command_may_close_its_own_thread(thread: SerialExecutor) -> None:
    def close() -> Outcome:
        thread.close()
        return DONE

    first, second = thread.submit(close), thread.submit(lambda: CLOSED)
    assert first.result(SOON_S) == DONE
    assert second.result(SOON_S) == CLOSED


def test_a_cancelled_command_is_left_out(thread: SerialExecutor) -> None:
    begun, go_on = threading.Event(), threading.Event()
    called = []

    def slow() -> Outcome:
        begun.set()
        go_on.wait(SOON_S)
        return DONE

    thread.submit(slow)
    begun.wait(SOON_S)
    unwanted = thread.submit(lambda: called.append("unwanted") or DONE)  # type: ignore[func-returns-value]
    assert unwanted.cancel()
    go_on.set()
    assert thread.submit(lambda: DONE).result(SOON_S) == DONE
    assert called == []


def test_it_ticks_again_and_again_and_commands_do_not_keep_it_from_that() -> None:
    ticks: list[str] = []
    enough = threading.Event()

    def tick() -> None:
        ticks.append(threading.current_thread().name)
        if len(ticks) >= 5:
            enough.set()

    thread = SerialExecutor("attune-test-ticking", tick=tick, tick_s=0.002)

    def busy() -> Outcome:
        if not enough.is_set():
            thread.submit(busy)  # there is always another command
        return DONE

    thread.submit(busy)
    assert enough.wait(SOON_S)
    thread.close()
    assert set(ticks) == {"attune-test-ticking"}


def test_ticks_go_on_after_one_that_failed_and_the_log_says_it_once(caplog: pytest.LogCaptureFixture) -> None:
    ticks = 0
    enough = threading.Event()

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks >= 5:
            enough.set()
        raise ValueError("no answer")

    with caplog.at_level(logging.ERROR):
        thread = SerialExecutor("attune-test-ticking", tick=tick, tick_s=0.002)
        assert enough.wait(SOON_S)
        thread.close()
    assert len(caplog.records) == 1


def test_an_outcome_is_passed_on_to_those_who_asked(thread: SerialExecutor) -> None:
    heard: list[Outcome] = []
    told = threading.Event()

    def hear(future: Future[Outcome]) -> None:
        heard.append(future.result())
        told.set()

    thread.submit(lambda: DONE).add_done_callback(hear)
    assert told.wait(SOON_S)
    assert heard == [DONE]


def test_what_nobody_waits_for_runs_in_its_turn_and_its_error_is_logged(
    thread: SerialExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[str] = []

    def fail() -> None:
        ran.append("failing")
        raise ValueError("internals")

    thread.post(fail)
    thread.post(lambda: ran.append("next"))
    assert thread.submit(lambda: DONE).result(SOON_S) == DONE
    assert ran == ["failing", "next"]
    assert "internals" in caplog.text


def test_what_waits_is_finished_first_where_that_is_asked_for() -> None:
    thread = SerialExecutor("attune-test-finishing")
    assert "attune-test-finishing" not in [other.name for other in threading.enumerate()]  # not needed yet
    begun, go_on = threading.Event(), threading.Event()
    ran: list[int] = []
    thread.post(begun.set)
    thread.post(lambda: go_on.wait(SOON_S))
    for number in range(3):
        thread.post(lambda number=number: ran.append(number))  # type: ignore[misc]
    assert begun.wait(SOON_S)
    closing = threading.Thread(target=lambda: thread.close(SOON_S, finish=True))
    closing.start()
    go_on.set()
    closing.join(SOON_S)
    assert ran == [0, 1, 2]
    thread.post(lambda: ran.append(3))
    assert thread.submit(lambda: DONE).result(0) == CLOSED
    assert ran == [0, 1, 2]
