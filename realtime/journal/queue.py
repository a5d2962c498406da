"""Rows that wait to be written: bounded, handed over in batches, waited for by whoever wants to."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from realtime.journal.rows import END_SESSION, INSERT_SESSION

_LOG = logging.getLogger(__name__)
_CAPACITY_ROWS: Final = 20_000  # 2.7 hours of windows at the default hop
_BATCH_ROWS: Final = 256
_BATCH_S: Final = 0.5
_TRANSACTION_ROWS: Final = 4_096
_RETRY_S: Final = 0.5
_PATIENCE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Item:
    """One statement that waits to be written; `values` follow the session's number."""

    statement: str
    session_id: int
    values: tuple[Any, ...]
    made_at_s: float = field(default_factory=time.monotonic)

    @property
    def droppable(self) -> bool:
        """Whether it is a row of data: beginnings and ends of sessions are always taken."""
        return self.statement not in {INSERT_SESSION, END_SESSION}


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why rows cannot be written, and since when."""

    sentence: str
    since_s: float


class Queue:
    """Items in the order of their coming, between any number of threads and the one that writes.

    No method holds its lock for long. Items stay in the queue until they are written.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards all that follows
        self._waiting: deque[Item] = deque()
        self._done = 0
        self._wanted = 0  # somebody waits until so many are done
        self._lost = 0
        self._overflowing = False  # a row found no room since all was written
        self._failure: _Failure | None = None
        self._closing = False

    # For those who record

    def put(self, item: Item, *, wait: bool = False) -> None:
        """Take an item; where there is no room for it, drop it and count it, or wait as `wait` says."""
        with self._changed:
            while item.droppable and len(self._waiting) >= _CAPACITY_ROWS and not self._closing:
                if not wait or self._failing_for_s() > _PATIENCE_S:
                    if not self._overflowing:
                        _LOG.warning("the journal's queue is full: rows are lost from now on")
                    self._overflowing = True
                    self._lost += 1
                    return
                self.write_soon()
                self._changed.wait(_RETRY_S)
            if self._closing:
                self._lost += 1
                return
            self._waiting.append(item)
            # The writer sleeps until a batch is due: it need not wake for every row.
            if len(self._waiting) in {1, _BATCH_ROWS}:
                self._changed.notify_all()

    def write_soon(self) -> int:
        """Have all that waits written without delay; return the count of items that will be done then."""
        with self._changed:
            self._wanted = self._done + len(self._waiting)
            self._changed.notify_all()
            return self._wanted

    def flush(self, timeout_s: float) -> bool:
        """Have all that waits written, and wait for it; False where that takes longer."""
        with self._changed:
            target = self.write_soon()
            return self._changed.wait_for(lambda: self._done >= target, timeout_s)

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Wait until writing has made `condition` true; not where it was failing already, or is over."""
        with self._changed:
            if self._failure is None:
                self._changed.wait_for(lambda: condition() or self._closing, timeout_s)

    def close(self) -> None:
        """Take no more items."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    @property
    def error(self) -> str:
        """One sentence while items cannot be written, else empty."""
        with self._changed:
            if self._failure is None:
                return ""
            lost = f", lost since the start: {self._lost}" if self._lost else ""
            return f"{self._failure.sentence}; rows waiting to be written: {len(self._waiting)}{lost}."

    @property
    def lost(self) -> int:
        """Items that were dropped or refused."""
        with self._changed:
            return self._lost

    # For the one who writes

    def wait_until_due(self) -> bool:
        """Sleep until items are due; False when all are written and the queue is closed."""
        with self._changed:
            while not self._closing and (left_s := self._due_in_s()) != 0.0:
                self._changed.wait(left_s)
            return bool(self._waiting)

    def next_batch(self) -> list[Item]:
        """Items for one transaction."""
        with self._changed:
            return list(islice(self._waiting, _TRANSACTION_ROWS))

    def written(self, count: int, *, refused: int) -> None:
        """Remove the oldest `count` items, of which `refused` were not valid."""
        with self._changed:
            for _ in range(count):
                self._waiting.popleft()
            self._done += count
            self._lost += refused
            self._overflowing = self._overflowing and bool(self._waiting)
            self._failure = None
            self._changed.notify_all()

    def failed(self, sentence: str) -> None:
        """Report why nothing can be written."""
        with self._changed:
            if self._failure is None:
                _LOG.warning("%s", sentence)
            since_s = time.monotonic() if self._failure is None else self._failure.since_s
            self._failure = _Failure(sentence, since_s)
            self._changed.notify_all()

    def wait_to_retry(self) -> bool:
        """Sleep before the next attempt to write; False, at once, when there is to be none."""
        with self._changed:
            if self._closing:
                return False
            self._changed.wait_for(lambda: self._closing, _RETRY_S)
            return True

    def drop_rows(self) -> None:
        """Forget rows of data on purpose."""
        with self._changed:
            kept = [item for item in self._waiting if not item.droppable]
            self._done += len(self._waiting) - len(kept)
            self._waiting = deque(kept)
            self._changed.notify_all()

    def give_up(self) -> None:
        """Close, and count what still waits as lost."""
        with self._changed:
            self._closing = True
            self._lost += len(self._waiting)
            self._done += len(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()

    def _due_in_s(self) -> float | None:
        """Seconds until items are due; None while there are none."""
        if not self._waiting:
            return None
        if self._done < self._wanted or len(self._waiting) >= _BATCH_ROWS:
            return 0.0
        return max(0.0, self._waiting[0].made_at_s + _BATCH_S - time.monotonic())

    def _failing_for_s(self) -> float:
        return 0.0 if self._failure is None else time.monotonic() - self._failure.since_s
