"""Notices that no page is open any more: a closed tab must not leave a microphone open."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from playback.serial_executor import SerialExecutor

_POLL_S: Final = 1.0


class IdleStop:
    """Counts from the last heartbeat of a page; before the first one, it never expires.

    Parameters
    ----------
    limit_s
        Without a heartbeat for so long it expires, s; 0: never. May be changed at any time.
    on_expired
        Called again and again while it has expired, on a thread of its own.
    """

    def __init__(self, limit_s: float, on_expired: Callable[[], None]) -> None:
        self.limit_s = limit_s
        self._on_expired = on_expired
        self._lock = threading.Lock()
        self._seen_s: float | None = None
        self._thread: SerialExecutor | None = None

    @property
    def expired(self) -> bool:
        """Whether no page has been open for too long."""
        seen_s, limit_s = self._seen_s, self.limit_s
        return seen_s is not None and limit_s > 0 and time.monotonic() - seen_s > limit_s

    def heartbeat(self) -> None:
        """Say that a page is open."""
        self._seen_s = time.monotonic()
        if self._thread is None and self.limit_s > 0:
            with self._lock:
                if self._thread is None:
                    poll_s = min(_POLL_S, self.limit_s / 4)
                    self._thread = SerialExecutor("attune-idle", tick=self._check, tick_s=poll_s)

    def close(self) -> None:
        """Expire no more."""
        if self._thread is not None:
            self._thread.close()

    def _check(self) -> None:
        if self.expired:
            self._on_expired()
