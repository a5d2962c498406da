"""What happens, as server-sent events: windows, notices and music, with ids from which readers go on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import suppress
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from attune.api.problems import HttpProblem
from attune.api.schemas.events import AnyEvent, GapEvent, MusicRecordEvent, NoticeEvent, WindowEvent
from attune.api.services import ServicesDep
from attune.engine.plain_events import plain_event
from attune.engine.recent_events import NumberedEvent, RecentEvents

router = APIRouter(prefix="/v1/events", tags=["events"])

EventType = Literal["window", "notice", "music"]

_MODELS: Final[dict[str, type[WindowEvent | NoticeEvent | MusicRecordEvent]]] = {
    "window": WindowEvent,
    "notice": NoticeEvent,
    "music": MusicRecordEvent,
}
_ID: Final = re.compile(r"([0-9a-f]{8})-(\d{1,15})", re.ASCII)
_OBSERVE_S: Final = 0.5
_BUSY_S: Final = 5.0
_RECONNECT_MS: Final = 2000


async def _reader(services: ServicesDep) -> AsyncIterator[asyncio.Event]:
    """What wakes a reader of events; refuses more readers than the server holds."""
    recent, most = services.engine.events.recent, services.limits.max_event_readers
    if recent.readers >= most:
        raise HttpProblem(
            503,
            f"{most} programs read events already: try again later.",
            title="Busy",
            retry_after_s=_BUSY_S,
        )
    loop, woken = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the server has ended
            loop.call_soon_threadsafe(woken.set)

    with recent.waking(wake):
        yield woken


@router.get("", summary="Follow what happens", response_class=EventSourceResponse)
async def follow(
    services: ServicesDep,
    woken: Annotated[asyncio.Event, Depends(_reader)],
    last_event_id: Annotated[
        str | None,
        Header(max_length=100, description="Id of the newest event that was read; browsers send it."),
    ] = None,
    types: Annotated[
        list[EventType] | None, Query(description="Only these; by default all. Repeatable.")
    ] = None,
) -> AsyncIterable[AnyEvent]:
    """Send each event at once. The last five minutes are kept: with the header Last-Event-ID a reader goes
    on where it was. A reader that is too slow misses events, and `gap` says how many.
    """  # noqa: D205 - one thought
    recent = services.engine.events.recent
    found = _position(last_event_id, recent)
    number = recent.oldest - 1 if found is None else found
    yield _greeting(recent, number)
    if found is None:
        yield _sent(recent, number, GapEvent(missed=None))
    while not services.stopping.is_set():
        woken.clear()
        for one in recent.since(number):
            if (missed := one.number - number - 1) > 0:
                yield _sent(recent, one.number - 1, GapEvent(missed=missed))
            number = one.number
            event = _model(one)
            if types is None or event.type in types:
                yield _sent(recent, number, event)
        with suppress(TimeoutError):
            await asyncio.wait_for(woken.wait(), _OBSERVE_S)
        services.engine.snapshot()  # also what comes without any sound is told


def _position(last_event_id: str | None, recent: RecentEvents) -> int | None:
    """Number of the event that a reader had last; None where its id means nothing here."""
    if last_event_id is None:
        return recent.newest
    match = _ID.fullmatch(last_event_id)
    if match is None or match[1] != recent.session or int(match[2]) > recent.newest:
        return None
    return int(match[2])


def _id(recent: RecentEvents, number: int) -> str:
    return f"{recent.session}-{number}"


def _model(one: NumberedEvent) -> WindowEvent | NoticeEvent | MusicRecordEvent:
    plain = plain_event(one.event)
    return _MODELS[plain["type"]].model_validate(plain)


def _greeting(recent: RecentEvents, number: int) -> Any:
    """The place at which a reader begins, so that it can go on from there before anything happens."""
    return ServerSentEvent(id=_id(recent, number), retry=_RECONNECT_MS, comment="events follow")


def _sent(recent: RecentEvents, number: int, event: AnyEvent) -> Any:
    """An event with its id, which FastAPI takes in place of the event itself."""
    return ServerSentEvent(id=_id(recent, number), event=event.type, raw_data=event.model_dump_json())
