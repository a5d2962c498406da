"""Owns the thread on which a player carries out its commands, one after the other."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Final

from core.errors import AttuneError
from playback.player import Outcome, OutcomeKind

__all__ = ["CLOSED", "CommandThread"]

CLOSED: Final = Outcome(OutcomeKind.FAILED, "The player was closed.")
"""How every command ends that can no longer be carried out."""

_LOG = logging.getLogger(__name__)
_CLOSE_S: Final = 0.5  # the player itself has the rest of a second for what it holds


class CommandThread:
    """Carries out commands in the order in which they came, and now and then something of its own.

    Parameters
    ----------
    name
        Of the thread, for the log: ``attune-...``.
    tick
        Called on the same thread between commands; what it raises is logged and survived.
    tick_s
        Time between the end of one tick and the next, s; the first comes after it, too. Commands that
        wait do not keep a tick from coming, and never more than one is due.
    """

    def __init__(self, name: str, *, tick: Callable[[], None] | None = None, tick_s: float = 1.0) -> None:
        self._tick = tick
        self._tick_s = tick_s
        self._tick_at = time.monotonic() + tick_s
        self._tick_fault = ""
        self._changed = threading.Condition()
        self._closed = False
        self._waiting: deque[tuple[Callable[[], Outcome], Future[Outcome]]] = deque()
        self._running: Future[Outcome] | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[[], Outcome]) -> Future[Outcome]:
        """Have a command carried out after those that wait; does not wait itself.

        Returns
        -------
        future
            Ends with what `fn` returns, or as `OutcomeKind.FAILED` where it raises or cannot be called
            any more; it never holds an exception. Cancelled before its turn, `fn` is not called.
        """
        future: Future[Outcome] = Future()
        with self._changed:
            if not self._closed:
                self._waiting.append((fn, future))
                self._changed.notify()
                return future
        _settle(future, CLOSED)
        return future

    def close(self) -> None:
        """Stop within a second; commands that wait, or take longer than that, end as `CLOSED`.

        A command may call it, too. Calling it again changes nothing.
        """
        self._refuse()
        if threading.current_thread() is not self._thread:
            self._thread.join(_CLOSE_S)
            self._abandon()

    def _run(self) -> None:
        try:
            while self._step():
                pass
        finally:
            self._refuse()
            self._abandon()

    def _step(self) -> bool:
        """Wait for the next tick or command and see to it; False when closed."""
        with self._changed:
            while not self._closed and not self._waiting and self._wait_s() != 0:
                self._changed.wait(self._wait_s())
            if self._closed:
                return False
            if self._wait_s() == 0:
                command = None
            else:
                command, self._running = self._waiting.popleft()
                if not self._running.set_running_or_notify_cancel():
                    return True
        if command is None:
            self._tick_once()
        elif self._running is not None:
            _settle(self._running, _carried_out(command))
            self._running = None
        return True

    def _wait_s(self) -> float | None:
        """Time until the next tick; None where there is none."""
        return None if self._tick is None else max(0.0, self._tick_at - time.monotonic())

    def _tick_once(self) -> None:
        assert self._tick is not None
        try:
            self._tick()
            self._tick_fault = ""
        except Exception as error:  # noqa: BLE001 - the next command must find its thread alive
            # The same again every second would push all else out of the log.
            if (fault := repr(error)) != self._tick_fault:
                _LOG.exception("%s: a tick failed", self._thread.name)
            self._tick_fault = fault
        self._tick_at = time.monotonic() + self._tick_s

    def _refuse(self) -> None:
        """Take no command from now on, and end those that wait."""
        with self._changed:
            self._closed = True
            waiting = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for _, future in waiting:
            _settle(future, CLOSED)

    def _abandon(self) -> None:
        """End the command that does not come to its end by itself."""
        if running := self._running:
            _settle(running, CLOSED)


def _carried_out(command: Callable[[], Outcome]) -> Outcome:
    try:
        return command()
    except AttuneError as error:
        _LOG.warning("a command of the player failed: %s", error)
        return Outcome(OutcomeKind.FAILED, str(error))
    except Exception as error:  # noqa: BLE001 - the next command must find its thread alive
        _LOG.exception("a command of the player failed")
        return Outcome(
            OutcomeKind.FAILED,
            f"The player failed ({type(error).__name__}): that is a fault of Attune's, see its log.",
        )


def _settle(future: Future[Outcome], outcome: Outcome) -> None:
    # It may have been cancelled, or given up by the thread that closes.
    with suppress(InvalidStateError):
        future.set_result(outcome)
