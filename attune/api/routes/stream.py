"""Live sound over a WebSocket: one listener for each stream, as many as keep their pace."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Query, WebSocket

from attune.api.access import SUBPROTOCOL
from attune.api.problems import HttpProblem
from attune.api.schemas.stream import StreamParameters, StreamPlaces, StreamReady
from attune.api.services import ServicesDep
from attune.api.stream_session import Outbox, StreamSession
from attune.engine.stream_listeners import StreamsFullError
from models.emotion.recogniser import WINDOW_SAMPLES
from models.resample import SAMPLE_RATE_HZ
from realtime.capture.push import PushSource

router = APIRouter(tags=["stream"])

_RETRY_S: Final = 10.0
_BLOCK_MS: Final = 100.0  # longer blocks cost less, and windows are cut to the sample all the same


@router.get("/v1/streams", summary="How many streams are open, and how many may be")
async def streams(services: ServicesDep) -> StreamPlaces:
    """Say whether a stream would be taken.

    A stream itself is the WebSocket `/v1/stream`, with what `StreamParameters` describes in its query. Sound
    goes in as binary messages of raw samples, as fast as it sounds, best 100 ms each. Events come out as
    JSON: `StreamReady`, `StreamWindow`, `StreamNotice`, `StreamEnd`, `StreamProblem`. `{"type": "end"}` asks
    for the rest of the answers. Browsers, which cannot send headers there, offer the subprotocols
    `attune.v1` and `attune.bearer.` with the token in base64url.
    """
    capacity = await asyncio.to_thread(lambda: services.streams.capacity)
    return StreamPlaces(open=services.streams.count, capacity=capacity)


@router.websocket("/v1/stream")
async def stream(
    websocket: WebSocket, services: ServicesDep, parameters: Annotated[StreamParameters, Query()]
) -> None:
    """Hear what a client sends, and tell it twice a second what is heard."""
    outbox = Outbox(asyncio.get_running_loop())
    source = PushSource(parameters.rate, parameters.channels, name="Stream", block_ms=_BLOCK_MS)
    try:
        listener = await asyncio.to_thread(
            services.streams.open,
            source,
            outbox.put,
            music=parameters.music,
            threshold=parameters.threshold,
        )
    except StreamsFullError as error:
        raise HttpProblem(503, str(error), title="Busy", retry_after_s=_RETRY_S) from None
    try:
        with services.metrics.streams.track_inprogress():
            offered = SUBPROTOCOL in websocket.scope.get("subprotocols", ())
            await websocket.accept(SUBPROTOCOL if offered else None)
            model = services.streams.model
            ready = StreamReady(
                model=f"{model.name} {model.version}",
                window_s=WINDOW_SAMPLES / SAMPLE_RATE_HZ,
                hop_s=services.settings.hop_s,
            )
            session = StreamSession(
                websocket,
                parameters,
                source,
                listener,
                outbox,
                metrics=services.metrics,
                idle_s=services.limits.stream_idle_s,
            )
            await session.run(ready)
    finally:
        await asyncio.to_thread(services.streams.release, listener)
