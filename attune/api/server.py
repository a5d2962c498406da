"""uvicorn as `attune serve` runs it: it ends in order, and its connections are bounded (`connections.py`)."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI

from attune.api.connections import http_protocol, websocket_protocol
from attune.api.limits import ServerLimits
from core.errors import AttuneError
from core.stop_signals import on_stop_signals, restore_signals

_BACKLOG: Final = 512
_OTHER_FILES: Final = 400  # libraries, sound, logs, and what is opened for an answer
_MAX_FRAME: Final = 1_000_000  # bytes of one WebSocket message: several seconds of sound


class ApiServer(uvicorn.Server):
    """A server of one application.

    Parameters
    ----------
    app
        As `create_app` makes it.
    limits
        How many connections, and how long they may take.
    on_ready
        Called once it answers.
    """

    def __init__(
        self, app: FastAPI, limits: ServerLimits, *, on_ready: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=http_protocol(limits),
                ws=websocket_protocol(limits),
                ws_max_size=_MAX_FRAME,
                ws_per_message_deflate=False,  # sound does not shrink, and a bomb would
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_keep_alive=limits.keep_alive_s,
                timeout_graceful_shutdown=limits.shutdown_s,
            )
        )
        self._app, self._on_ready = app, on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the application, then answer."""
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell what streams that they are to end, and wait for answers that are under way."""
        self._app.state.services.stopping.set()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Within, the first stop signal ends the server in order, a second one the program at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = on_stop_signals(self._end)
        try:
            yield
        finally:
            restore_signals(before)

    def _end(self, _number: int) -> None:
        self.should_exit = True


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that is bound, so that what is wrong is said before anything is loaded.

    Parameters
    ----------
    host
        An address or a name of this machine; ``::`` and ``0.0.0.0`` mean all its addresses.
    port
        0 for a free one.

    Raises
    ------
    AttuneError
        The address or the port cannot be used.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, protocol, _, address = found[0]
        # Without the protocol asyncio leaves Nagle's algorithm on, which delays answers by 40 ms.
        bound = socket.socket(family, socket.SOCK_STREAM, protocol)
    except (OSError, UnicodeError) as error:  # such as a..b
        reason = getattr(error, "strerror", None) or "it is no name"
        raise AttuneError(f"{host} is no address of this machine ({reason}): use another --host.") from error
    try:
        if os.name == "posix":  # a port whose last connections are still closing can be used
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise AttuneError(
            f"{host}, port {port} cannot be used ({error.strerror}): use another --host or --port."
        ) from error
    return bound


def allow_open_files(limits: ServerLimits) -> None:
    """Let the process open as many files as the connections need, where the system has such a limit.

    Raises
    ------
    AttuneError
        The system allows fewer.
    """
    try:
        import resource  # noqa: PLC0415 - POSIX
    except ImportError:
        return
    needed = limits.max_connections + _OTHER_FILES
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = (needed if value == resource.RLIM_INFINITY else value for value in limit)
    if hard < needed:
        raise AttuneError(
            f"{limits.max_connections} connections need {needed} open files, and the system allows {hard}: "
            "take fewer --max-streams, or raise that limit (`ulimit -Hn`)."
        )
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, limit[1]))


def addresses(sock: socket.socket) -> Sequence[str]:
    """Where a server can be reached: one address, or with all addresses also the name of the machine."""
    host, port = sock.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - read, not bound
        return f"http://127.0.0.1:{port}", f"http://{socket.gethostname()}:{port}"
    return (f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}",)
