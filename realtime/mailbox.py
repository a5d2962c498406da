"""A place for one item between two threads: the newest wins."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


class Mailbox(Generic[_Item]):
    """Holds at most one item. A late item is replaced, not queued; `put` says so."""

    def __init__(self) -> None:
        self._item: _Item | None = None
        self._closed = False
        self._changed = threading.Condition()

    def put(self, item: _Item, *, wait: bool) -> bool:
        """Leave an item; returns whether one that nobody had taken was thrown away.

        Parameters
        ----------
        item
            What to leave.
        wait
            Wait until the item before has been taken, instead of replacing it.
        """
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._item is None or self._closed)
            replaced = self._item is not None
            self._item = item
            self._changed.notify_all()
            return replaced

    def take(self) -> _Item | None:
        """Wait for an item and take it; None once the box is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed)
            if self._closed:
                return None
            item, self._item = self._item, None
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Wake both sides; what lies in the box is thrown away."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
