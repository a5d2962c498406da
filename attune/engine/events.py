"""What happens while an engine lives, in one order: windows, notices, and what was done to the music."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from attune.engine.recent_events import Event, EventHandler, RecentEvents
from playback.player import ConnectionState
from playback.snapshot import MusicSnapshot
from realtime.notice_log import NoticeLog, conditions, step
from realtime.notices import Condition, NoticeKind, Severity
from realtime.snapshot import Snapshot

if TYPE_CHECKING:
    from attune.engine.engine import Engine

_POLL_S: Final = 0.1


class EventLog:
    """Tells events as they happen, and keeps the newest notices; any thread may use it.

    Parameters
    ----------
    on_event
        Called with every event, on whichever thread brought it: it must be quick.
    read
        The present: what is listened to, and the music that follows, if any does.
    kept
        How many of the newest events are kept.
    """

    def __init__(
        self,
        on_event: EventHandler | None,
        read: Callable[[], tuple[Snapshot, MusicSnapshot | None]],
        *,
        kept: int = 0,
    ) -> None:
        self._on_event = on_event
        self._read = read
        self._lock = threading.RLock()
        self._log = NoticeLog()
        self.recent = RecentEvents(kept)
        """The newest of them."""

    def tell(self, event: Event) -> None:
        """Tell a window, a notice or a record of the music."""
        self.recent.add(event)
        if self._on_event is not None:
            self._on_event(event)

    def observe(self) -> Snapshot:
        """Tell what is new at present; returns the newest snapshot with all notices until now."""
        with self._lock:  # read within: what is older must never be told after what is newer
            snapshot, music = self._read()
            before = self._log
            self._log = step(
                before,
                conditions(snapshot) | _music_conditions(music),
                at_s=time.time(),
                clock=snapshot.clock,
                listening=snapshot.listening,
            )
            for notice in self._log.since(before.count):
                self.tell(notice)
            return replace(snapshot, notices=self._log.notices)


def events_until_end(engine: Engine, events: queue.SimpleQueue[Event]) -> Iterator[Event | None]:
    """Yield each event at once until the source is over; None whenever there was none for a moment.

    Parameters
    ----------
    engine
        Listens.
    events
        What the engine puts its events into.
    """
    over = False
    while not (over and events.empty()):
        over = engine.wait(0.0)
        try:
            yield events.get(timeout=_POLL_S)
        except queue.Empty:
            engine.snapshot()  # also what comes without any sound is told
            yield None


def _music_conditions(music: MusicSnapshot | None) -> dict[NoticeKind, Condition]:
    if music is None:
        return {}
    found: dict[NoticeKind, Condition] = {}
    connection = music.player.connection
    if connection.state is not ConnectionState.CONNECTED and connection.message:
        found[NoticeKind.PLAYER_PROBLEM] = Condition(connection.message, identity=connection.state)
    if music.problem:
        found[NoticeKind.MUSIC_PROBLEM] = Condition(music.problem)
    if music.on_call:
        found[NoticeKind.CALL_ON] = Condition(
            "A call is on: the autopilot leaves the music alone.", Severity.INFO
        )
    return found
