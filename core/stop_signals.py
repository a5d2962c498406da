"""Signals that ask the program to end: at the first it ends in order, at a second at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

STOP_SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
_SAME_WISH_S: Final = 0.5  # a terminal that is closed, and service managers, send more than one


class TerminatedError(SystemExit):
    """The system asks the program to end; `code` is the exit code for that."""


def on_stop_signals(first: Callable[[int], None]) -> dict[int, Any]:
    """Have the first of the signals handled, and a later one end the program with exit code 128 + number.

    Only the main thread may call this. Signals that were ignored before (`nohup`) stay so.

    Parameters
    ----------
    first
        Gets the signal's number, on the main thread.

    Returns
    -------
    before
        Number -> the handler before.
    """
    asked_at_s: float | None = None

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal asked_at_s
        now_s = time.monotonic()
        if asked_at_s is None:
            asked_at_s = now_s
            first(number)
        elif now_s - asked_at_s > _SAME_WISH_S:
            os._exit(128 + number)

    found = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    before = {number: handler for number, handler in found.items() if handler not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, handle)
    return before


@contextmanager
def interruptions() -> Iterator[None]:
    """Within, the first of the signals raises: Ctrl-C `KeyboardInterrupt`, any other `TerminatedError`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = on_stop_signals(_interrupt)
    try:
        yield
    finally:
        restore_signals(before)


def restore_signals(before: dict[int, Any]) -> None:
    """Set the handlers again that `on_stop_signals` replaced."""
    for number, handler in before.items():
        signal.signal(number, handler)


def _interrupt(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise TerminatedError(128 + number)
