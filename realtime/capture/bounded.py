"""Calls into sound systems that may never return."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

__all__ = ["bounded"]

_LOG = logging.getLogger(__name__)

# On Windows PortAudio and soundcard bind COM objects to the thread that made them, and calls do not hang.
_CALLS_MAY_MOVE: Final = sys.platform != "win32"

T = TypeVar("T")


class _Call(Generic[T]):
    """A call that runs in a thread of its own, and may be abandoned."""

    def __init__(self, call: Callable[[], T], late: Callable[[T], None], name: str) -> None:
        self._call = call
        self._late = late
        self._name = name
        self._lock = threading.Lock()
        self._abandoned = False
        self.done = threading.Event()
        self.result: list[T] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            result = self._call()
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            with self._lock:
                self.error = error
                abandoned = self._abandoned
            if abandoned:
                _LOG.warning("%s was given up, and then failed: %r", self._name, error)
        else:
            with self._lock:
                self.result.append(result)
                abandoned = self._abandoned
            if abandoned:
                self._clear_up(result)
        self.done.set()

    def _clear_up(self, result: T) -> None:
        try:
            self._late(result)
        except Exception:  # noqa: BLE001 - nobody waits for this thread any more
            _LOG.exception("%s was given up; what then came of it could not be cleared up", self._name)

    def abandon(self) -> bool:
        """Give up; False if the result has come in the meantime."""
        with self._lock:
            self._abandoned = not self.result and self.error is None
            return self._abandoned


def bounded(call: Callable[[], T], *, timeout_s: float, name: str, late: Callable[[T], None]) -> T:
    """Make a call that may hang, and give up waiting after a time.

    With a sound server that is alive but does not answer (stopped, or stuck on a dead Bluetooth
    link), libpulse waits for ever inside PortAudio's open, abort and close: measured. The thread is
    then left behind, because nothing can end it; it ends by itself when the server answers or dies.

    Parameters
    ----------
    call
        What may hang.
    timeout_s
        How long to wait, s.
    name
        Name of the thread.
    late
        What to do with a result that comes after all; what it raises is logged.

    Raises
    ------
    TimeoutError
        The call is still running.
    """
    if not _CALLS_MAY_MOVE:
        return call()
    job = _Call(call, late, name)
    threading.Thread(target=job.run, name=name, daemon=True).start()
    if not job.done.wait(timeout_s) and job.abandon():
        raise TimeoutError(f"{name} did not return within {timeout_s} s")
    job.done.wait()
    if job.error is not None:
        raise job.error
    return job.result[0]
