"""The application: its routes, what stands before them, and what lives as long as the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.formparsers import MultiPartParser

from attune.api.access import AccessCheck, ApiAccess
from attune.api.body_limits import BodyLimits
from attune.api.limits import ServerLimits
from attune.api.metrics import Metrics, RequestMetrics
from attune.api.openapi import describe
from attune.api.problems import handle_problems
from attune.api.request_ids import HEADER, RequestIds
from attune.api.routes import analysis, demo, events, health, jobs, listener, music, player, reference, stream
from attune.api.schemas.problems import ProblemDetails
from attune.api.services import Services
from attune.api.stop_answer import StopAnswer
from attune.api.work import SharedCall, WorkSlots
from attune.engine.control import ControlServer
from attune.engine.engine import Engine
from attune.engine.stream_listeners import StreamListeners
from core.settings import Settings
from core.version import app_version

ROUTERS: Final = (
    analysis.router,
    jobs.router,
    stream.router,
    listener.router,
    player.router,
    events.router,
    reference.router,
    music.router,
    demo.router,
    health.router,
)
"""The routes, in the order in which the documentation shows them."""

_LAST_WORK_S: Final = 1.0  # for analyses whose clients have been waited for already

_PROBLEM: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "model": ProblemDetails,
        "description": "The request was refused; the detail says why, and what to do.",
    }
}


def create_app(
    settings: Settings,
    *,
    access: ApiAccess | None = None,
    limits: ServerLimits | None = None,
    engine: Engine | None = None,
) -> FastAPI:
    """The API as an ASGI application.

    Parameters
    ----------
    settings
        All settings.
    access
        Who may use it; by default programs of this machine, without a token.
    limits
        How much it takes at a time.
    engine
        One that is used elsewhere too, and is left open; by default the application has its own.
    """
    access, limits = access or ApiAccess(), limits or ServerLimits()
    metrics = Metrics()
    # Files stay in memory, since bodies are bounded: nothing of a client is written to a disk.
    MultiPartParser.spool_max_size = limits.max_upload_bytes + 1

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        used = engine or Engine(settings)
        used.home.open()
        control = ControlServer(used.pause.control) if engine is None else None
        work = WorkSlots(limits.workers, limits.max_waiting)
        streams = StreamListeners(settings, max_streams=limits.max_streams)
        warming = asyncio.create_task(asyncio.to_thread(streams.warm_up))
        queue = jobs.open_jobs(used, limits)
        stopping = asyncio.Event()
        app.state.services = Services(
            settings=settings,
            engine=used,
            streams=streams,
            limits=limits,
            work=work,
            jobs=queue,
            metrics=metrics,
            model=SharedCall(lambda: used.model),
            profiler=SharedCall(lambda: used.profiler),
            stopping=stopping,
        )
        try:
            yield
        finally:
            app.state.services.stopping.set()
            await asyncio.wait({warming})  # whatever became of it, the rest is closed
            await asyncio.to_thread(streams.close)
            await asyncio.to_thread(work.close, _LAST_WORK_S)
            await asyncio.to_thread(queue.close, _LAST_WORK_S)
            if control is not None:
                control.close()
                await asyncio.to_thread(used.close)

    app = FastAPI(
        title="Attune",
        version=app_version(),
        summary="How a voice sounds, what mood music has, and the listener of this machine.",
        docs_url=None,  # FastAPI's pages load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        responses=_PROBLEM,
        form_limits={"max_files": limits.max_files, "max_fields": limits.max_files},
    )
    handle_problems(app)
    # What is added last stands first.
    app.add_middleware(StopAnswer)
    app.add_middleware(BodyLimits, limits=limits, metrics=metrics)
    app.add_middleware(AccessCheck, access=access)
    if access.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=access.origins,
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type", "Last-Event-ID", HEADER],
            expose_headers=[HEADER, "Retry-After"],
        )
    app.add_middleware(RequestMetrics, metrics=metrics)
    app.add_middleware(RequestIds)
    for router in ROUTERS:
        app.include_router(router)
    describe(app)
    return app
