"""Owns the way back of Spotify's answer to this machine: the socket, the request, and the page for people."""

from __future__ import annotations

import html
import logging
import os
import socket
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from spotify.errors import SpotifyError
from spotify.own_app import ANY_PORT, redirect_uri

__all__ = ["MOST_BYTES", "CallbackError", "Request", "listen", "parsed", "response"]

_LOG = logging.getLogger(__name__)
_HOST: Final = "127.0.0.1"
_PATH: Final = "/callback"
MOST_BYTES: Final = 16_384
"""Of a request; Spotify's are far shorter."""


class CallbackError(SpotifyError):
    """Nothing can be listened on."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a browser brought: Spotify's answer, or else the status and the reason of a refusal."""

    answer: dict[str, str] = field(repr=False)
    refused: tuple[str, str] | None = None


def listen(port: int) -> tuple[socket.socket, str]:
    """A socket on that port, or on any where it is taken; and one sentence if so."""
    try:
        return _listening_on(port), ""
    except OSError as taken:
        _LOG.info("port %d cannot be listened on: %s", port, taken.strerror)
    try:
        listening = _listening_on(0)
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


def _listening_on(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # Connections of the sign-in before linger for a minute; a listener keeps others out all the same.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((_HOST, port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening


def parsed(head: bytes, port: int) -> Request:
    """Read a request's head, as far as it matters."""
    first, *fields = head.decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    try:
        target = urlsplit(rest.partition(" ")[0])
    except ValueError:
        return Request({}, ("400 Bad Request", "That is no address."))
    hosts = [field.partition(":")[2].strip() for field in fields if field.lower().startswith("host:")]
    if target.path != _PATH or hosts != [f"{_HOST}:{port}"]:
        return Request({}, ("404 Not Found", "This is Attune, waiting for Spotify's answer."))
    if method != "GET":
        return Request({}, ("405 Method Not Allowed", "Answers come by GET."))
    return Request(dict(parse_qsl(target.query)))


def response(status: str, title: str, sentence: str) -> bytes:
    """A page for people, as it goes over the wire."""
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
