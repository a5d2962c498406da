"""Owns the fake Spotify as a server on a port of this machine, and the network that may go away under it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from fake_spotify.accounts import accounts_routes
from fake_spotify.faults import Fault
from fake_spotify.state import Call
from fake_spotify.web_api import api_routes
from fake_spotify.world import World

__all__ = ["FakeSpotify", "fake_spotify"]

_START_S = 10.0
_STOP_S = 5.0
Message = MutableMapping[str, Any]


class FakeSpotify(World):
    """A world that answers on a port of 127.0.0.1: accounts service and Web API behind one address.

    Parameters
    ----------
    port
        Where; 0 for any that is free.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__()
        self.failures: list[BaseException] = []
        self._socket = _bound(port)
        self.port = int(self._socket.getsockname()[1])
        self._app = _Front(self)
        self._running: _Running | None = None

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``: before /authorize, /api/token and /v1/."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, and answer."""
        self._running = _Running(self._app, self._socket)
        self._running.start()

    def stop(self) -> None:
        """Close everything, whatever is going on."""
        if self._running is not None:
            self._running.stop()
            self._running = None
        self._socket.close()

    def cut_network(self, *, silent: bool = False) -> None:
        """Break every connection and refuse new ones; silent: take them, and never say a word."""
        self.stop()
        self._socket = _bound(self.port)
        if silent:
            self._socket.listen(128)

    def restore_network(self) -> None:
        """Answer again, on the same port."""
        if self._running is None:
            self._socket.close()
            self._socket = _bound(self.port)
            self.start()


@contextmanager
def fake_spotify(port: int = 0) -> Iterator[FakeSpotify]:
    """A fake Spotify that answers while it lasts; what went wrong inside it is raised at the end."""
    server = FakeSpotify(port)
    server.start()
    try:
        yield server
    finally:
        server.stop()
    if server.failures:
        raise server.failures[0]


def _bound(port: int) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", port))
    return one


class _Protocol(H11Protocol):
    """Lets the application get at its connection, to close it without an answer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app_state = {**self.app_state, "protocol": self}


class _Server(uvicorn.Server):
    """Stops at once: every connection is broken off first."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None

    async def main_loop(self) -> None:
        self.loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        await self.on_tick(0)
        self.ready.set()
        await self._end.wait()
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    def end(self) -> None:
        if self.loop is not None and self._end is not None:
            self.loop.call_soon_threadsafe(self._end.set)


class _Running:
    """One stretch of listening, on its own thread."""

    def __init__(self, app: _Front, listening: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name="fake-spotify"
        )

    def start(self) -> None:
        self._thread.start()
        if not self._server.ready.wait(_START_S):
            raise RuntimeError("The fake Spotify did not start.")

    def stop(self) -> None:
        self._server.end()
        self._thread.join(_STOP_S)
        if self._thread.is_alive():
            raise RuntimeError("The fake Spotify did not stop.")


class _Front:
    """Stands before the application: writes every request down, and lets faults befall it."""

    def __init__(self, world: FakeSpotify) -> None:
        self._world = world
        self._app = FastAPI(openapi_url=None, redirect_slashes=False)
        self._app.include_router(accounts_routes(world))
        self._app.include_router(api_routes(world))

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        scope["path"] = scope["path"].rstrip("/") or "/"
        body = await _body(receive)
        visit = _Visit(scope, body, receive, send)
        try:
            await self._answer(visit)
        except Exception as failure:
            self._world.failures.append(failure)
            raise
        finally:
            self._note(visit)

    async def _answer(self, visit: _Visit) -> None:
        fault = self._world.faults.take(visit.method, visit.path)
        if fault is None:
            await self._app(visit.scope, visit.receive, visit.send)
            return
        if fault.carried_out:
            await self._app(visit.scope, visit.receive, _swallow)
        if fault.delay_s and not await visit.wait(fault.delay_s):
            return
        if fault.drop:
            await visit.hang_up()
        elif fault.status is not None:
            await visit.answer(fault)
        else:
            await self._app(visit.scope, visit.receive, visit.send)

    def _note(self, visit: _Visit) -> None:
        world = self._world
        with world.changed:
            world.calls.append(
                Call(
                    visit.method,
                    visit.path,
                    dict(parse_qsl(visit.scope["query_string"].decode())),
                    visit.json(),
                    world.clock.now(),
                    time.monotonic(),
                    visit.status,
                )
            )
            world.changed.notify_all()


class _Visit:
    """One request on its way, and the means to answer it."""

    def __init__(self, scope: Message, body: bytes, receive: Any, send: Any) -> None:
        self.scope = scope
        self.method, self.path = scope["method"], scope["path"]
        self.status: int | None = None
        self._body, self._read = body, False
        self._receive, self._send = receive, send

    def json(self) -> Any:
        """The body where it is JSON; what is sent to the accounts service holds secrets and is left out."""
        with contextlib.suppress(ValueError):
            return json.loads(self._body) if self.path.startswith("/v1") and self._body else None
        return None

    async def receive(self) -> Message:
        if self._read:
            later: Message = await self._receive()
            return later
        self._read = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)

    async def wait(self, seconds: float) -> bool:
        """Wait; False where the other side hung up meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
            return False
        return True

    async def hang_up(self) -> None:
        self.scope["state"]["protocol"].transport.abort()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def answer(self, fault: Fault) -> None:
        kind = "application/json" if fault.body[:1] in (b"{", b"[") else "text/plain"
        headers = {"Content-Type": kind, "Content-Length": str(len(fault.body))} | fault.headers
        await self.send(
            {
                "type": "http.response.start",
                "status": fault.status,
                "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            }
        )
        await self.send({"type": "http.response.body", "body": fault.body})


async def _body(receive: Any) -> bytes:
    return b"".join([part async for part in _parts(receive)])


async def _parts(receive: Any) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def _swallow(_: Message) -> None:
    pass
