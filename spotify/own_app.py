"""Owns what people have to know about the app of their own that Spotify asks for, and its client id."""

from __future__ import annotations

import re
from typing import Final

from spotify.errors import SpotifyError

__all__ = [
    "ANY_PORT",
    "CALLBACK_PORT",
    "ClientIdError",
    "checked_client_id",
    "redirect_uri",
    "steps",
]

CALLBACK_PORT: Final = 8898
ANY_PORT: Final = "http://127.0.0.1/callback"
"""Registered with an app, this redirect address goes with every port."""
_CLIENT_ID: Final = re.compile("[0-9a-f]{32}")


class ClientIdError(SpotifyError):
    """What was given is no client id."""


def redirect_uri(port: int = CALLBACK_PORT) -> str:
    """Address of this machine to which the answer comes, as it is registered with the app; port 0: any."""
    return f"http://127.0.0.1:{port}/callback" if port else ANY_PORT


def steps(port: int = CALLBACK_PORT) -> tuple[str, ...]:
    """What people do once to get a client id, step by step, where that is the callback port."""
    return (
        "Open https://developer.spotify.com/dashboard and log in with your Spotify account. It needs "
        "Premium: the app works only while its owner has it.",
        'Press "Create app" and give it any name and description.',
        f"Under Redirect URIs add exactly {redirect_uri(port)} (not localhost), and under APIs used tick "
        "Web API. Save.",
        "If others use Attune with your app, add their Spotify accounts under User Management: an app in "
        "development mode has room for five users.",
        "Copy the Client ID, 32 hexadecimal digits, from the app's settings. The client secret is not "
        "needed: give it to nobody.",
    )


def checked_client_id(given: str) -> str:
    """Check what was typed or pasted as a client id.

    Returns
    -------
    client_id
        In lower case, without the blanks around it.

    Raises
    ------
    ClientIdError
        It is none.
    """
    client_id = given.strip().lower()
    if not _CLIENT_ID.fullmatch(client_id):
        # Not quoted whole: what is pasted by mistake may be a secret.
        shown = f"{client_id[:6]}..." if len(client_id) > 12 else client_id
        raise ClientIdError(
            f"{shown!r} ({len(client_id)} characters) is no client id, which has 32 hexadecimal digits: "
            "copy it from your app's settings on developer.spotify.com/dashboard."
        )
    return client_id
