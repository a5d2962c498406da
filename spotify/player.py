"""The player that plays on Spotify: its thread, and the snapshot for everybody."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Final

from playback.player import Outcome, OutcomeKind, PlayerKind, PlayerSnapshot
from playback.serial_executor import SerialExecutor
from spotify.client import API_URL, BACK_OFF_S, Credentials, SpotifyClient
from spotify.persistent_state import PersistentState, persistent_state_file
from spotify.playback_client import PlaybackClient

_VIEWED_S: Final = 15.0


class SpotifyPlayer:
    """Implements `playback.player.Player` with a Spotify account; connects by itself.

    After a new sign-in, `refresh` is the way back from `ConnectionState.SIGN_IN_AGAIN`.

    Parameters
    ----------
    credentials
        The account's sign-in.
    api_url
        Address of the Web API, without ``/v1``.
    state_file
        Where calls of the day, device and rate limit are kept; None: the user's own.
    clock
        Unix time, s.
    timeout_s
        Longest time of an answer of Spotify, s.
    back_off_s
        Pauses before a safe call is repeated, s.
    tick_s
        Time between checks whether a poll is due, s.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        api_url: str = API_URL,
        state_file: Path | None = None,
        clock: Callable[[], float] = time.time,
        timeout_s: float = 5.0,
        back_off_s: tuple[float, ...] = BACK_OFF_S,
        tick_s: float = 0.25,
    ) -> None:
        self._clock = clock
        self._viewed_s = float("-inf")
        self._newest_volume = object()
        self._client = SpotifyClient(
            credentials,
            state=PersistentState(state_file or persistent_state_file(), clock=clock),
            clock=clock,
            api_url=api_url,
            timeout_s=timeout_s,
            back_off_s=back_off_s,
        )
        self._playback = PlaybackClient(self._client, publish=self._publish)
        self._executor = SerialExecutor("attune-spotify", tick=self._tick, tick_s=tick_s)
        self.refresh()

    @property
    def kind(self) -> PlayerKind:
        """Spotify."""
        return PlayerKind.SPOTIFY

    def snapshot(self) -> PlayerSnapshot:
        """The newest snapshot; never waits."""
        return self._snapshot

    def mark_viewed(self) -> None:
        """Say that the snapshot is on screen."""
        self._viewed_s = self._clock()

    def refresh(self) -> Future[Outcome]:
        """List playlists and devices again, and ask what plays; the test of the connection."""
        return self._submit(self._playback.refresh)

    def play(self, uri: str, *, if_unchanged_since: float | None = None) -> Future[Outcome]:
        """Play a playlist; a sleeping device is woken."""
        return self._submit(partial(self._playback.play, uri, if_unchanged_since=if_unchanged_since))

    def pause(self) -> Future[Outcome]:
        """Pause playback."""
        return self._submit(self._playback.pause)

    def resume(self) -> Future[Outcome]:
        """Resume playback."""
        return self._submit(self._playback.resume)

    def next(self) -> Future[Outcome]:
        """Skip to the next track."""
        return self._submit(self._playback.next)

    def set_volume(self, volume: float) -> Future[Outcome]:
        """Set the volume, 0 to 1; of several waiting commands only the last is sent."""
        newest = self._newest_volume = object()

        def command() -> Outcome:
            if self._newest_volume is not newest:
                return Outcome(OutcomeKind.NOTHING_TO_DO, "Another volume was wanted meanwhile.")
            return self._playback.set_volume(volume)

        return self._submit(command)

    def choose_device(self, name: str) -> Future[Outcome]:
        """Play on the device of that name, and remember it; empty: on whichever is active."""
        return self._submit(partial(self._playback.choose_device, name))

    def create_playlists(self, names: Sequence[str]) -> Future[Outcome]:
        """Create empty private playlists, up to the first that fails.

        Parameters
        ----------
        names
            Of the playlists.
        """

        def command() -> Outcome:
            outcome = Outcome(OutcomeKind.NOTHING_TO_DO, "No playlist was to be made.")
            for name in names:
                outcome = self._playback.create_playlist(name)
                if not outcome.ok:
                    return outcome
            if len(names) < 2:
                return outcome
            made = f"{', '.join(names[:-1])} and {names[-1]}"
            return Outcome(OutcomeKind.DONE, f"{made} were made; they are empty until you add something.")

        return self._submit(command)

    def search(self, texts: Sequence[str]) -> Future[Outcome]:
        """Find public playlists by their name, at most ten; the outcome holds them.

        Parameters
        ----------
        texts
            Names, or words of them; the first that finds anything counts.
        """

        def command() -> Outcome:
            for text in texts:
                outcome = self._playback.search(text)
                if outcome.playlists:
                    return outcome
            return Outcome(OutcomeKind.NOTHING_TO_DO, "Nothing of that name was found.")

        return self._submit(command)

    def close(self) -> None:
        """Release everything, within a second; a hanging request is left behind."""
        self._client.stop()
        self._executor.close()
        self._client.close()

    def _submit(self, command: Callable[[], Outcome]) -> Future[Outcome]:
        return self._executor.submit(partial(self._playback.execute, command))

    def _tick(self) -> None:
        self._playback.tick(watched=0.0 <= self._clock() - self._viewed_s < _VIEWED_S)

    def _publish(self, snapshot: PlayerSnapshot) -> None:
        self._snapshot = snapshot
