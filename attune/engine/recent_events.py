"""The newest events, numbered; readers keep nothing but the number of the one that they had last."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playback.snapshot import MusicRecord
from realtime.notices import Notice
from realtime.snapshot import WindowResult

Event = WindowResult | Notice | MusicRecord
EventHandler = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """An event and its number, from 1, without a gap."""

    number: int
    event: Event


class RecentEvents:
    """Any thread may add and read.

    Parameters
    ----------
    kept
        How many are kept.
    """

    def __init__(self, kept: int) -> None:
        self._lock = threading.Lock()
        self._events: deque[NumberedEvent] = deque(maxlen=kept)
        self._newest = 0
        self.session = secrets.token_hex(4)
        """Tells these numbers from those of another program."""
        self._wakers: tuple[Callable[[], None], ...] = ()

    @property
    def newest(self) -> int:
        """Number of the newest event; 0 before the first."""
        return self._newest

    @property
    def oldest(self) -> int:
        """Number of the oldest event that is kept; of the next one where none is."""
        with self._lock:
            return self._events[0].number if self._events else self._newest + 1

    @property
    def readers(self) -> int:
        """How many are woken by each event."""
        return len(self._wakers)

    def add(self, event: Event) -> None:
        """Take an event, and wake who waits; never waits."""
        with self._lock:
            self._newest += 1
            self._events.append(NumberedEvent(self._newest, event))
            wakers = self._wakers
        for wake in wakers:
            wake()

    def since(self, number: int) -> tuple[NumberedEvent, ...]:
        """Those after a number, oldest first, as far as they are kept."""
        with self._lock:
            found = []
            for one in reversed(self._events):  # a reader lacks but the newest few
                if one.number <= number:
                    break
                found.append(one)
        return tuple(reversed(found))

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """Call something quick after each event within the block, on whichever thread brought it."""
        with self._lock:
            self._wakers += (wake,)
        try:
            yield
        finally:
            with self._lock:
                self._wakers = tuple(one for one in self._wakers if one is not wake)
