"""Listening paused for a while: the source is closed, and opened again once the time is over."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from core.errors import AttuneError
from playback.serial_executor import SerialExecutor
from realtime.calibration.take_recorder import RecordingState
from realtime.capture.source import SourceKind, SourceSpec
from realtime.snapshot import ListenerState, Snapshot

if TYPE_CHECKING:
    from attune.engine.engine import Engine

LONGEST_S: Final = 24 * 3600.0

_LOG = logging.getLogger(__name__)
_TICK_S: Final = 0.5
_NOTHING: Final = "Nothing is listened to just now, so there is nothing to pause."
_A_RECORDING: Final = "A recording is played, and nobody is listened to: stop it instead."
_NOT_PAUSED: Final = "Listening is not paused, so there is nothing to resume."
_BAD_TIME: Final = (
    "A pause lasts from 1 second to 24 hours: name such a time, or none to pause until you resume."
)


@dataclass(frozen=True, slots=True)
class _Pause:
    spec: SourceSpec
    until_s: float | None  # Unix time; None: until somebody resumes


class ListeningPause:
    """Pauses the listening of an engine; any thread may use it.

    Parameters
    ----------
    engine
        Listens.
    clock
        Unix time, s.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock
        self._changed = threading.Condition(threading.RLock())
        self._pause: _Pause | None = None
        self._thread: SerialExecutor | None = None
        self._said = ""  # why listening was stopped

    @property
    def active(self) -> bool:
        """Whether listening is paused."""
        return self._pause is not None

    def begin(self, duration_s: float | None = None) -> str:
        """Pause, or let a pause last until another time; returns a sentence on that.

        Parameters
        ----------
        duration_s
            From now on, s; None: until somebody resumes.

        Raises
        ------
        AttuneError
            Nothing is listened to, or a recording; or no pause lasts so long.
        """
        if duration_s is not None and not (math.isfinite(duration_s) and 1.0 <= duration_s <= LONGEST_S):
            raise AttuneError(_BAD_TIME)
        with self._changed:
            pause, spec = self._current(), self._engine.spec
            if pause is not None:
                spec = pause.spec
            elif spec is None or not self._engine.snapshot().listening:
                raise AttuneError(_NOTHING)
            elif spec.kind is SourceKind.FILE:
                raise AttuneError(_A_RECORDING)
            self._pause = _Pause(spec, None if duration_s is None else self._clock() + duration_s)
            if self._thread is None:
                self._thread = SerialExecutor("attune-pause", tick=self._tick, tick_s=_TICK_S)
            if not self._said or self._engine.snapshot().listening:
                self._said = self._sentence()
            self._engine.stop(self._said)
            return self._sentence()

    def end(self) -> str:
        """Listen again to what was listened to before; returns a sentence on that.

        Raises
        ------
        AttuneError
            Listening is not paused, or the source cannot be opened any more.
        """
        with self._changed:
            pause = self._current()
            if pause is None:
                raise AttuneError(_NOT_PAUSED)
            try:
                self._engine.start(pause.spec)
            finally:
                self._forget()
        source = self._engine.snapshot().source
        return f"Listening to {source.name} again." if source else "Listening again."

    def cancel(self) -> None:
        """End the pause without listening again; harmless where there is none."""
        with self._changed:
            self._forget()

    def control(self, command: str, duration_s: float | None) -> str:
        """Carry out a command of another program, see `attune.engine.control`: pause or resume.

        Raises
        ------
        AttuneError
            It cannot be carried out.
        """
        match command:
            case "pause":
                return self.begin(duration_s)
            case "resume":
                return self.end()
        raise AttuneError(f"This Attune knows no command {command!r}: both must be of the same version.")

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the pause is over, or for so long; False at once where listening is not paused."""
        with self._changed:
            if self._pause is None:
                return False
            self._changed.wait_for(lambda: self._pause is None, timeout_s)
            return True

    def shown(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot of an engine that listens to nothing, or what it becomes by the pause."""
        if snapshot.state is not ListenerState.STOPPED:
            return snapshot
        if self._pause is None:
            return replace(snapshot, message="") if snapshot.message == self._said else snapshot
        pause = self._pause
        until_s = None if pause is None else pause.until_s
        return replace(snapshot, state=ListenerState.PAUSED, message=self._sentence(), resumes_at_s=until_s)

    def close(self) -> None:
        """Pause no more, without listening again."""
        self.cancel()
        if self._thread is not None:
            self._thread.close()

    def _current(self) -> _Pause | None:
        """The pause; whoever starts to listen to something ends it."""
        if self._pause is not None and self._engine.snapshot().listening:
            self._forget()
        return self._pause

    def _forget(self) -> None:
        self._pause = None
        self._changed.notify_all()

    def _tick(self) -> None:
        with self._changed:
            pause = self._current()
            if pause is None or pause.until_s is None or self._clock() < pause.until_s:
                return
            take = self._engine.calibration.recording()
            if take is not None and take.state is RecordingState.RECORDING:
                return  # it has the microphone
            try:
                self.end()
            except AttuneError as error:  # the snapshot says it to people
                _LOG.warning("listening does not go on after a pause: %s", error)

    def _sentence(self) -> str:
        pause, now_s = self._pause, self._clock()
        if pause is None or pause.until_s is None:
            return "Paused until you resume."
        return f"Paused until {_moment(pause.until_s, now_s)}."


def _moment(at_s: float, now_s: float) -> str:
    """A moment of today or of tomorrow in local time."""
    at, now = datetime.fromtimestamp(at_s), datetime.fromtimestamp(now_s)
    return f"{at:%H:%M}" if at.date() == now.date() else f"tomorrow, {at:%H:%M}"
