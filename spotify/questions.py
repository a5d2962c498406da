"""Owns single questions to Spotify, for programs that ask and end: one call each where one is enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from core.settings import Settings
from playback.player import Connection, ConnectionState, OutcomeKind, OutputDevice, Playlist
from spotify.account import AccountStatus, SpotifyAccount
from spotify.answers import CallError
from spotify.client import SpotifyClient
from spotify.link import Link
from spotify.memory import Memory, memory_file

__all__ = ["Standing", "devices", "playlists", "standing"]

Clock = Callable[[], float]

_STATES: Final[Mapping[OutcomeKind, ConnectionState]] = {
    OutcomeKind.NOT_CONNECTED: ConnectionState.DISCONNECTED,
    OutcomeKind.SIGN_IN_AGAIN: ConnectionState.SIGN_IN_AGAIN,
    OutcomeKind.RATE_LIMITED: ConnectionState.RATE_LIMITED,
}
"""All others are passing, or keep single things from working."""
_NOBODY: Final = "Nobody is signed in to Spotify: sign in first."


@dataclass(frozen=True, slots=True)
class Standing:
    """How the user stands to Spotify: what is kept here, and what Spotify says to it."""

    account: AccountStatus
    connection: Connection


def standing(settings: Settings, *, clock: Clock = time.time) -> Standing:
    """Ask Spotify whether it answers; nobody is asked where nobody is signed in."""
    account = SpotifyAccount(settings, clock=clock)
    known = account.status()
    if known.signed_in:
        state, message, until_s = _tried(settings, clock)
        known = account.status()  # a sign-in that has ended is forgotten meanwhile
    elif known.problem:
        state, message, until_s = ConnectionState.SIGN_IN_AGAIN, known.problem, None
    else:
        state, message, until_s = ConnectionState.DISCONNECTED, _NOBODY, None
    calls = Memory(memory_file(), clock=clock).calls()
    return Standing(known, Connection(state, message, until_s, known.account, calls))


def _tried(settings: Settings, clock: Clock) -> tuple[ConnectionState, str, float | None]:
    try:
        with _link(settings, clock) as (_, link):
            link.user_id()
    except CallError as error:
        outcome = error.fault.outcome
        return _STATES.get(outcome.kind, ConnectionState.DEGRADED), outcome.message, outcome.until_s
    return ConnectionState.CONNECTED, "", None


def devices(settings: Settings, *, clock: Clock = time.time) -> tuple[OutputDevice, ...]:
    """Where Spotify is open.

    Raises
    ------
    CallError
        Spotify does not say.
    """
    with _link(settings, clock) as (client, link):
        return tuple(device.output() for device in link.ask(client.devices))


def playlists(settings: Settings, *, clock: Clock = time.time) -> tuple[Playlist, ...]:
    """The user's own playlists and those that they follow.

    Raises
    ------
    CallError
        Spotify does not say.
    """
    with _link(settings, clock) as (client, link):
        user_id = link.user_id()
        return link.ask(lambda: client.playlists(user_id))[0]


@contextmanager
def _link(settings: Settings, clock: Clock) -> Iterator[tuple[SpotifyClient, Link]]:
    """What to ask with; the link sends nothing while Spotify wants to be left alone."""
    account, memory = SpotifyAccount(settings, clock=clock), Memory(memory_file(), clock=clock)
    client = SpotifyClient(account, memory=memory, clock=clock, api_url=settings.spotify_api_url)
    try:
        yield client, Link(client, account, memory, clock=clock, publish=lambda _: None)
    finally:
        client.close()
