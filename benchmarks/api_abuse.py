"""The memory of `attune serve` while clients misbehave: many connections, half-open ones, and huge bodies.

`python -m benchmarks.api_abuse` prints the resident memory of the server after each of them (Linux).
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

import requests

_MB: Final = 1_000_000
_HEAD: Final = (
    "POST /v1/emotion HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
)
_PART: Final = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n'
_CHUNK: Final = b"100000\r\n" + bytes(0x100000) + b"\r\n"

Address = tuple[str, int]


def open_and_drop(address: Address) -> str:
    """10 000 connections, each closed at once, half of them after a part of a question."""
    for index in range(10_000):
        with suppress(OSError), socket.create_connection(address, 30) as connection:
            if index % 2:
                connection.sendall(b"GET /health")
    return "10 000 connections opened and dropped"


def half_open(address: Address) -> str:
    """2 000 connections that ask half a question and wait, until all are closed by the server."""
    refused = 0
    with ExitStack() as stack:
        connections = []
        for _ in range(2000):
            with suppress(OSError):
                connection = stack.enter_context(socket.create_connection(address, 60))
                connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: ")
                connections.append(connection)
        for connection in connections:
            with suppress(OSError):
                refused += connection.recv(64).startswith(b"HTTP/1.1 503")
    return f"2 000 connections held half open: {refused} refused, the others closed after 10 s"


def declared_gigabytes(address: Address) -> str:
    """50 bodies that say they have 1 GB, and send what they can."""
    refused = sent = 0
    for _ in range(50):
        with socket.create_connection(address, 60) as connection:
            connection.sendall(f"{_HEAD}Content-Length: 1000000000\r\n\r\n".encode())
            with suppress(OSError):
                for _ in range(20):
                    connection.sendall(_CHUNK)
                    sent += len(_CHUNK)
            with suppress(OSError):
                refused += connection.recv(64).startswith(b"HTTP/1.1 413")
    return f"50 bodies of a declared 1 GB, {sent / _MB:.0f} MB sent: {refused} refused"


def endless_bodies(address: Address) -> str:
    """8 bodies without a length, one after the other, until they are refused."""
    refused = sent = 0
    for _ in range(8):
        with socket.create_connection(address, 60) as connection:
            connection.sendall(f"{_HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
            connection.sendall(f"{len(_PART):x}\r\n".encode() + _PART + b"\r\n")
            with suppress(OSError):
                for _ in range(1000):
                    connection.sendall(_CHUNK)
                    sent += len(_CHUNK)
            with suppress(OSError):
                refused += connection.recv(64).startswith(b"HTTP/1.1 413")
    return f"8 bodies of 1 GB without a length, {sent / _MB:.0f} MB sent: {refused} answered 413"


_TRIALS: Final[tuple[Callable[[Address], str], ...]] = (
    open_and_drop,
    half_open,
    declared_gigabytes,
    endless_bodies,
)


def _memory_mb(process: int, name: str) -> float:
    """A figure of Linux on a process, in MB: `VmRSS` is its memory, `VmHWM` the most that it had."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(name))


def main() -> None:
    """Print a line for each trial."""
    program = subprocess.Popen(
        [sys.executable, "-m", "attune", "serve", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert program.stdout is not None
        url = program.stdout.readline().split()[3].rstrip(".")
        while not requests.get(f"{url}/health/ready", timeout=60).ok:
            time.sleep(0.5)
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        print(f"{_memory_mb(program.pid, 'VmRSS'):6.0f} MB  with the models loaded")
        for trial in _TRIALS:
            start_s = time.monotonic()
            line = trial(address)
            took_s = time.monotonic() - start_s
            memory_mb = _memory_mb(program.pid, "VmRSS")
            health = requests.get(f"{url}/health/live", timeout=60).status_code
            print(f"{memory_mb:6.0f} MB  {line}; {took_s:.0f} s, then /health/live: {health}")
        print(f"{_memory_mb(program.pid, 'VmHWM'):6.0f} MB  at most")
    finally:
        program.terminate()
        program.wait(30)


if __name__ == "__main__":
    main()
