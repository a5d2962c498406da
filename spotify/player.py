"""Owns the player that plays on Spotify: its thread, its queue, and the picture that everybody reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from playback.player import Outcome, OutcomeKind, PlayerKind, PlayerSnapshot, Playlist
from playback.worker import CommandThread
from spotify.client import API_URL, BACK_OFF_S, SpotifyClient
from spotify.credentials import Credentials
from spotify.memory import Memory, memory_file
from spotify.remote import Remote

__all__ = ["SpotifyPlayer"]

_LOOKED_S: Final = 15.0


class SpotifyPlayer:
    """Fulfils `playback.player.Player` with a Spotify account; connects by itself.

    After somebody has signed in anew, `refresh` is the way back from `ConnectionState.SIGN_IN_AGAIN`.

    Parameters
    ----------
    credentials
        In whose name.
    api_url
        Address of the Web API, before ``/v1``.
    file
        Where calls of the day, device and limit are kept; None: the user's own.
    clock
        Gives Unix time, s.
    timeout_s
        How long an answer of Spotify may take, s.
    back_off_s
        Waits before a call that is safe to repeat is repeated, s.
    tick_s
        How often it is asked whether anything is due, s.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        api_url: str = API_URL,
        file: Path | None = None,
        clock: Callable[[], float] = time.time,
        timeout_s: float = 5.0,
        back_off_s: tuple[float, ...] = BACK_OFF_S,
        tick_s: float = 0.25,
    ) -> None:
        memory = Memory(memory_file() if file is None else file, clock=clock)
        self._clock = clock
        self._looked_s = float("-inf")
        self._volume_wish = object()
        self._client = SpotifyClient(
            credentials,
            memory=memory,
            clock=clock,
            api_url=api_url,
            timeout_s=timeout_s,
            back_off_s=back_off_s,
        )
        self._remote = Remote(self._client, credentials, memory, clock=clock, publish=self._take)
        self._thread = CommandThread("attune-spotify", tick=self._tick, tick_s=tick_s)
        self._thread.submit(self._remote.refresh)

    @property
    def kind(self) -> PlayerKind:
        """That it is Spotify."""
        return PlayerKind.SPOTIFY

    def snapshot(self) -> PlayerSnapshot:
        """The newest picture; never waits."""
        return self._snapshot

    def look(self) -> None:
        """Say that somebody looks."""
        self._looked_s = self._clock()

    def glance(self) -> Future[Outcome]:
        """Ask what plays, unless that was asked a few seconds ago or the day's calls are nearly spent."""
        return self._thread.submit(self._remote.glance)

    def refresh(self) -> Future[Outcome]:
        """List playlists and devices anew, and ask what is playing; the test of the connection."""
        return self._thread.submit(self._remote.refresh)

    def play(self, uri: str) -> Future[Outcome]:
        """Play a playlist, waking the device where it sleeps."""
        return self._thread.submit(lambda: self._remote.play(uri))

    def pause(self) -> Future[Outcome]:
        """Let the music rest."""
        return self._thread.submit(self._remote.pause)

    def resume(self) -> Future[Outcome]:
        """Go on where it rested."""
        return self._thread.submit(self._remote.resume)

    def next(self) -> Future[Outcome]:
        """Go to the next track."""
        return self._thread.submit(self._remote.next)

    def set_volume(self, volume: float) -> Future[Outcome]:
        """Set the volume, 0 to 1; of several that wait, only the last is sent."""
        wish = self._volume_wish = object()

        def carry_out() -> Outcome:
            if self._volume_wish is not wish:
                return Outcome(OutcomeKind.NOTHING_TO_DO, "Another volume was wanted meanwhile.")
            return self._remote.set_volume(volume)

        return self._thread.submit(carry_out)

    def choose_device(self, name: str) -> Future[Outcome]:
        """Let music come out of the device of that name, and remember it; empty: whichever is active."""
        return self._thread.submit(lambda: self._remote.choose_device(name))

    def create_playlists(self, names: Sequence[str]) -> Future[Outcome]:
        """Make private playlists of those names, empty as yet, up to the first that cannot be made."""

        def carry_out() -> Outcome:
            outcome = Outcome(OutcomeKind.NOTHING_TO_DO, "No playlist was to be made.")
            for name in names:
                outcome = self._remote.create_playlist(name)
                if not outcome.ok:
                    return outcome
            if len(names) < 2:
                return outcome
            made = f"{', '.join(names[:-1])} and {names[-1]}"
            return Outcome(OutcomeKind.DONE, f"{made} were made; they are empty until you add something.")

        return self._thread.submit(carry_out)

    def search(self, texts: Sequence[str], take: Callable[[tuple[Playlist, ...]], None]) -> Future[Outcome]:
        """Find public playlists by their name, at most ten.

        Parameters
        ----------
        texts
            Names, or some words of them: the first that finds anything counts.
        take
            Called with what was found, on the player's thread, before the future is done.
        """

        def carry_out() -> Outcome:
            for text in texts:
                found, outcome = self._remote.search(text)
                if found or not outcome.ok:
                    break
            else:
                found, outcome = (), Outcome(OutcomeKind.NOTHING_TO_DO, "Nothing of that name was found.")
            if outcome.ok:
                take(found)
            return outcome

        return self._thread.submit(carry_out)

    def close(self) -> None:
        """Let go of everything, within a second; a request that hangs is left behind."""
        self._client.stop()
        self._thread.close()
        self._client.close()

    def _tick(self) -> None:
        self._remote.tick(watched=0.0 <= self._clock() - self._looked_s < _LOOKED_S)

    def _take(self, snapshot: PlayerSnapshot) -> None:
        self._snapshot = snapshot
