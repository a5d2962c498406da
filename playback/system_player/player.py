"""The player that plays in whichever player is open: its thread, and the snapshot for everybody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from core.phrases import Phrase
from core.text import percent
from playback.player import (
    ConnectionState,
    Outcome,
    OutcomeKind,
    PlayerConnection,
    PlayerKind,
    PlayerSnapshot,
    Playlist,
    volume_problem,
)
from playback.preferences.preferences import PlaylistRef
from playback.serial_executor import CLOSED, SerialExecutor
from playback.system_player.addresses import link_of, local_path, scheme_of
from playback.system_player.backend import OpenPlayer, PlayerBackend, PlayerCallError, PlayersUnseenError
from playback.system_player.links import listed_addresses
from playback.system_player.player_view import connection, names_of, no_player_for, snapshot_of
from playback.system_player.selection import (
    OpenedPlaylist,
    has_begun,
    must_not_be_disturbed,
    over_gaps,
    player_for,
    player_in_use,
    track_identity,
)

_VIEWED_S: Final = 15.0
_VIEWED_AGE_S: Final = 2.0
_AGE_S: Final = 5.0
_RETRY_S: Final = 5.0
_START_S: Final = 6.0
_NOTHING_S: Final = 3.0  # one that has no track after so long found nothing in what it opened
_SETTLE_S: Final = 2.0
_RESUME_AFTER_S: Final = 0.7  # most begin by themselves to play what they open
_LOOK_S: Final = 0.1
_LOOKING: Final = PlayerConnection(
    ConnectionState.DEGRADED, Phrase("The players that are open are looked for.")
)

OpenBackend = Callable[[Callable[[], bool]], PlayerBackend]
"""Makes a backend; it is given what says whether whoever waits is to give up."""


class SystemPlayer:
    """Fulfils `playback.player.Player` with the players that are open on this machine.

    Parameters
    ----------
    open_backend
        See `OpenBackend`; called on the player's own thread.
    links
        Gives the playlists: what people pasted.
    chosen
        Name of the player to use; empty: the one that plays, else that of the last time.
    clock
        Unix time, s.
    tick_s
        Time between two looks at what has changed, s.
    """

    kind = PlayerKind.SYSTEM

    def __init__(
        self,
        open_backend: OpenBackend,
        *,
        links: Callable[[], Sequence[PlaylistRef]],
        chosen: str = "",
        clock: Callable[[], float] = time.time,
        tick_s: float = 0.25,
    ) -> None:
        self._open_backend = open_backend
        self._links = links
        self._chosen = chosen
        self._clock = clock
        self._viewed_s = float("-inf")
        self._newest_volume = object()
        self._closing = threading.Event()
        self._backend: PlayerBackend | None = None
        self._players: tuple[OpenPlayer, ...] = ()
        self._used_id = ""
        self._opened: OpenedPlaylist | None = None
        self._problem = ""
        self._retry_at_s = 0.0
        self._taken_s = self._changed_s = 0.0
        self._choice: object = None
        self._published = PlayerSnapshot(self.kind, _LOOKING)
        self._thread = SerialExecutor("attune-system-player", tick=self._tick, tick_s=tick_s)
        self.refresh()

    def snapshot(self) -> PlayerSnapshot:
        """The newest state; never waits."""
        return self._published

    def mark_viewed(self) -> None:
        """Say that the snapshot is on screen."""
        self._viewed_s = self._clock()

    def refresh(self) -> Future[Outcome]:
        """Look for the players that are open."""
        return self._submit(self._refresh)

    def play(self, uri: str, *, if_unchanged_since: float | None = None) -> Future[Outcome]:
        """Have a player that is open play a link."""
        return self._submit(partial(self._play, uri, if_unchanged_since))

    def pause(self) -> Future[Outcome]:
        """Pause the music."""
        return self._submit(self._pause)

    def resume(self) -> Future[Outcome]:
        """Go on where it was paused."""
        return self._submit(self._resume)

    def next(self) -> Future[Outcome]:
        """Go to the next track."""
        return self._submit(self._next)

    def set_volume(self, volume: float) -> Future[Outcome]:
        """Set the volume, 0 to 1; of several waiting commands only the last is carried out."""
        newest = self._newest_volume = object()

        def command() -> Outcome:
            if self._newest_volume is not newest:
                return Outcome(OutcomeKind.NOTHING_TO_DO, "Another volume was wanted meanwhile.")
            return self._set_volume(volume)

        return self._submit(command)

    def choose_device(self, name: str) -> Future[Outcome]:
        """Use the player of that name; empty: the one that plays."""
        return self._submit(partial(self._choose, name))

    def close(self) -> None:
        """Let go of everything; the players go on as they are."""
        self._closing.set()
        self._thread.close()
        if self._backend is not None:
            self._backend.close()

    # Commands, on the player's thread

    def _submit(self, command: Callable[[], Outcome]) -> Future[Outcome]:
        def carry_out() -> Outcome:
            try:
                self._look(0.0)
                return command()
            except PlayersUnseenError as error:
                return Outcome(OutcomeKind.NO_DEVICE, str(error))
            except PlayerCallError as error:
                return Outcome(error.kind, str(error))
            finally:
                self._settle()

        return self._thread.submit(carry_out)

    def _refresh(self) -> Outcome:
        connection = self._connection()
        ok = connection.state is ConnectionState.CONNECTED
        return Outcome(OutcomeKind.DONE if ok else OutcomeKind.NO_DEVICE, connection.message)

    def _play(self, uri: str, if_unchanged_since: float | None) -> Outcome:
        playlist = next((one for one in self._playlists() if one.uri == uri), None)
        if playlist is None:
            return Outcome(OutcomeKind.GONE, f"{uri!r} is no pasted link any more: choose another one.")
        if if_unchanged_since is not None and self._changed_s > if_unchanged_since:
            return Outcome(
                OutcomeKind.CHANGED, Phrase("The music was changed in the player itself meanwhile.")
            )
        link = link_of(uri)
        path = local_path(link)
        if path is not None and not path.exists():
            return Outcome(OutcomeKind.GONE, f"{path} is not there any more: choose another playlist.")
        in_use = self._in_use()
        player = player_for(scheme_of(link), self._players, chosen=self._chosen, used_id=self._used_id)
        if player is None:
            message = no_player_for(scheme_of(link), self._players) or self._connection().message
            return Outcome(OutcomeKind.NO_DEVICE, message)
        other = in_use if in_use is not None and in_use.playing and in_use.id != player.id else None
        if other is not None and if_unchanged_since is not None and must_not_be_disturbed(other):
            return Outcome(
                OutcomeKind.FORBIDDEN,
                f"{other.name} plays something that may be a film or a call, so nothing was changed: pause "
                "it there, or press Play here yourself.",
            )
        outcome = self._start(player, playlist)
        if outcome.ok and other is not None:
            with suppress(PlayerCallError):  # the new music plays, which is what was asked for
                self._calling.pause(other)
        return outcome

    def _start(self, player: OpenPlayer, playlist: Playlist) -> Outcome:
        """Have a player open a playlist, and wait until it plays."""
        asked_s = time.monotonic()
        link, name = link_of(playlist.uri), player.name
        self._calling.open(player, link)
        resumed, now = False, player
        while (waited_s := time.monotonic() - asked_s) < (_NOTHING_S if now.track is None else _START_S):
            if self._closing.wait(_LOOK_S):
                return CLOSED
            found = self._find(player)
            if found is None:
                raise PlayerCallError(
                    OutcomeKind.GONE,
                    f"{name} was closed in the middle of the switch: open it again, or another player.",
                )
            now = found
            if has_begun(player, now, asked_s=asked_s):
                break
            paused = now.track is not None and not (now.playing or now.stopped)
            if paused and not resumed and waited_s > _RESUME_AFTER_S:
                self._calling.resume(now)
                resumed = True
        if not now.playing:
            self._opened = None
            why = f"{name} was given {playlist.name}, but plays nothing: look there what is wrong."
            return Outcome(OutcomeKind.EMPTY, why)
        if not has_begun(player, now, asked_s=asked_s) and track_identity(now) == track_identity(player):
            why = f"{name} was given {playlist.name}, but goes on with what it played: look there."
            return Outcome(OutcomeKind.FAILED, why)
        self._used_id = player.id
        self._opened = OpenedPlaylist(player.id, playlist, listed_addresses(link))
        if self._chosen not in ("", name):
            return Outcome(
                OutcomeKind.DONE, f"{self._chosen} cannot play it now, so it is {name} that plays."
            )
        return Outcome(OutcomeKind.DONE, f"{playlist.name} plays in {name} now.")

    def _pause(self) -> Outcome:
        player = self._controllable()
        if not player.playing:
            return Outcome(OutcomeKind.NOTHING_TO_DO, Phrase("Nothing plays."))
        self._calling.pause(player)
        if not self._wait_until(player, lambda now: not now.playing):
            return Outcome(OutcomeKind.FAILED, f"{player.name} plays on: pause it there.")
        return Outcome(OutcomeKind.DONE, f"{player.name} is paused.")

    def _resume(self) -> Outcome:
        player = self._controllable()
        if player.playing:
            return Outcome(OutcomeKind.NOTHING_TO_DO, f"{player.name} plays already.")
        if player.track is None:
            if self._opened is not None and self._opened.player_id == player.id:
                return self._start(player, self._opened.playlist)
            return Outcome(OutcomeKind.FAILED, f"{player.name} has nothing to go on with: choose a playlist.")
        self._calling.resume(player)
        if not self._wait_until(player, lambda now: now.playing):
            return Outcome(OutcomeKind.FAILED, f"{player.name} does not go on: start the music there.")
        return Outcome(OutcomeKind.DONE, f"{player.name} goes on.")

    def _next(self) -> Outcome:
        player = self._controllable()
        if not player.has_next:
            return Outcome(OutcomeKind.FORBIDDEN, f"{player.name} has no next track: choose a playlist.")
        self._calling.next(player)
        self._wait_until(player, lambda now: track_identity(now) != track_identity(player))
        return Outcome(OutcomeKind.DONE, f"{player.name} goes to its next track.")

    def _set_volume(self, volume: float) -> Outcome:
        player = self._controllable()
        if player.volume is None:
            return Outcome(OutcomeKind.FORBIDDEN, f"The volume of {player.name} can only be set there.")
        if (problem := volume_problem(volume, player.volume)) is not None:
            return problem
        self._calling.set_volume(player, float(volume))
        return Outcome(OutcomeKind.DONE, f"The volume of {player.name} is {percent(volume)} now.")

    def _choose(self, name: str) -> Outcome:
        if not name:
            self._chosen = ""
            return Outcome(OutcomeKind.DONE, "The music follows whichever player plays.")
        player = next((one for one in self._players if one.name == name), None)
        if player is None:
            names = names_of(self._players) or "none at all"
            return Outcome(
                OutcomeKind.GONE, f"{name} is not open, but {names}: open it, or choose another one."
            )
        before = self._in_use()
        self._chosen = name
        if before is None or before.id == player.id or not before.playing:
            return Outcome(OutcomeKind.DONE, f"Music plays in {name} from now on.")
        opened = self._opened
        if opened is None or not opened.is_on(before) or not _opens(player, opened.playlist):
            return Outcome(OutcomeKind.DONE, f"Music plays in {name} from the next change on.")
        outcome = self._start(player, opened.playlist)
        if outcome.ok:
            self._calling.pause(before)
        return outcome

    # What is asked of the players

    @property
    def _calling(self) -> PlayerBackend:
        assert self._backend is not None  # something was found with it
        return self._backend

    def _controllable(self) -> OpenPlayer:
        """The player in use; raises `PlayerCallError` where none takes commands."""
        player = self._in_use()
        if player is None or not player.takes_commands:
            raise PlayerCallError(OutcomeKind.NO_DEVICE, self._connection().message)
        return player

    def _in_use(self) -> OpenPlayer | None:
        return player_in_use(self._players, chosen=self._chosen, used_id=self._used_id)

    def _find(self, player: OpenPlayer) -> OpenPlayer | None:
        """The same player as it is now; raises `PlayersUnseenError`."""
        self._players = self._calling.players(0.0)
        return next((one for one in self._players if one.id == player.id), None)

    def _wait_until(self, player: OpenPlayer, condition: Callable[[OpenPlayer], bool]) -> bool:
        """Wait a moment for what a command leads to; a player that is closed meanwhile does not play."""
        until_s = time.monotonic() + _SETTLE_S
        while time.monotonic() < until_s and not self._closing.wait(_LOOK_S):
            now = self._find(player)
            if condition(replace(player, playing=False) if now is None else now):
                return True
        return False

    # What is seen

    def _tick(self) -> None:
        watched = 0.0 <= self._clock() - self._viewed_s < _VIEWED_S
        with suppress(PlayersUnseenError):
            if time.monotonic() >= self._retry_at_s:
                self._look(_VIEWED_AGE_S if watched else _AGE_S)
        self._publish()

    def _look(self, max_age_s: float) -> None:
        """See which players are open and what they do."""
        try:
            if self._backend is None:
                self._backend = self._open_backend(self._closing.is_set)
            found = self._backend.players(max_age_s)
        except PlayersUnseenError as error:
            self._players, self._problem = (), str(error)
            self._retry_at_s = time.monotonic() + _RETRY_S
            self._observe()
            raise
        self._players = over_gaps(self._players, found, time.monotonic())
        self._problem = ""
        self._observe()

    def _observe(self) -> None:
        """Note what has changed, which is somebody's doing in the player itself."""
        choice = self._current_choice()
        self._taken_s = self._clock()
        if choice != self._choice:
            self._choice, self._changed_s = choice, self._taken_s

    def _settle(self) -> None:
        """Take what a command led to as it is; none of it is somebody else's doing."""
        with suppress(PlayersUnseenError):
            if self._backend is not None and not self._closing.is_set():
                self._players = self._backend.players(0.0)
        self._choice, self._taken_s = self._current_choice(), self._clock()
        self._publish()

    def _current_choice(self) -> object:
        player = self._in_use()
        self._used_id = "" if player is None else player.id
        opened = self._opened
        if opened is not None and not any(opened.is_on(one) for one in self._players):
            self._opened = None
        track = None if player is None else player.track
        return self._used_id, player is not None and player.playing, self._opened, track and track.kind

    def _connection(self) -> PlayerConnection:
        examples = "" if self._backend is None else self._backend.examples
        return connection(self._players, self._in_use(), problem=self._problem, examples=examples)

    def _playlists(self) -> tuple[Playlist, ...]:
        return tuple({ref.uri: Playlist(ref.uri, ref.name) for ref in self._links()}.values())

    def _publish(self) -> None:
        self._published = snapshot_of(
            self._players,
            self._in_use(),
            connection=self._connection(),
            opened=self._opened,
            playlists=self._playlists(),
            taken_s=self._taken_s,
            now_s=time.monotonic(),
        )


def _opens(player: OpenPlayer, playlist: Playlist) -> bool:
    return player.usable and scheme_of(link_of(playlist.uri)) in player.schemes
