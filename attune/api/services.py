"""What the routes of the API work with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from attune.api.jobs import JobQueue
from attune.api.limits import ServerLimits
from attune.api.metrics import Metrics
from attune.api.work import SharedCall, WorkSlots
from attune.engine.engine import Engine
from attune.engine.stream_listeners import StreamListeners
from core.settings import Settings
from models.emotion.recogniser import ModelInfo
from models.track.profile import TrackProfiler


@dataclass(frozen=True, slots=True)
class Services:
    """One for each server; a route asks for it with `services: ServicesDep`."""

    settings: Settings
    engine: Engine
    streams: StreamListeners
    limits: ServerLimits
    work: WorkSlots
    jobs: JobQueue
    metrics: Metrics
    model: SharedCall[ModelInfo]  # that of emotions, loaded
    profiler: SharedCall[TrackProfiler]  # that of music, loaded
    stopping: asyncio.Event  # set when the server ends: what streams must end then


def _services(connection: HTTPConnection) -> Services:
    services = connection.app.state.services
    assert isinstance(services, Services)
    return services


ServicesDep = Annotated[Services, Depends(_services)]
