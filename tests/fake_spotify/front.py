"""Owns what stands before the accounts service and the Web API: the record of calls, and the faults."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI

from tests.fake_spotify.accounts import accounts_routes
from tests.fake_spotify.faults import Fault
from tests.fake_spotify.state import Call
from tests.fake_spotify.web_api import api_routes
from tests.fake_spotify.world import World

__all__ = ["Front"]

Message = MutableMapping[str, Any]


class Front:
    """The application as a server runs it: writes every request down, and lets faults befall it.

    The server has to put the protocol of the connection into the state of the scope, as "connection".

    Parameters
    ----------
    world
        What is served.
    failures
        Takes what goes wrong in here, which no test asked for.
    """

    def __init__(self, world: World, failures: list[BaseException]) -> None:
        self._world, self._failures = world, failures
        self._app = FastAPI(openapi_url=None, redirect_slashes=False)
        self._app.include_router(accounts_routes(world))
        self._app.include_router(api_routes(world))

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        scope["path"] = scope["path"].rstrip("/") or "/"
        visit = Visit(scope, await _body(receive), receive, send, self._note)
        with self._world.changed:
            self._world.arrived += 1
            self._world.changed.notify_all()
        try:
            await self._answer(visit)
        except Exception as failure:
            self._failures.append(failure)
            raise
        finally:
            visit.end(None)

    async def _answer(self, visit: Visit) -> None:
        fault = self._world.faults.take(visit.method, visit.path)
        if fault is None:
            await self._app(visit.scope, visit.receive, visit.send)
            return
        kept: list[Message] = []
        if fault.carried_out:
            await self._app(visit.scope, visit.receive, _keeper(kept))
        if fault.delay_s and not await visit.wait(fault.delay_s):
            return
        if fault.drop:
            await visit.hang_up()
        elif fault.status is not None:
            await visit.answer(fault)
        elif kept:
            for message in kept:
                await visit.send(message)
        else:
            await self._app(visit.scope, visit.receive, visit.send)

    def _note(self, visit: Visit, status: int | None) -> None:
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
                    status,
                )
            )
            world.changed.notify_all()


class Visit:
    """One request on its way, and the means to answer it.

    `note` is told of its end before the other side can know of it: who got an answer finds the call recorded.
    """

    def __init__(
        self,
        scope: Message,
        body: bytes,
        receive: Any,
        send: Any,
        note: Callable[[Visit, int | None], None],
    ) -> None:
        self.scope = scope
        self.method, self.path = scope["method"], scope["path"]
        self._body, self._read = body, False
        self._receive, self._send = receive, send
        self._note: Callable[[Visit, int | None], None] | None = note

    def end(self, status: int | None) -> None:
        """It ends with this status, or without an answer; only the first time counts."""
        note, self._note = self._note, None
        if note is not None:
            note(self, status)

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
            self.end(message["status"])
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
        """Close the connection without a word."""
        self.end(None)
        self.scope["state"]["connection"].transport.abort()
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
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _keeper(kept: list[Message]) -> Callable[[Message], Awaitable[None]]:
    async def keep(message: Message) -> None:
        kept.append(message)

    return keep
