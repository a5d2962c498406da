"""Requests to Spotify's accounts service: address of the consent page, and exchange for tokens (PKCE)."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from spotify.errors import SignInAgainError, SpotifyError, SpotifyLimitedError, SpotifyUnreachableError
from spotify.retry_after import parse_retry_after

SCOPES: Final = (
    "user-read-playback-state",
    "user-modify-playback-state",
    "playlist-read-private",
    "playlist-read-collaborative",
)
"""Always asked for."""
CREATE_PLAYLISTS: Final = "playlist-modify-private"  # also asked for where the user wants to create playlists

_TIMEOUT_S: Final = (5.0, 10.0)  # of the connection, of the answer
_DEFAULT_LIFE_S: Final = 3600.0


class WrongAppError(SignInAgainError):
    """Spotify knows no app with this client id."""


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """Tokens from the accounts service."""

    # The latter is empty where the old one stays valid.
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    life_s: float  # lifetime of the access token
    scopes: tuple[str, ...]  # granted scopes


def consent_url(
    accounts_url: str,
    *,
    client_id: str,
    redirect_uri: str,
    verifier: str,
    scopes: tuple[str, ...],
    state: str,
) -> str:
    """Address of the consent page.

    Parameters
    ----------
    accounts_url
        Address of the accounts service.
    client_id, redirect_uri
        Of the user's app.
    verifier
        PKCE code verifier.
    scopes
        To ask for.
    state
        Random value that the answer must repeat.
    """
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = {
        "client_id": client_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "code_challenge_method": "S256",
        "code_challenge": challenge,
        "scope": " ".join(scopes),
        "state": state,
    }
    return f"{accounts_url}/authorize?{urlencode(query)}"


def refused_app(url: str) -> str:
    """Check with Spotify whether the consent page will show an error.

    Parameters
    ----------
    url
        Address of the page.

    Returns
    -------
    problem
        ``client`` or ``redirect`` where the client id or the redirect address is wrong; else empty, also
        where Spotify does not answer.
    """
    import requests  # noqa: PLC0415 - only where something is asked

    try:
        answer = requests.get(url, allow_redirects=False, timeout=_TIMEOUT_S)
    except requests.exceptions.RequestException:
        return ""
    if not 400 <= answer.status_code < 500:
        return ""
    said = answer.text[:20_000].lower()
    if "redirect uri" in said or "redirect_uri" in said:
        return "redirect"
    return "client" if "invalid_client" in said or "invalid client" in said else ""


def for_code(
    accounts_url: str, *, client_id: str, code: str, verifier: str, redirect_uri: str
) -> TokenResponse:
    """Exchange the code of a consent for tokens.

    Parameters
    ----------
    accounts_url
        Address of the accounts service.
    client_id, redirect_uri, verifier
        As in `consent_url`.
    code
        From the redirect.

    Raises
    ------
    SignInAgainError
        The code is not accepted.
    SpotifyLimitedError, SpotifyUnreachableError
        The service gives no tokens now.
    """
    return _request_tokens(
        accounts_url,
        {
            "grant_type": "authorization_code",
            "client_id": client_id,
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": redirect_uri,
        },
    )


def for_refresh_token(accounts_url: str, *, client_id: str, refresh_token: str) -> TokenResponse:
    """Exchange a refresh token for a new access token.

    Parameters
    ----------
    accounts_url
        Address of the accounts service.
    client_id, refresh_token
        Of the sign-in.

    Raises
    ------
    SignInAgainError
        The refresh token is no longer valid.
    SpotifyLimitedError, SpotifyUnreachableError
        The service gives none now; asking again is safe.
    """
    return _request_tokens(
        accounts_url,
        {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": refresh_token},
    )


def _request_tokens(accounts_url: str, form: Mapping[str, str]) -> TokenResponse:
    status, headers, answer = _post(f"{accounts_url}/api/token", form)
    if status != 200:
        raise refusal(status, headers, answer)
    token, life_s = answer.get("access_token"), answer.get("expires_in", _DEFAULT_LIFE_S)
    if not isinstance(token, str) or not token or not isinstance(life_s, int | float):
        raise SpotifyUnreachableError("Spotify's accounts service gave no token: try again.")
    refresh_token, scope = answer.get("refresh_token"), answer.get("scope")
    return TokenResponse(
        token,
        refresh_token if isinstance(refresh_token, str) else "",
        float(life_s),
        tuple(scope.split()) if isinstance(scope, str) else (),
    )


def _post(url: str, form: Mapping[str, str]) -> tuple[int, Mapping[str, str], dict[str, Any]]:
    """Status, headers, and JSON object of the answer, which is empty where there is none."""
    import requests  # noqa: PLC0415 - only where something is asked

    problem = ""
    try:
        answer = requests.post(
            url,
            data=form,
            auth=lambda request: request,  # else a .netrc of the user's could replace the header
            allow_redirects=False,
            timeout=_TIMEOUT_S,
        )
    except requests.exceptions.SSLError:
        problem = (
            "no secure connection: look at this machine's clock and at what stands between it and the network"
        )
    except requests.exceptions.Timeout:
        problem = "no answer in time: try again later"
    except requests.exceptions.RequestException:
        problem = "no connection: look whether this machine is online"
    if problem:  # raised here, because the library's exceptions hold the request with its secrets
        raise SpotifyUnreachableError(f"Spotify's accounts service cannot be reached, {problem}.")
    try:
        given = answer.json()
    except ValueError:
        given = None
    return answer.status_code, answer.headers, given if isinstance(given, dict) else {}


def refusal(status: int, headers: Mapping[str, str], answer: Mapping[str, Any]) -> SpotifyError:
    """The error that an answer of the accounts service stands for, which gave no tokens."""
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
        wait_s = parse_retry_after(headers.get("Retry-After", ""), time.time())
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
