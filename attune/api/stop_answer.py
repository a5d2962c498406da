"""What is still worked on when the server ends is answered with a refusal, not with a broken connection."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attune.api.problems import HttpProblem, problem_response

_RETRY_S = 10.0


class StopAnswer:
    """Middleware that answers 503 for a request that uvicorn cancels, which it does only when it ends."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except asyncio.CancelledError:
            if scope["type"] != "http" or started:
                raise
            problem = HttpProblem(
                503, "The server ends: ask again once it runs.", title="Ending", retry_after_s=_RETRY_S
            )
            await problem_response(scope, problem)(scope, receive, send)
