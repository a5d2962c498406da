"""The listener's snapshot, replaced as a whole by any thread; the end of a run; how long each stage takes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from realtime.snapshot import InputLevel, ListenerState, Snapshot, StageTiming

_KEPT_WINDOWS: Final = 240
_OF_THE_END: Final = frozenset({"state", "message"})


class SnapshotPublisher:
    """Holds the newest snapshot; any thread may publish and read.

    Parameters
    ----------
    on_change
        Called with the snapshot before and after each change, one after the other, on whichever thread
        brought it: it must be quick.
    """

    def __init__(self, on_change: Callable[[Snapshot, Snapshot], None] | None) -> None:
        self.stopping = threading.Event()  # set once the run is to end
        self._on_change = on_change
        self._lock = threading.Lock()
        self._snapshot = Snapshot()

    @property
    def snapshot(self) -> Snapshot:
        """The newest one; never waits."""
        return self._snapshot

    def publish(self, **changes: Any) -> None:
        """Replace fields of the snapshot; once the run is to end, state and message are left to `end`."""
        with self._lock:
            if self.stopping.is_set():
                changes = {name: value for name, value in changes.items() if name not in _OF_THE_END}
            self._replace(**changes)

    def begin_end(self) -> bool:
        """Say that the run is to end; False where that had been said before."""
        with self._lock:
            if self.stopping.is_set():
                return False
            self.stopping.set()
            return True

    def end(self, state: ListenerState, message: str, *, if_listening: bool = False) -> None:
        """Publish how the run has ended.

        Parameters
        ----------
        state, message
            Why, and one sentence for people.
        if_listening
            Only where no end has been published yet.
        """
        with self._lock:
            if self._snapshot.listening or not if_listening:
                self._replace(state=state, message=message, level=InputLevel())

    def _replace(self, **changes: Any) -> None:
        before = self._snapshot
        self._snapshot = replace(before, **changes)
        if self._on_change is not None:
            self._on_change(before, self._snapshot)


class StageTimes:
    """Durations per stage, of the newest 240 windows (two minutes at the default hop)."""

    def __init__(self) -> None:
        self._ms: dict[str, deque[float]] = {}

    def add(self, durations_ms: Mapping[str, float]) -> None:
        """Take the durations of one window, stage -> milliseconds."""
        for stage, ms in durations_ms.items():
            self._ms.setdefault(stage, deque(maxlen=_KEPT_WINDOWS)).append(ms)

    def summary(self) -> dict[str, StageTiming]:
        """Median, 95th percentile and worst of each stage."""
        return {stage: _timing(sorted(values)) for stage, values in self._ms.items()}


def _timing(ordered: Sequence[float]) -> StageTiming:
    # For every window of every stream: by NumPy it would take four times as long.
    return StageTiming(_quantile(ordered, 0.5), _quantile(ordered, 0.95), ordered[-1])


def _quantile(ordered: Sequence[float], share: float) -> float:
    """A quantile by linear interpolation, as NumPy has it.

    Examples
    --------
    >>> _quantile([1.0, 2.0, 4.0], 0.5), _quantile([1.0, 2.0, 4.0], 0.75)
    (2.0, 3.0)
    """
    place = share * (len(ordered) - 1)
    lower = int(place)
    upper = min(lower + 1, len(ordered) - 1)
    return ordered[lower] + (place - lower) * (ordered[upper] - ordered[lower])
