"""Owns the fake Spotify as a server on a port of this machine, and the network that may go away under it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.fake_spotify.front import Front
from tests.fake_spotify.world import World

__all__ = ["FakeSpotify", "fake_spotify"]

_START_S = 10.0
_STOP_S = 5.0


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
        self._app = Front(self, self.failures)
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
    # asyncio switches Nagle's algorithm off only where the protocol is named; else answers take 40 ms.
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", port))
    return one


class _Protocol(H11Protocol):
    """Lets the application get at its connection, to close it without an answer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app_state = {**self.app_state, "connection": self}


class _Server(uvicorn.Server):
    """Stops at once, whatever is going on: every connection is broken off."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.ready.set()
        await self._end.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for one in sockets or []:
            one.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=1.0)

    def end(self) -> None:
        """Let it stop; any thread may ask."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end.set)


class _Running:
    """One stretch of listening, on its own thread."""

    def __init__(self, app: Front, listening: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            date_header=False,
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
