"""Owns what the client wants of a sign-in: the right to ask as somebody, for as long as it is good."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Credentials"]


class Credentials(Protocol):
    """One account's sign-in; any thread may ask, and what asks the network may take some seconds.

    Nothing that it raises or logs holds a token.
    """

    @property
    def account(self) -> str:
        """Whose it is, for people; empty where that is not known."""

    def access_token(self) -> str:
        """A token that is good now; where the last one has expired it is renewed, once.

        Raises
        ------
        SignedOutError
            Nobody is signed in.
        SignInAgainError
            The sign-in has ended (six months are over, it was revoked, or the app is gone), and its token is
            forgotten; or what is kept of it cannot be read, and nothing is forgotten.
        SpotifyLimitedError
            The accounts service was asked too often.
        SpotifyUnreachableError
            The accounts service does not answer.
        """

    def refresh(self) -> str:
        """A new token, though the last one looked good: Spotify did not accept it.

        Raises
        ------
        SignedOutError, SignInAgainError, SpotifyLimitedError, SpotifyUnreachableError
            As `access_token` does.
        """
