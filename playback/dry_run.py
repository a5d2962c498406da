"""The player that plays nothing: it says what it would do, until something is connected."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Final

from core.phrases import Phrase
from core.text import percent
from playback.mapping.styles import Style
from playback.player import (
    NOTHING_CHOSEN,
    ConnectionState,
    Outcome,
    OutcomeKind,
    OutputDevice,
    PlayerConnection,
    PlayerKind,
    PlayerSnapshot,
    PlayingTrack,
    Playlist,
    volume_problem,
)
from playback.serial_executor import CLOSED

_LOG = logging.getLogger(__name__)
_TRACK_S: Final = 180.0
_NOWHERE: Final = "Nowhere"
PREVIEW: Final = (
    "Nothing is connected yet: this is a preview, which says what it would play and makes no sound."
)
_CONNECTION: Final = PlayerConnection(ConnectionState.CONNECTED, PREVIEW)
_PLAYLISTS: Final = {
    playlist.uri: playlist
    for playlist in (
        Playlist(
            uri=f"{PlayerKind.DRY_RUN.value}:style:{style.value}",
            name=f"{style.value.capitalize()} (preview)",
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

    def track(self) -> PlayingTrack | None:
        if self.playlist is None:
            return None
        number, position_s = divmod(self.played_s, _TRACK_S)
        title = f"Track {number + 1:.0f}"
        return PlayingTrack(title, self.playlist.name, duration_s=_TRACK_S, position_s=position_s)


_Change = tuple[_State, str] | Outcome
"""The state after a command and what it would do; or how it ended without a change."""


class DryRunPlayer:
    """Fulfils `playback.player.Player` with words alone; all its futures have ended when it gives them.

    Parameters
    ----------
    clock
        Gives Unix time, s.
    """

    kind = PlayerKind.DRY_RUN

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._state = _State(since_s=clock())
        self._closed = False

    def snapshot(self) -> PlayerSnapshot:
        """The state as it would be; tracks of three minutes follow one another."""
        with self._lock:
            state = self._state.at(self._clock())
        device = OutputDevice(_NOWHERE, active=True, volume=state.volume)
        return PlayerSnapshot(
            kind=self.kind,
            connection=_CONNECTION,
            playing=state.playing,
            track=state.track(),
            playlist=state.playlist,
            device=device,
            volume=state.volume,
            playlists=tuple(_PLAYLISTS.values()),
            devices=(device,),
            taken_s=state.since_s,
        )

    def mark_viewed(self) -> None:
        """Do nothing: what would play is always known."""

    def refresh(self) -> Future[Outcome]:
        """Do nothing: the playlists never change."""
        return self._command(lambda _: Outcome(OutcomeKind.NOTHING_TO_DO))

    def play(self, uri: str, *, if_unchanged_since: float | None = None) -> Future[Outcome]:
        """Say that this playlist would play now; nobody else can change what plays here."""
        del if_unchanged_since
        playlist = _PLAYLISTS.get(uri)
        if playlist is None:
            gone = f"The preview has no playlist {uri!r}: choose another one."
            return self._command(lambda _: Outcome(OutcomeKind.GONE, gone))
        return self._command(
            lambda now: (replace(now, playlist=playlist, playing=True, played_s=0.0), f"play {playlist.name}")
        )

    def pause(self) -> Future[Outcome]:
        """Say that the music would pause."""

        def change(now: _State) -> _Change:
            if not now.playing:
                return Outcome(OutcomeKind.NOTHING_TO_DO, Phrase("Nothing plays."))
            return replace(now, playing=False), "pause the music"

        return self._command(change)

    def resume(self) -> Future[Outcome]:
        """Say that the music would go on."""

        def change(now: _State) -> _Change:
            if now.playlist is None:
                return NOTHING_CHOSEN
            if now.playing:
                return Outcome(OutcomeKind.NOTHING_TO_DO, f"{now.playlist.name} plays already.")
            return replace(now, playing=True), f"go on with {now.playlist.name}"

        return self._command(change)

    def next(self) -> Future[Outcome]:
        """Say that the next track would play."""

        def change(now: _State) -> _Change:
            if now.playlist is None:
                return NOTHING_CHOSEN
            begins_s = (now.played_s // _TRACK_S + 1) * _TRACK_S
            after = replace(now, playing=True, played_s=begins_s)
            return after, f"go to the next track of {now.playlist.name}"

        return self._command(change)

    def set_volume(self, volume: float) -> Future[Outcome]:
        """Say how loud it would be, 0 to 1."""

        def change(now: _State) -> _Change:
            problem = volume_problem(volume, now.volume)
            return problem or (replace(now, volume=float(volume)), f"set the volume to {percent(volume)}")

        return self._command(change)

    def choose_device(self, name: str) -> Future[Outcome]:
        """Tell that there is only one device, which is nowhere."""
        outcome = Outcome(OutcomeKind.NOTHING_TO_DO, f"{_NOWHERE} is in use already.")
        if name not in ("", _NOWHERE):
            only = f"The preview has no device {name!r}: {_NOWHERE} is the only one."
            outcome = Outcome(OutcomeKind.GONE, only)
        return self._command(lambda _: outcome)

    def close(self) -> None:
        """Play nothing more; calling it again changes nothing."""
        with self._lock:
            self._closed = True
            self._state = replace(self._state.at(self._clock()), playing=False)

    def _command(self, change: Callable[[_State], _Change]) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        with self._lock:
            result = CLOSED if self._closed else change(self._state.at(self._clock()))
            if not isinstance(result, Outcome):
                self._state, would = result
                result = Outcome(OutcomeKind.DONE, f"I would {would} now.")
                _LOG.info("preview: %s", result.message)
        future.set_result(result)
        return future
