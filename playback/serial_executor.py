"""One thread that runs commands one after the other, and a periodic task between them."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, Final

from core.errors import AttuneError
from core.phrases import Phrase
from playback.player import Outcome, OutcomeKind

CLOSED: Final = Outcome(OutcomeKind.FAILED, Phrase("The player was closed."))
"""How every command ends that can no longer be carried out."""

_LOG = logging.getLogger(__name__)


def player_failed(error: BaseException) -> Phrase:
    """Say that a player broke its word, which is a fault of the program."""
    return Phrase(
        "The player failed ({error}): that is a fault of Attune's, see its log.", error=type(error).__name__
    )


class SerialExecutor:
    """Runs commands in the order in which they came; any thread may use it.

    Parameters
    ----------
    name
        Of the thread, which starts with the first command or, where there is a tick, at once.
    tick
        Called on the same thread between commands; what it raises is logged and survived.
    tick_s
        Time between the end of one tick and the next, s; the first comes after it, too. Commands that
        wait do not keep a tick from coming, and never more than one is due.
    """

    def __init__(self, name: str, *, tick: Callable[[], None] | None = None, tick_s: float = 1.0) -> None:
        self._name = name
        self._tick = tick
        self._tick_s = tick_s
        self._tick_at_s = time.monotonic() + tick_s
        self._tick_error = ""
        self._changed = threading.Condition()
        self._closed = False
        self._waiting: deque[tuple[Callable[[], Any], Future[Outcome] | None]] = deque()
        self._running: Future[Outcome] | None = None
        self._thread: threading.Thread | None = None
        if tick is not None:
            self._start()

    def submit(self, command: Callable[[], Outcome]) -> Future[Outcome]:
        """Run a command after those that wait; returns at once.

        Returns
        -------
        future
            Ends with what the command returns, or as `OutcomeKind.FAILED` where it raises or cannot run
            any more; it never holds an exception. Cancelled before its turn, the command does not run.
        """
        future: Future[Outcome] = Future()
        if not self._put(command, future):
            _settle(future, CLOSED)
        return future

    def post(self, task: Callable[[], object]) -> None:
        """Run something whose end nobody waits for; an exception is logged. Once closed, it does not run."""
        self._put(task, None)

    def close(self, wait_s: float = 0.5, *, finish: bool = False) -> None:
        """Take no more commands, and wait for the thread; calling it again changes nothing.

        Parameters
        ----------
        wait_s
            How long to wait at most, s. The command that runs then ends as `CLOSED` for whoever asked.
        finish
            Run what waits first, in the background if it takes longer; else it ends as `CLOSED`.
        """
        with self._changed:
            self._closed = True
            dropped = [] if finish else list(self._waiting)
            if not finish:
                self._waiting.clear()
            self._changed.notify_all()
        for _, future in dropped:
            if future is not None:
                _settle(future, CLOSED)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(wait_s)
            if running := self._running:
                _settle(running, CLOSED)

    def _put(self, task: Callable[[], Any], future: Future[Outcome] | None) -> bool:
        with self._changed:
            if self._closed:
                return False
            self._waiting.append((task, future))
            if self._thread is None:
                self._start()
            self._changed.notify()
            return True

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (work := self._next()) is not None:
            task, future = work
            try:
                outcome = task()
            except AttuneError as error:
                _LOG.warning("%s: a command failed: %s", self._name, error)
                outcome = Outcome(OutcomeKind.FAILED, str(error))
            except Exception as error:  # noqa: BLE001 - the next command must find its thread alive
                _LOG.exception("%s: a command failed", self._name)
                outcome = Outcome(OutcomeKind.FAILED, player_failed(error))
            if future is not None:
                _settle(future, outcome)
            self._running = None

    def _next(self) -> tuple[Callable[[], Any], Future[Outcome] | None] | None:
        """Wait for what is to be done next; None when closed."""
        with self._changed:
            while True:
                wait_s = None if self._tick is None else self._tick_at_s - time.monotonic()
                if wait_s is not None and wait_s <= 0.0 and not self._closed:
                    return self._tick_once, None
                if self._waiting:
                    task, future = self._waiting.popleft()
                    if future is None or future.set_running_or_notify_cancel():
                        self._running = future
                        return task, future
                elif self._closed:
                    return None
                else:
                    self._changed.wait(wait_s)

    def _tick_once(self) -> None:
        assert self._tick is not None
        try:
            self._tick()
            self._tick_error = ""
        except Exception as error:  # noqa: BLE001 - the next command must find its thread alive
            # The same again every second would push all else out of the log.
            if (text := repr(error)) != self._tick_error:
                _LOG.exception("%s: the periodic task failed", self._name)
            self._tick_error = text
        self._tick_at_s = time.monotonic() + self._tick_s


def _settle(future: Future[Outcome], outcome: Outcome) -> None:
    # It may have been cancelled, or given up by the thread that closes.
    with suppress(InvalidStateError):
        future.set_result(outcome)
