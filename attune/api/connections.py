"""Connections of uvicorn, bounded: how many, and how long a client may take to ask and to read."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

from attune.api.limits import ServerLimits
from attune.api.problems import PROBLEM_TYPE

GOING_AWAY: Final = 1001  # the close code of a server that ends (RFC 6455)

_FULL: Final = json.dumps(
    {
        "type": "about:blank",
        "title": "Busy",
        "status": 503,
        "detail": "The server has as many connections as it can hold: try again later.",
        "request_id": "",
    }
).encode()
_REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n"
    + f"Content-Type: {PROBLEM_TYPE}\r\nContent-Length: {len(_FULL)}\r\n\r\n".encode()
    + _FULL
)


def http_protocol(limits: ServerLimits) -> type[H11Protocol]:
    """What uvicorn makes for each connection."""

    class BoundedHttp(H11Protocol):
        """Refuses connections beyond the limit, and closes those whose client is silent or does not read."""

        _waiting: asyncio.TimerHandle | None = None  # for the head of a request
        _writing: asyncio.TimerHandle | None = None  # for a client that reads

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            if len(self.connections) >= limits.max_connections:
                self.transport = transport
                transport.write(_REFUSAL)
                transport.close()
                return
            super().connection_made(transport)
            _forget_dead_peers(transport, limits.write_s)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._disarm()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if not self.transport.is_closing():
                super().data_received(data)
                self._watch()

        def handle_websocket_upgrade(self, event: Any) -> None:
            self._disarm()
            super().handle_websocket_upgrade(event)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._writing = self.loop.call_later(limits.write_s, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._writing is not None:
                self._writing.cancel()

        def _watch(self) -> None:
            """Give a client some time while nothing of it is being answered."""
            answering = self.cycle is not None and not self.cycle.response_complete
            if answering or self.transport.get_protocol() is not self:
                self._disarm_waiting()
            elif self._waiting is None:
                self._waiting = self.loop.call_later(limits.head_s, self.transport.abort)

        def _disarm_waiting(self) -> None:
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None

        def _disarm(self) -> None:
            self._disarm_waiting()
            if self._writing is not None:
                self._writing.cancel()

    return BoundedHttp


def websocket_protocol(limits: ServerLimits) -> type[WebSocketsSansIOProtocol]:
    """What uvicorn makes for each WebSocket."""

    class BoundedWebSocket(WebSocketsSansIOProtocol):
        """Closes with 1001 when the server ends, and drops clients that do not read."""

        _writing: asyncio.TimerHandle | None = None

        def connection_lost(self, exc: Exception | None) -> None:
            self._disarm()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._writing = self.loop.call_later(limits.write_s, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._disarm()

        async def send(self, message: Any) -> None:
            await super().send(message)
            if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
                # uvicorn 0.54 takes a stream that was refused with an answer for one without any.
                self.handshake_complete = True

        def shutdown(self) -> None:
            if not self.handshake_complete or self.close_sent:
                super().shutdown()
                return
            self.stop_keepalive()
            self.queue.put_nowait({"type": "websocket.disconnect", "code": GOING_AWAY})
            with suppress(InvalidState):  # the client's own close has just come
                self.conn.send_close(GOING_AWAY, "The server ends.")
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

        def _disarm(self) -> None:
            if self._writing is not None:
                self._writing.cancel()

    return BoundedWebSocket


def _forget_dead_peers(transport: asyncio.Transport, after_s: float) -> None:
    """Have the system drop a connection whose other side does not acknowledge what was sent."""
    sock = transport.get_extra_info("socket")
    if sock is not None and hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(after_s * 1000))
