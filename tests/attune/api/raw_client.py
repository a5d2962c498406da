"""A client that sends bytes as they are, for what no well-behaved library sends."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.attune.api.server import RunningServer

PATIENCE_S = 60.0


@contextmanager
def connected(server: RunningServer) -> Iterator[socket.socket]:
    host, _, port = server.address.partition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        yield connection


def request(server: RunningServer, line: str, *headers: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", f"Host: {server.address}", *headers, "", ""]).encode()


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str], Any]:
    """Status, headers and the JSON of an answer that says its length."""
    with connection.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        headers = {}
        while (line := stream.readline().decode().strip()) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return status, headers, json.loads(stream.read(int(headers["content-length"])))


def is_closed(connection: socket.socket) -> bool:
    """Wait until the server has closed the connection, or has broken it off."""
    try:
        while connection.recv(65_536):
            pass
    except ConnectionError:
        pass
    return True


def eventually(condition: Callable[[], bool]) -> bool:
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.01)
    return True
