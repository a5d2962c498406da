"""Owns the errors of the Spotify room that travel between its modules; each holds one sentence for people."""

from __future__ import annotations

from core.errors import AttuneError

__all__ = [
    "SignInAgainError",
    "SignedOutError",
    "SpotifyError",
    "SpotifyLimitedError",
    "SpotifyUnreachableError",
]


class SpotifyError(AttuneError):
    """Something about Spotify does not work."""


class SignedOutError(SpotifyError):
    """Nobody is signed in: there was no sign-in yet, or the user disconnected."""


class SignInAgainError(SpotifyError):
    """What is kept of the sign-in is worth nothing any more; only a new sign-in helps."""


class SpotifyUnreachableError(SpotifyError):
    """Spotify does not answer, or has trouble of its own; it may work again in a moment."""


class SpotifyLimitedError(SpotifyError):
    """Spotify was asked too often.

    Parameters
    ----------
    message
        For people.
    wait_s
        For how long it is useless to ask again, s; None where Spotify did not say.
    """

    def __init__(self, message: str, *, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s
