"""Owns the player that plays nothing: it says what it would do, until something is connected."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Final

from playback.player import (
    Connection,
    ConnectionState,
    Outcome,
    OutcomeKind,
    OutputDevice,
    PlayerKind,
    PlayerSnapshot,
    Playlist,
    Track,
)
from playback.styles import Style
from playback.worker import CLOSED

__all__ = ["DryRunPlayer"]

_LOG = logging.getLogger(__name__)
_KEPT: Final = 200
_TRACK_S: Final = 180.0
_NOWHERE: Final = "Nowhere"
_NOTHING_CHOSEN: Final = Outcome(OutcomeKind.FAILED, "Nothing was played yet: choose a playlist first.")
_CONNECTION: Final = Connection(
    ConnectionState.CONNECTED,
    "Nothing is connected yet: this is a dry run, which says what it would do and really plays nothing.",
)
_PLAYLISTS: Final = {
    playlist.uri: playlist
    for playlist in (
        Playlist(
            uri=f"{PlayerKind.DRY_RUN.value}:style:{style.value}",
            name=f"{style.value.capitalize()} (dry run)",
            style=style,
        )
        for style in Style
    )
}


@dataclass(frozen=True, slots=True)
class _State:
    playlist: Playlist | None = None
    playing: bool = False
    played_s: float = 0.0  # of the playlist, until since_s
    since_s: float = 0.0
    volume: float = 0.5

    def at(self, now_s: float) -> _State:
        """The same, a little later."""
        passed_s = max(0.0, now_s - self.since_s) if self.playing else 0.0
        return replace(self, played_s=self.played_s + passed_s, since_s=now_s)


class DryRunPlayer:
    """Fulfils `playback.player.Player` with words alone; all its futures have ended when it gives them.

    Parameters
    ----------
    clock
        Gives Unix time, s.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._state = _State(since_s=clock())
        self._said: deque[str] = deque(maxlen=_KEPT)
        self._closed = False

    @property
    def kind(self) -> PlayerKind:
        """That it is the dry run."""
        return PlayerKind.DRY_RUN

    @property
    def said(self) -> tuple[str, ...]:
        """What it would have done, one sentence each, the oldest first; at most 200."""
        with self._lock:
            return tuple(self._said)

    def snapshot(self) -> PlayerSnapshot:
        """The picture as it would be; tracks of three minutes follow one another."""
        with self._lock:
            state = self._state.at(self._clock())
        device = OutputDevice(_NOWHERE, active=True, volume=state.volume)
        return PlayerSnapshot(
            kind=self.kind,
            connection=_CONNECTION,
            playing=state.playing,
            track=_track(state),
            playlist=state.playlist,
            device=device,
            volume=state.volume,
            playlists=tuple(_PLAYLISTS.values()),
            devices=(device,),
            taken_s=state.since_s,
        )

    def look(self) -> None:
        """Nothing has to be asked for."""

    def glance(self) -> Future[Outcome]:
        """Nothing has to be asked for."""
        return self._command(lambda state: (state, Outcome(OutcomeKind.NOTHING_TO_DO)))

    def refresh(self) -> Future[Outcome]:
        """Nothing has to be listed anew."""
        return self.glance()

    def play(self, uri: str) -> Future[Outcome]:
        """Say that this playlist would play now."""

        def carry_out(state: _State) -> tuple[_State, Outcome]:
            playlist = _PLAYLISTS.get(uri)
            if playlist is None:
                return state, Outcome(
                    OutcomeKind.GONE, f"The dry run has no playlist {uri!r}: choose another one."
                )
            return replace(state, playlist=playlist, playing=True, played_s=0.0), _would(
                f"play {playlist.name}"
            )

        return self._command(carry_out)

    def pause(self) -> Future[Outcome]:
        """Say that the music would rest."""

        def carry_out(state: _State) -> tuple[_State, Outcome]:
            if not state.playing:
                return state, Outcome(OutcomeKind.NOTHING_TO_DO, "Nothing plays.")
            return replace(state, playing=False), _would("pause the music")

        return self._command(carry_out)

    def resume(self) -> Future[Outcome]:
        """Say that the music would go on."""

        def carry_out(state: _State) -> tuple[_State, Outcome]:
            if state.playlist is None:
                return state, _NOTHING_CHOSEN
            if state.playing:
                return state, Outcome(OutcomeKind.NOTHING_TO_DO, f"{state.playlist.name} plays already.")
            return replace(state, playing=True), _would(f"go on with {state.playlist.name}")

        return self._command(carry_out)

    def next(self) -> Future[Outcome]:
        """Say that the next track would play."""

        def carry_out(state: _State) -> tuple[_State, Outcome]:
            if state.playlist is None:
                return state, _NOTHING_CHOSEN
            begins_s = (state.played_s // _TRACK_S + 1) * _TRACK_S
            return (
                replace(state, playing=True, played_s=begins_s),
                _would(f"go to the next track of {state.playlist.name}"),
            )

        return self._command(carry_out)

    def set_volume(self, volume: float) -> Future[Outcome]:
        """Say how loud it would be, 0 to 1."""

        def carry_out(state: _State) -> tuple[_State, Outcome]:
            if not 0.0 <= volume <= 1.0:
                return state, Outcome(
                    OutcomeKind.FAILED, f"The volume cannot be {volume!r}: it must be a number from 0 to 1."
                )
            if volume == state.volume:
                return state, Outcome(OutcomeKind.NOTHING_TO_DO, f"The volume is {volume:.0%} already.")
            return replace(state, volume=float(volume)), _would(f"set the volume to {volume:.0%}")

        return self._command(carry_out)

    def choose_device(self, name: str) -> Future[Outcome]:
        """Tell that there is only one device, which is nowhere."""

        def carry_out(state: _State) -> tuple[_State, Outcome]:
            if name not in ("", _NOWHERE):
                return state, Outcome(
                    OutcomeKind.GONE, f"The dry run has no device {name!r}: {_NOWHERE} is the only one."
                )
            return state, Outcome(OutcomeKind.NOTHING_TO_DO, f"{_NOWHERE} is in use already.")

        return self._command(carry_out)

    def close(self) -> None:
        """Fall silent; calling it again changes nothing."""
        with self._lock:
            self._closed = True
            self._state = replace(self._state.at(self._clock()), playing=False)

    def _command(self, carry_out: Callable[[_State], tuple[_State, Outcome]]) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        with self._lock:
            if self._closed:
                outcome = CLOSED
            else:
                self._state, outcome = carry_out(self._state.at(self._clock()))
                if outcome.kind is OutcomeKind.DONE:
                    self._said.append(outcome.message)
                    _LOG.info("dry run: %s", outcome.message)
        future.set_result(outcome)
        return future


def _would(do: str) -> Outcome:
    return Outcome(OutcomeKind.DONE, f"I would {do} now.")


def _track(state: _State) -> Track | None:
    if state.playlist is None:
        return None
    number, position_s = divmod(state.played_s, _TRACK_S)
    return Track(f"Track {number + 1:.0f}", state.playlist.name, duration_s=_TRACK_S, position_s=position_s)
