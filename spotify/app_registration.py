"""The user's own Spotify app: how to register it, its redirect address and client id."""

from __future__ import annotations

import re
from typing import Final

from spotify.errors import SpotifyError

CALLBACK_PORT: Final = 8898
ANY_PORT: Final = "http://127.0.0.1/callback"  # redirect address that, once registered, works with every port
STEPS: Final = (
    "Open https://developer.spotify.com/dashboard and log in with your Spotify account. It needs Premium: "
    "the app works only while its owner has it.",
    'Press "Create app" and give it any name and description.',
    "Under Redirect URIs add exactly {address} (not localhost), and under APIs used tick Web API. Save.",
    "If others use Attune with your app, add their Spotify accounts under User Management: an app in "
    "development mode has room for five users.",
    "Copy the Client ID, 32 hexadecimal digits, from the app's settings. The client secret is not needed: "
    "give it to nobody.",
)
"""Instructions to get a client id, with a place for the redirect address."""

_CLIENT_ID: Final = re.compile("[0-9a-f]{32}")


class ClientIdError(SpotifyError):
    """The text is no client id."""


def redirect_uri(port: int = CALLBACK_PORT) -> str:
    """Redirect address on this machine, as registered with the app; port 0: any port."""
    return f"http://127.0.0.1:{port}/callback" if port else ANY_PORT


def steps(port: int = CALLBACK_PORT) -> tuple[str, ...]:
    """Instructions to get a client id, step by step, for this callback port."""
    return tuple(step.format(address=redirect_uri(port)) for step in STEPS)


def checked_client_id(given: str) -> str:
    """Validate a typed or pasted client id, and return it in lower case without surrounding spaces.

    Parameters
    ----------
    given
        The text.

    Raises
    ------
    ClientIdError
        It is no client id.
    """
    client_id = given.strip().lower()
    if not _CLIENT_ID.fullmatch(client_id):
        # Not quoted in full: a secret may have been pasted by mistake.
        shown = f"{client_id[:6]}..." if len(client_id) > 12 else client_id
        raise ClientIdError(
            f"{shown!r} ({len(client_id)} characters) is no client id, which has 32 hexadecimal digits: "
            "copy it from your app's settings on developer.spotify.com/dashboard."
        )
    return client_id
