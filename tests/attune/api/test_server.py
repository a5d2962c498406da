"""A server that ends: answers are finished, streams are closed with 1001."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from fastapi import FastAPI, WebSocket
from fastapi.responses import StreamingResponse
from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.sync.client import connect

from attune.api.connections import websocket_protocol
from attune.api.limits import ServerLimits
from attune.api.server import listening_socket
from attune.api.services import ServicesDep
from core.errors import AttuneError
from tests.attune.api.raw_client import connected, eventually, read_answer, request
from tests.attune.api.server import running_server
from tests.paths import ROOT


def test_streams_are_closed_with_1001_and_an_answer_under_way_is_finished(empty_profile: None) -> None:  # noqa: ARG001
    with running_server() as server:
        begun, go_on = threading.Event(), threading.Event()

        @server.app.websocket("/forever")
        async def forever(socket: WebSocket) -> None:
            await socket.accept()
            async for _ in socket.iter_text():
                pass

        @server.app.get("/slow")
        async def slow(services: ServicesDep) -> str:
            def work() -> str:
                begun.set()
                assert go_on.wait(60)
                return "done"

            return await services.work.run(work)

        @server.app.get("/events")
        async def events(services: ServicesDep) -> StreamingResponse:
            async def lines():  # type: ignore[no-untyped-def]
                yield "first\n"
                await services.stopping.wait()
                yield "last\n"

            return StreamingResponse(lines(), media_type="text/plain")

        with (
            connect(f"ws://{server.address}/forever") as stream,
            requests.get(f"{server.url}/events", stream=True, timeout=60) as told,
            connected(server) as asking,
        ):
            lines = told.iter_lines()
            assert next(lines) == b"first"
            asking.sendall(request(server, "GET /slow"))
            assert begun.wait(60)
            server.server.should_exit = True
            with pytest.raises(ConnectionClosed) as closed:
                stream.recv(timeout=60)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
            assert list(lines) == [b"last"]
            go_on.set()
            status, _, answer = read_answer(asking)
            assert (status, answer) == (200, "done")


def test_a_stream_that_its_client_is_just_closing_is_closed_without_an_error() -> None:
    written: list[bytes] = []

    async def end() -> None:
        stream = websocket_protocol(ServerLimits())(Config(FastAPI()), ServerState(), {})
        stream.conn = ServerProtocol(state=State.CLOSING)
        stream.handshake_complete = True
        transport: Any = SimpleNamespace(write=written.append, close=lambda: written.append(b"closed"))
        stream.transport = transport
        stream.shutdown()

    asyncio.run(end())
    assert written == [b"", b"closed"]


def test_what_takes_too_long_is_refused_when_the_server_ends(empty_profile: None) -> None:  # noqa: ARG001
    go_on = threading.Event()
    with running_server(limits=ServerLimits(shutdown_s=1, workers=1)) as server, connected(server) as asking:

        @server.app.get("/slow")
        async def slow(services: ServicesDep) -> bool:
            return await services.work.run(go_on.wait, 60.0)

        asking.sendall(request(server, "GET /slow"))
        assert eventually(lambda: server.services.work.running == 1)
        server.server.should_exit = True
        status, headers, problem = read_answer(asking)
        assert (status, headers["retry-after"]) == (503, "10")
        assert problem["detail"] == "The server ends: ask again once it runs."
        go_on.set()


def test_a_port_in_use_is_named_before_anything_is_loaded() -> None:
    with listening_socket("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            AttuneError, match=f"127.0.0.1, port {port} cannot be used .*: use another --host or --port"
        ):
            listening_socket("127.0.0.1", port)


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.name.invalid", "a..b", "a" * 64])
def test_an_address_of_another_machine_is_named(host: str) -> None:
    with pytest.raises(AttuneError, match="use another --host"):
        listening_socket(host, 0)


def test_a_busy_server_says_when_to_come_back(empty_profile: None) -> None:  # noqa: ARG001
    from attune.api.problems import HttpProblem  # noqa: PLC0415
    from attune.api.work import WorkSlots  # noqa: PLC0415

    async def fill() -> None:
        work, go_on = WorkSlots(1, 1), threading.Event()
        taken = [asyncio.ensure_future(work.run(go_on.wait, 60.0)) for _ in range(2)]
        await asyncio.sleep(0)
        assert (work.running, work.waiting) == (1, 1)
        with pytest.raises(HttpProblem, match="The server is busy: 1 analyses run and 1 wait") as refused:
            await work.run(print)
        assert refused.value.headers is not None
        assert int(refused.value.headers["Retry-After"]) >= 1
        taken[1].cancel()  # nobody waits for it any more
        go_on.set()
        assert await taken[0]
        assert await work.run(lambda: "free again") == "free again"
        assert work.close(60.0)

    asyncio.run(fill())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize(
    ("hard", "said"), [(4_000, "1900"), (1_000, "1500 connections need 1900 open files")]
)
def test_many_streams_need_many_open_files(hard: int, said: str) -> None:
    code = f"""
import resource
from core.errors import AttuneError
from attune.api.limits import ServerLimits
from attune.api.server import allow_open_files
resource.setrlimit(resource.RLIMIT_NOFILE, (256, {hard}))
try:
    allow_open_files(ServerLimits(max_connections=1_500))
except AttuneError as error:
    print(error)
else:
    print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.startswith(said)
