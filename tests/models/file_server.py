"""A small HTTP server on this machine that serves one file, as well or as badly as a test wants."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["FileServer", "closed_port", "serving"]


@dataclass
class FileServer:
    """What it gives, and how; may be changed between requests.

    `cuts` are numbers of bytes after which the connection breaks, for one answer each; `stall_s` and `drip_s`
    are waits before the answer and between thousands of bytes; `asked` are the headers Range and If-Range of
    the requests.
    """

    content: bytes
    url: str = ""
    status: int = 200
    ranges: bool = True
    heeds_if_range: bool = True
    tells_etag: bool = True
    tells_length: bool = True
    content_type: str = "application/octet-stream"
    redirect_to: str = ""
    stall_s: float = 0.0
    drip_s: float = 0.0
    cuts: list[int] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"' if self.tells_etag else ""


@contextmanager
def serving(server: FileServer) -> Iterator[FileServer]:
    """Serve while it lasts; sets the server's address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, server)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_address[1]}/yamnet.h5"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def closed_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _answer(request: BaseHTTPRequestHandler, server: FileServer) -> None:
    wanted, if_range = request.headers.get("Range", ""), request.headers.get("If-Range", "")
    server.asked.append((wanted, if_range))
    if server.redirect_to:
        request.send_response(302)
        request.send_header("Location", server.redirect_to)
        request.end_headers()
        return
    time.sleep(server.stall_s)
    size = len(server.content)
    first = _first(server, wanted, if_range)
    if first >= size > 0 and server.status == 200:
        request.send_error(416)
        return
    request.send_response(206 if first and server.status == 200 else server.status)
    body = server.content[first:]
    request.send_header("Content-Type", server.content_type)
    if server.tells_length:
        request.send_header("Content-Length", str(len(body)))
    if server.etag:
        request.send_header("ETag", server.etag)
    if first:
        request.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
    request.end_headers()
    _send(request, server, body[: server.cuts.pop(0)] if server.cuts else body)


def _first(server: FileServer, wanted: str, if_range: str) -> int:
    if not (wanted and server.ranges) or (server.heeds_if_range and if_range != server.etag):
        return 0
    return int(wanted.removeprefix("bytes=").removesuffix("-"))


def _send(request: BaseHTTPRequestHandler, server: FileServer, body: bytes) -> None:
    step = 1000 if server.drip_s else len(body) or 1
    try:
        for start in range(0, len(body), step):
            request.wfile.write(body[start : start + step])
            request.wfile.flush()
            time.sleep(server.drip_s)
    except OSError:
        pass  # who asked has hung up
