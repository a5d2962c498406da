"""Owns how Spotify is opened: the account and the player, as the settings say."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from core.settings import Settings
from spotify.account import SpotifyAccount
from spotify.player import SpotifyPlayer

__all__ = ["OpenSpotify", "open_spotify"]


@dataclass(frozen=True, slots=True)
class OpenSpotify:
    """Spotify, ready to be used.

    Parameters
    ----------
    account
        Signs in and out.
    player
        Plays in the name of the account; disconnected as long as nobody has signed in. After a sign-in
        its `refresh` connects it.
    """

    account: SpotifyAccount
    player: SpotifyPlayer

    def disconnect(self) -> None:
        """Close the player, and delete everything that is kept about Spotify; may take some seconds.

        Raises
        ------
        TokenStoreError
            Something could not be deleted.
        """
        self.player.close()
        self.account.disconnect()

    def close(self) -> None:
        """Let go of everything, within a second; a sign-in that goes on is cancelled."""
        self.account.cancel()
        self.player.close()


def open_spotify(settings: Settings, *, clock: Callable[[], float] = time.time) -> OpenSpotify:
    """Open Spotify; waits for nothing, and asks nobody where nobody is signed in.

    Parameters
    ----------
    settings
        Addresses, port, and a client id where the user has set one.
    clock
        Unix time, s.
    """
    account = SpotifyAccount(settings, clock=clock)
    return OpenSpotify(account, SpotifyPlayer(account, api_url=settings.spotify_api_url, clock=clock))
