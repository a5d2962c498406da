"""An id for each request: the client's own where it is plain, else a new one."""

from __future__ import annotations

import re
import uuid
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = "X-Request-ID"

_WITH_HEADERS: Final = ("http.response.start", "websocket.accept", "websocket.http.response.start")
_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIds:
    """Middleware that gives each request its id, in `scope["state"]["request_id"]` and as a header."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        own = Headers(scope=scope).get(HEADER, "")
        request_id = own if _PLAIN.fullmatch(own) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id

        async def name(message: Message) -> None:
            if message["type"] in _WITH_HEADERS:
                message.setdefault("headers", [])
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        await self._app(scope, receive, name)
