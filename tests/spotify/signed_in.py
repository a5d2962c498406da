"""A sign-in of the fake's user: credentials that renew their token over the network, as ours do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from spotify import token_exchange
from spotify.errors import SignedOutError, SignInAgainError
from tests.fake_spotify import ALL_SCOPES, CLIENT_ID, FakeSpotify

__all__ = ["SignedIn", "holds_soon"]


class SignedIn:
    """Implements `spotify.client.Credentials`."""

    account = "Robin Listener"

    def __init__(self, server: FakeSpotify, scopes: tuple[str, ...] = ALL_SCOPES) -> None:
        self._url = server.url
        given = server.sign_in(scopes=scopes)
        self._access, self._refresh = str(given["access_token"]), str(given["refresh_token"])
        self.renewed = 0

    def access_token(self) -> str:
        if not self._refresh:
            raise SignedOutError("Nobody is signed in to Spotify: sign in first.")
        return self._access

    def refresh(self) -> str:
        self.renewed += 1
        try:
            self._access = token_exchange.for_refresh_token(
                self._url, client_id=CLIENT_ID, refresh_token=self._refresh
            ).access_token
        except SignInAgainError:
            self.sign_out()
            raise
        return self._access

    def sign_out(self) -> None:
        self._access = self._refresh = ""

    def sign_in_again(self, server: FakeSpotify) -> None:
        given = server.sign_in()
        self._access, self._refresh = str(given["access_token"]), str(given["refresh_token"])


def holds_soon(holds: Callable[[], bool], timeout_s: float = 20.0) -> bool:
    """Whether it holds within that time, which is over as soon as it does."""
    until, pause = time.monotonic() + timeout_s, threading.Event()
    while not holds():
        if time.monotonic() > until:
            return False
        pause.wait(0.002)
    return True
