"""The redirect from Spotify back to this machine: its socket, its request, and the page for people."""

from __future__ import annotations

import html
import logging
import os
import socket
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from spotify.app_registration import ANY_PORT, redirect_uri
from spotify.errors import SpotifyError

_LOG = logging.getLogger(__name__)
_HOST: Final = "127.0.0.1"
_PATH: Final = "/callback"
MAX_BYTES: Final = 16_384
"""Longest request; Spotify's are far shorter."""


class CallbackError(SpotifyError):
    """No port is free."""


@dataclass(frozen=True, slots=True)
class RedirectRequest:
    """A browser's request: the parameters of Spotify's answer, or status and reason of our refusal."""

    answer: dict[str, str] = field(repr=False)
    refused: tuple[str, str] | None = None


def listen(port: int) -> tuple[socket.socket, str]:
    """Listen on a port, or on any free one where it is taken, which the sentence returned says.

    Parameters
    ----------
    port
        Of 127.0.0.1; 0: any.

    Raises
    ------
    CallbackError
        No port is free.
    """
    try:
        return _bind(port), ""
    except OSError as taken:
        _LOG.info("port %d cannot be listened on: %s", port, taken.strerror)
    try:
        listening = _bind(0)
    except OSError as error:
        raise CallbackError(
            f"No port of {_HOST} can be listened on for Spotify's answer ({error.strerror}): look at this "
            "machine's firewall."
        ) from error
    here = redirect_uri(int(listening.getsockname()[1]))
    return listening, (
        f"Port {port} is taken by another program, so Spotify has to answer at {here}: should it not know "
        f"that address, end the other program, or add {ANY_PORT}, which goes with every port, to your "
        "app's Redirect URIs."
    )


def _bind(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # Connections of the last sign-in linger for a minute; other listeners are still kept out.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((_HOST, port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening


def parse_request(head: bytes, port: int) -> RedirectRequest:
    """Parse the head of a request.

    Parameters
    ----------
    head
        Request line and header fields.
    port
        On which it came.
    """
    first, *fields = head.decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    try:
        target = urlsplit(rest.partition(" ")[0])
    except ValueError:
        return RedirectRequest({}, ("400 Bad Request", "That is no address."))
    hosts = [field.partition(":")[2].strip() for field in fields if field.lower().startswith("host:")]
    if target.path != _PATH or hosts != [f"{_HOST}:{port}"]:
        return RedirectRequest({}, ("404 Not Found", "This is Attune, waiting for Spotify's answer."))
    if method != "GET":
        return RedirectRequest({}, ("405 Method Not Allowed", "Answers come by GET."))
    return RedirectRequest(dict(parse_qsl(target.query)))


def html_response(status: str, title: str, sentence: str) -> bytes:
    """HTTP response with a page for people.

    Parameters
    ----------
    status
        Code and reason phrase.
    title, sentence
        Of the page.
    """
    body = _page(title, sentence).encode()
    head = (
        f"HTTP/1.1 {status}\r\n"
        "Content-Type: text/html; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\n"
        "Referrer-Policy: no-referrer\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body


def _page(title: str, sentence: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<title>{html.escape(title)} - Attune</title><style>"
        ":root{color-scheme:light dark}body{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;"
        "margin:18vh auto;padding:0 1.5rem}h1{font-size:1.7rem;margin-bottom:.4rem}p{opacity:.85}"
        f"</style></head><body><h1>{html.escape(title)}</h1><p>{html.escape(sentence)}</p></body></html>"
    )
