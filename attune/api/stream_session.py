"""One stream: sound comes in as binary messages, events go out as JSON, and it ends in one of a few ways."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from attune.api.metrics import Metrics
from attune.api.raw_audio import frames_of
from attune.api.schemas.stream import StreamParameters, StreamReady
from attune.engine.recent_events import Event
from core.errors import AudioDecodeError, AudioDeviceError
from core.text import printable
from realtime.capture.push import PushSource
from realtime.listener import Listener
from realtime.notices import Notice, NoticeKind
from realtime.plain_values import plain_notice, plain_window
from realtime.snapshot import MoodReading, RollingTheme, WindowResult

NORMAL, UNREADABLE, REFUSED, BROKEN = 1000, 1007, 1008, 1011  # close codes of RFC 6455

_MAX_EVENTS: Final = 120  # half a minute of windows and more that a client has not read
_MAX_REASON: Final = 123  # bytes of a close frame
# How far sound may come ahead of time: a client's clock is a little fast, and it may begin with what it had.
_AHEAD_S: Final = 5.0
_FASTER: Final = 1.1

_ENDINGS: Final = frozenset({NoticeKind.FINISHED, NoticeKind.FAILED, NoticeKind.STOPPED})


@dataclass
class StreamClosedError(Exception):
    """The server closes the stream."""

    code: int
    detail: str


class Outbox:
    """Events that are to be sent; any thread puts them in.

    Parameters
    ----------
    loop
        The one that sends.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._events: asyncio.Queue[Event] = asyncio.Queue()

    def put(self, event: Event) -> None:
        """Put an event in; never waits."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    async def next(self) -> Event:
        """The next event.

        Raises
        ------
        StreamClosedError
            Too many wait: the client does not read them.
        """
        if self._events.qsize() > _MAX_EVENTS:
            raise StreamClosedError(REFUSED, "Events were not read: read them as they come, twice a second.")
        return await self._events.get()


class StreamSession:
    """Carries one stream from its first event to its end.

    Parameters
    ----------
    websocket
        Accepted.
    parameters
        What is sent.
    source
        Where the sound goes.
    listener
        Hears it; its events come through the outbox.
    outbox
        See `Outbox`.
    metrics
        Where answers are counted and timed.
    idle_s
        Longest time without sound, s.
    """

    def __init__(
        self,
        websocket: WebSocket,
        parameters: StreamParameters,
        source: PushSource,
        listener: Listener,
        outbox: Outbox,
        *,
        metrics: Metrics,
        idle_s: float,
    ) -> None:
        self._websocket, self._parameters = websocket, parameters
        self._source, self._listener, self._outbox = source, listener, outbox
        self._metrics, self._idle_s = metrics, idle_s
        self._frames = 0
        self._begun_s = time.monotonic()

    async def run(self, ready: StreamReady) -> None:
        """Exchange sound and events until either side ends the stream; `ready` is the first event."""
        with suppress(WebSocketDisconnect):
            await self._websocket.send_text(ready.model_dump_json())
            await self._exchange()

    async def _exchange(self) -> None:
        receiving = asyncio.create_task(self._receive())
        sending = asyncio.create_task(self._send())
        tasks = {receiving, sending}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
            await self._close(NORMAL, "")
        except StreamClosedError as end:
            await self._say({"type": "problem", "code": end.code, "detail": end.detail})
            await self._close(end.code, end.detail)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # Client to server

    async def _receive(self) -> None:
        """Take sound until the client says that it is the end."""
        while True:
            message = await self._next_message()
            if (content := message.get("bytes")) is not None:
                self._take(content)
            elif _is_end(message.get("text") or ""):
                self._source.finish()
                return
            else:
                raise StreamClosedError(
                    REFUSED,
                    'Only sound in binary messages and {"type": "end"} are taken, not '
                    f"{printable(str(message.get('text')))[:40]}.",
                )

    async def _next_message(self) -> dict[str, Any]:
        try:
            message = dict(await asyncio.wait_for(self._websocket.receive(), self._idle_s))
        except TimeoutError:
            raise StreamClosedError(
                REFUSED, f"No sound came for {self._idle_s:g} s: open the stream anew when there is some."
            ) from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", NORMAL))
        return message

    def _take(self, content: bytes) -> None:
        parameters = self._parameters
        try:
            block = frames_of(content, channels=parameters.channels, sample_format=parameters.format)
        except AudioDecodeError as error:
            raise StreamClosedError(UNREADABLE, str(error)) from None
        self._frames += len(block)
        allowed_s = _AHEAD_S + _FASTER * (time.monotonic() - self._begun_s)
        if self._frames > allowed_s * parameters.rate:
            raise StreamClosedError(
                REFUSED, "Sound came faster than it sounds: send recordings to /v1/emotion instead."
            )
        try:
            self._source.push(block)
        except AudioDecodeError as error:
            raise StreamClosedError(UNREADABLE, str(error)) from None
        except AudioDeviceError:  # the listener has ended: `_send` says why
            pass

    # Server to client

    async def _send(self) -> None:
        """Send events until all sound is answered."""
        while True:
            event = await self._outbox.next()
            match event:
                case WindowResult():
                    self._metrics.windows.inc()
                    self._metrics.answer_seconds.observe(event.reading.latency_ms / 1000.0)
                    await self._say(plain_stream_window(event, self._listener.snapshot().mood))
                case Notice(kind=NoticeKind.FAILED):
                    raise StreamClosedError(BROKEN, event.message)
                case Notice(kind=kind) if kind in _ENDINGS:
                    counters = self._listener.snapshot().counters
                    await self._say(
                        {
                            "type": "end",
                            "windows": counters.windows,
                            "lost_windows": counters.dropped_windows,
                            "lost_frames": counters.lost_frames,
                        }
                    )
                    return
                case Notice():
                    await self._say({"type": "notice", **plain_notice(event)})

    async def _say(self, plain: dict[str, Any]) -> None:
        await self._websocket.send_text(json.dumps(plain))

    async def _close(self, code: int, reason: str) -> None:
        if self._websocket.application_state is not WebSocketState.DISCONNECTED:
            await self._websocket.close(code, close_reason(reason))


def plain_stream_window(window: WindowResult, mood: MoodReading | None) -> dict[str, Any]:
    """A window as JSON has it, with what adds up and the music beside it.

    Parameters
    ----------
    window
        The window.
    mood
        The newest music; None where it was not asked for.
    """
    theme = None if mood is None else mood.themes[0]
    return {
        "type": "window",
        **plain_window(window),
        "sustained": window.sustained.emotion,
        "music": None if theme is None or theme.music_share is None else _plain_theme(theme),
    }


def _plain_theme(theme: RollingTheme) -> dict[str, Any]:
    return {
        "music_share": theme.music_share,
        "tags": dict(theme.tags),
        "energy": theme.energy,
        "pleasantness": theme.pleasantness,
    }


def close_reason(sentence: str) -> str:
    """As much of a sentence as a close frame holds (RFC 6455: 123 bytes).

    Examples
    --------
    >>> close_reason("The server ends."), len(close_reason("é" * 200).encode())
    ('The server ends.', 123)
    """
    if len(sentence.encode()) <= _MAX_REASON:
        return sentence
    return sentence.encode()[: _MAX_REASON - 3].decode(errors="ignore").rstrip() + "…"


def _is_end(text: str) -> bool:
    try:
        return bool(json.loads(text) == {"type": "end"})
    except (ValueError, RecursionError):
        return False
