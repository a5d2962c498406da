"""Who may use the API: the token, the names it is called by, and the web pages of others."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from attune.api.problems import HttpProblem, problem_response
from core.errors import AttuneError
from core.text import printable

SUBPROTOCOL: Final = "attune.v1"
TOKEN_SUBPROTOCOL: Final = "attune.bearer."  # noqa: S105 - what stands before it
"""Browsers cannot set headers of a WebSocket: they offer `attune.v1` and this with the token in base64url."""

OPEN_PATHS: Final = frozenset({"/", "/openapi.json", "/health/live", "/health/ready", "/demo"})
"""Answered without a token: they tell nothing of what is heard."""

_MAX_SHOWN: Final = 100  # characters of a client's own text in an answer
_OPEN_FOLDERS: Final = ("/demo/",)


@dataclass(frozen=True, slots=True)
class ApiAccess:
    """Who may use the API."""

    token: str | None = None  # None: no token is asked for, which is for loopback alone
    hosts: tuple[str, ...] = ()  # further names of this machine; its own and addresses are known
    origins: tuple[str, ...] = ()  # web pages of others that may use it, such as https://example.org


class AccessCheck:
    """Middleware that refuses wrong hosts, web pages of others, and requests without the token."""

    def __init__(self, app: ASGIApp, access: ApiAccess) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] in ("http", "websocket") and (problem := refusal(scope, self._access)) is not None:
            await problem_response(scope, problem)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def refusal(scope: Scope, access: ApiAccess) -> HttpProblem | None:
    """Why a request is refused; None where it is not.

    A name that is not this machine's is refused, since a web page can point a name of its own here (DNS
    rebinding); an address cannot be pointed elsewhere. `Origin` is checked also for what a browser sends
    without asking (simple requests and WebSockets), which CORS leaves through.
    """
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if not is_own_host(host, access.hosts):
        return HttpProblem(
            421,
            f"This server is not called {_shown(host) or 'nothing'}: use its address, or allow the name "
            "with --allow-host.",
        )
    origin = headers.get("origin")
    if origin is not None and not _is_welcome(origin, host, access.origins):
        return HttpProblem(
            403, f"Web pages of {_shown(origin)} may not use this server: allow them with --allow-origin."
        )
    if access.token is None or _is_open(scope["path"]) or _has_token(scope, headers, access.token):
        return None
    return HttpProblem(
        401,
        "This server asks for its token: send it as `Authorization: Bearer TOKEN`.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def check_access(host: str, access: ApiAccess) -> None:
    """Check who could reach a server, before it is started.

    Raises
    ------
    AttuneError
        Other machines could reach it without a token, or an origin is none.
    """
    if access.token is None and not is_loopback(host):
        raise AttuneError(
            f"Other machines can reach {host}: give a token with --token-file or in ATTUNE_API_TOKEN, or "
            "use --host 127.0.0.1."
        )
    for origin in access.origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or f"{parts.scheme}://{parts.netloc}" != origin:
            raise AttuneError(f"{origin} is no origin of web pages: write it as https://example.org.")


def is_own_host(host: str, hosts: tuple[str, ...]) -> bool:
    """Whether a `Host` header names this machine: an address, its own name, or one that was allowed.

    Examples
    --------
    >>> is_own_host("127.0.0.1:8000", ()), is_own_host("[::1]", ()), is_own_host("evil.example", ())
    (True, True, False)
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    own = socket.gethostname().lower()
    return name in {"localhost", own, f"{own}.local", *map(str.lower, hosts)} or is_address(name)


def is_address(name: str) -> bool:
    """Whether a host is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether what is bound to a host can be reached from this machine alone."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_welcome(origin: str, host: str, origins: tuple[str, ...]) -> bool:
    return origin in origins or origin.partition("://")[2].lower() == host.lower()


def _shown(text: str) -> str:
    return printable(text)[:_MAX_SHOWN]


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(_OPEN_FOLDERS)


def _has_token(scope: Scope, headers: Headers, token: str) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    offered = [given.strip()] if scheme.lower() == "bearer" else []
    offered += map(_decoded, scope.get("subprotocols", ()))
    return any(_same(one, token) for one in offered)


def _decoded(subprotocol: str) -> str:
    """The token in a subprotocol; empty where there is none."""
    if not subprotocol.startswith(TOKEN_SUBPROTOCOL):
        return ""
    encoded = subprotocol.removeprefix(TOKEN_SUBPROTOCOL)
    try:
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""


def _same(given: str, token: str) -> bool:
    """Compare in a time that says nothing on either."""
    return hmac.compare_digest(
        hashlib.sha256(given.encode(errors="surrogateescape")).digest(),
        hashlib.sha256(token.encode()).digest(),
    )
