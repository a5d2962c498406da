"""Errors of the Spotify room; each message is one sentence for people."""

from __future__ import annotations

from core.errors import AttuneError


class SpotifyError(AttuneError):
    """Something about Spotify does not work."""


class SignedOutError(SpotifyError):
    """Nobody is signed in: there was no sign-in, or the user disconnected."""


class SignInAgainError(SpotifyError):
    """The stored sign-in is no longer valid; only a new sign-in helps."""


class SpotifyUnreachableError(SpotifyError):
    """Spotify does not answer, or has trouble of its own; it may work again in a moment."""


class SpotifyLimitedError(SpotifyError):
    """Spotify was asked too often.

    Parameters
    ----------
    message
        For people.
    wait_s
        Time until the next try, s; None where Spotify did not say.
    """

    def __init__(self, message: str, *, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s
