"""Bodies of requests: refused by their declared length, else counted as they come in; slow ones are ended."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attune.api.limits import MEGABYTE, ServerLimits
from attune.api.metrics import Metrics
from attune.api.problems import HttpProblem, problem_response

JSON_CONTENT_PATHS: Final = frozenset(
    {"/predict-realtime", "/api/music/analyze", "/api/music/analyze/preprocessed"}
)
"""Routes whose JSON holds sound or an embedding, without the last slash; all other JSON is small."""

_FILE_TYPES: Final = ("multipart/form-data", "application/octet-stream")


class BodyLimits:
    """Middleware that bounds each body, all bodies together, and the time that one takes.

    Parameters
    ----------
    app
        What is behind it.
    limits
        How much is taken.
    metrics
        Where the bytes that are held are told.
    """

    def __init__(self, app: ASGIApp, limits: ServerLimits, metrics: Metrics) -> None:
        self._app, self._limits, self._metrics = app, limits, metrics
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with a `receive` that counts."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        allowed = self._allowed(headers, scope["path"])
        if (problem := self._refusal(headers, allowed)) is not None:
            await problem_response(scope, problem)(scope, receive, send)
            return
        taken, ended = 0, False
        start_s = time.monotonic()

        async def count() -> Message:
            nonlocal taken, ended
            if ended:
                return await receive()  # the end of the connection, however long that takes
            message = await self._next(receive, taken, time.monotonic() - start_s)
            if message["type"] == "http.request":
                size = len(message.get("body", b""))
                taken += size
                self._hold(size)
                ended = not message.get("more_body", False)
                if taken > allowed:
                    raise _too_large(allowed)
                if self._held > self._limits.max_held_bytes:
                    raise HttpProblem(
                        503,
                        "The server holds as many files as it can: try again later.",
                        title="Busy",
                        retry_after_s=self._limits.body_pause_s,
                    )
            return message

        try:
            await self._app(scope, count, send)
        finally:
            self._hold(-taken)

    def _allowed(self, headers: Headers, path: str) -> int:
        limits = self._limits
        if headers.get("content-type", "").lower().startswith(_FILE_TYPES):
            return limits.max_upload_bytes
        has_content = path.removesuffix("/") in JSON_CONTENT_PATHS
        return limits.max_json_content_bytes if has_content else limits.max_json_bytes

    def _refusal(self, headers: Headers, allowed: int) -> HttpProblem | None:
        if headers.get("content-encoding", "identity").lower() != "identity":
            return HttpProblem(415, "Compressed bodies are not taken: send the file as it is.")
        length = headers.get("content-length", "")
        return _too_large(allowed) if length.isdecimal() and int(length) > allowed else None

    def _hold(self, size: int) -> None:
        self._held += size
        self._metrics.held_bytes.set(self._held)

    async def _next(self, receive: Receive, taken: int, passed_s: float) -> Message:
        """The next part of a body, unless it comes too slowly."""
        limits = self._limits
        due_s = limits.body_pause_s + taken / limits.body_bytes_per_s - passed_s
        try:
            return await asyncio.wait_for(receive(), max(0.0, min(limits.body_pause_s, due_s)))
        except TimeoutError:
            raise HttpProblem(
                408, "The body came too slowly: try again over a faster connection.", title="Too slow"
            ) from None


def _too_large(allowed: int) -> HttpProblem:
    size, what = (
        (f"{allowed / MEGABYTE:g} MB", "a shorter file")
        if allowed >= MEGABYTE
        else (f"{allowed / 1000:g} kB", "less")
    )
    return HttpProblem(413, f"The body is larger than the {size} that are taken: send {what}.")
