"""Calls into sound systems that may never return."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, wait
from typing import Final, TypeVar

_LOG = logging.getLogger(__name__)

# On Windows PortAudio and soundcard bind COM objects to the thread that made them, and calls do not hang.
_CALLS_MAY_MOVE: Final = sys.platform != "win32"

T = TypeVar("T")


def call_with_timeout(call: Callable[[], T], *, timeout_s: float, name: str, late: Callable[[T], None]) -> T:
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
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            try:
                future.set_exception(error)
            except InvalidStateError:
                _LOG.warning("%s was given up, and then failed: %r", name, error)
            return
        try:
            future.set_result(result)
        except InvalidStateError:
            _clean_up(late, result, name)

    threading.Thread(target=run, name=name, daemon=True).start()
    wait([future], timeout_s)
    if future.cancel():  # never once there is a result
        raise TimeoutError(f"{name} did not return within {timeout_s} s")
    return future.result()


def _clean_up(late: Callable[[T], None], result: T, name: str) -> None:
    try:
        late(result)
    except Exception:  # noqa: BLE001 - nobody waits for this thread any more
        _LOG.exception("%s was given up; what then came of it could not be cleaned up", name)


def close_with_timeout(close: Callable[[], None], *, timeout_s: float, name: str, device: str) -> None:
    """Close a device, and leave it behind where that hangs; never raises.

    Parameters
    ----------
    close
        Closes it.
    timeout_s
        How long to wait, s.
    name
        Name of the thread.
    device
        Name of the device, for the log.
    """
    try:
        call_with_timeout(close, timeout_s=timeout_s, name=name, late=lambda _nothing: None)
    except TimeoutError:
        _LOG.warning("%s does not let itself be closed: left behind", device)
    except Exception as error:  # noqa: BLE001 - a dead device may answer anything; it is closed for us
        _LOG.warning("closing %s failed: %s", device, error)
