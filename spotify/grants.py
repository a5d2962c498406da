"""Owns the talk with Spotify's accounts service: where consent is asked for, and what is given for it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from spotify.errors import SignInAgainError, SpotifyError, SpotifyLimitedError, SpotifyUnreachableError

__all__ = [
    "CREATE_PLAYLISTS",
    "SCOPES",
    "Grant",
    "WrongAppError",
    "consent_url",
    "for_code",
    "for_refresh_token",
    "refused_app",
]

SCOPES: Final = (
    "user-read-playback-state",
    "user-modify-playback-state",
    "playlist-read-private",
    "playlist-read-collaborative",
)
"""What is always asked for."""
CREATE_PLAYLISTS: Final = "playlist-modify-private"
"""Asked for besides where the user wants playlists to be made."""

_PATIENCE_S: Final = (5.0, 10.0)  # for the connection, for the answer
_USUAL_LIFE_S: Final = 3600.0


class WrongAppError(SignInAgainError):
    """Spotify knows no app of this client id."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What the accounts service gave.

    Parameters
    ----------
    access_token, refresh_token
        The latter is empty where the old one stays good.
    life_s
        How long the access token lasts.
    scopes
        What it is good for.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    life_s: float
    scopes: tuple[str, ...]


def consent_url(
    accounts_url: str,
    *,
    client_id: str,
    redirect_uri: str,
    verifier: str,
    scopes: tuple[str, ...],
    state: str,
) -> str:
    """Address of the page on which the user is asked."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "client_id": client_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "code_challenge_method": "S256",
        "code_challenge": challenge,
        "scope": " ".join(scopes),
        "state": state,
    }
    return f"{accounts_url}/authorize?{urlencode(asked)}"


def refused_app(url: str) -> str:
    """Look at the page of consent before the user does.

    Returns
    -------
    fault
        ``client`` or ``redirect`` where it says at once that the client id or the redirect address is
        wrong; else empty, also where nothing answers: the browser will tell.
    """
    import requests  # noqa: PLC0415 - only where something is asked

    try:
        answer = requests.get(url, allow_redirects=False, timeout=_PATIENCE_S)
    except requests.exceptions.RequestException:
        return ""
    if not 400 <= answer.status_code < 500:
        return ""
    said = answer.text[:20_000].lower()
    if "redirect uri" in said or "redirect_uri" in said:
        return "redirect"
    return "client" if "invalid_client" in said or "invalid client" in said else ""


def for_code(accounts_url: str, *, client_id: str, code: str, verifier: str, redirect_uri: str) -> Grant:
    """Tokens for the code of a consent.

    Raises
    ------
    SignInAgainError, SpotifyLimitedError, SpotifyUnreachableError
        There are none; the first where the code is not accepted.
    """
    return _grant(
        accounts_url,
        {
            "grant_type": "authorization_code",
            "client_id": client_id,
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": redirect_uri,
        },
    )


def for_refresh_token(accounts_url: str, *, client_id: str, refresh_token: str) -> Grant:
    """A new access token.

    Raises
    ------
    SignInAgainError
        The refresh token is worth nothing any more, and never will be again.
    SpotifyLimitedError, SpotifyUnreachableError
        There is none just now; asking again is safe.
    """
    return _grant(
        accounts_url,
        {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": refresh_token},
    )


def _grant(accounts_url: str, form: Mapping[str, str]) -> Grant:
    status, headers, answer = _posted(f"{accounts_url}/api/token", form)
    if status != 200:
        raise _refusal(status, headers, answer)
    token, life_s = answer.get("access_token"), answer.get("expires_in", _USUAL_LIFE_S)
    if not isinstance(token, str) or not token or not isinstance(life_s, int | float):
        raise SpotifyUnreachableError("Spotify's accounts service gave no token: try again.")
    refresh_token, scope = answer.get("refresh_token"), answer.get("scope")
    return Grant(
        token,
        refresh_token if isinstance(refresh_token, str) else "",
        float(life_s),
        tuple(scope.split()) if isinstance(scope, str) else (),
    )


def _posted(url: str, form: Mapping[str, str]) -> tuple[int, Mapping[str, str], dict[str, Any]]:
    """Status, headers, and the JSON object that came, which is empty where none did."""
    import requests  # noqa: PLC0415 - only where something is asked

    fault = ""
    try:
        answer = requests.post(
            url,
            data=form,
            auth=lambda request: request,  # else a .netrc of the user's decides on the header
            allow_redirects=False,
            timeout=_PATIENCE_S,
        )
    except requests.exceptions.SSLError:
        fault = (
            "no secure connection: look at this machine's clock and at what stands between it and the network"
        )
    except requests.exceptions.Timeout:
        fault = "no answer in time: try again later"
    except requests.exceptions.RequestException:
        fault = "no connection: look whether this machine is online"
    if fault:  # not within the handler: exceptions of the library hold the request, and that the secrets
        raise SpotifyUnreachableError(f"Spotify's accounts service cannot be reached, {fault}.")
    try:
        given = answer.json()
    except ValueError:
        given = None
    return answer.status_code, answer.headers, given if isinstance(given, dict) else {}


def _refusal(status: int, headers: Mapping[str, str], answer: Mapping[str, Any]) -> SpotifyError:
    error = answer.get("error")
    if error == "invalid_grant":
        return SignInAgainError(
            "Spotify accepts this sign-in no longer (six months are over, or it was revoked): sign in again."
        )
    if error in ("invalid_client", "unauthorized_client"):
        return WrongAppError(
            "Spotify knows no app of this client id: compare it with the one on "
            "developer.spotify.com/dashboard, and sign in again."
        )
    if status == 429:
        wait_s = _seconds(headers.get("Retry-After", ""))
        return SpotifyLimitedError(
            "Spotify's accounts service is asked too often: "
            + (f"try again in {wait_s:.0f} s." if wait_s else "try again later."),
            wait_s=wait_s,
        )
    if status >= 500:
        return SpotifyUnreachableError(
            f"Spotify's accounts service has trouble of its own (status {status}): try again later."
        )
    named = error if isinstance(error, str) and re.fullmatch("[a-z_]{1,40}", error) else f"status {status}"
    return SpotifyUnreachableError(f"Spotify's accounts service gave no token ({named}): try again.")


def _seconds(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,7}", text.strip()) else None
