"""Single questions to Spotify, for commands that ask once and end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Final

from core.settings import Settings
from playback.player import ConnectionState, OutcomeKind, OutputDevice, PlayerConnection, Playlist
from spotify.account import SIGNED_OUT, AccountStatus, SpotifyAccount
from spotify.api_errors import CallError
from spotify.client import SpotifyClient
from spotify.persistent_state import PersistentState, persistent_state_file

_STATES: Final[Mapping[OutcomeKind, ConnectionState]] = {
    OutcomeKind.NOT_CONNECTED: ConnectionState.DISCONNECTED,
    OutcomeKind.SIGN_IN_AGAIN: ConnectionState.SIGN_IN_AGAIN,
    OutcomeKind.RATE_LIMITED: ConnectionState.RATE_LIMITED,
    OutcomeKind.QUOTA_EXCEEDED: ConnectionState.QUOTA_EXCEEDED,
}
"""All other outcomes mean that the connection is degraded."""


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """The stored sign-in, and Spotify's answer to it."""

    account: AccountStatus
    connection: PlayerConnection


def check_connection(settings: Settings) -> ConnectionStatus:
    """Ask Spotify whether it answers; not where nobody is signed in.

    Parameters
    ----------
    settings
        Of the program.
    """
    account = SpotifyAccount(settings)
    status, until_s = account.status(), None
    if status.signed_in:
        state, message = ConnectionState.CONNECTED, ""
        try:
            with _client(settings) as client:
                client.user_id()
        except CallError as error:
            state = _STATES.get(error.outcome.kind, ConnectionState.DEGRADED)
            message, until_s = error.outcome.message, error.outcome.until_s
        status = account.status()  # a sign-in that has ended is deleted by now
    elif status.problem:
        state, message = ConnectionState.SIGN_IN_AGAIN, status.problem
    else:
        state, message = ConnectionState.DISCONNECTED, SIGNED_OUT
    calls = PersistentState(persistent_state_file(), clock=time.time).calls()
    return ConnectionStatus(status, PlayerConnection(state, message, until_s, status.account, calls))


def devices(settings: Settings) -> tuple[OutputDevice, ...]:
    """Devices on which Spotify is open; raises `CallError`.

    Parameters
    ----------
    settings
        Of the program.
    """
    with _client(settings) as client:
        return tuple(device.output() for device in client.devices())


def playlists(settings: Settings) -> tuple[Playlist, ...]:
    """The user's own and followed playlists; raises `CallError`.

    Parameters
    ----------
    settings
        Of the program.
    """
    with _client(settings) as client:
        return client.playlists(client.user_id())[0]


def _client(settings: Settings) -> AbstractContextManager[SpotifyClient]:
    account = SpotifyAccount(settings)
    state = PersistentState(persistent_state_file(), clock=time.time)
    return closing(SpotifyClient(account, state=state, clock=time.time, api_url=settings.spotify_api_url))
