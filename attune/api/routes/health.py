"""Health for service managers and containers, and figures for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from attune.api.metrics import CONTENT_TYPE
from attune.api.problems import HttpProblem
from attune.api.schemas.health import Health
from attune.api.services import ServicesDep
from core.errors import AttuneError
from core.version import app_version

router = APIRouter(tags=["health"])

_LOADING_S = 5.0
_AGAIN_S = 30.0  # until a model that cannot be used is worth another try


@router.get("/health/live", summary="The process answers")
async def live() -> Health:
    """Answer as long as the process runs; what starts it again asks here."""
    return Health(status="ok", version=app_version())


@router.get("/health/ready", summary="The models are loaded")
async def ready(services: ServicesDep) -> Health:
    """Answer 200 once the models can be used, else 503; a load balancer asks here."""
    if services.stopping.is_set():
        raise HttpProblem(503, "The server ends.", title="Not ready")
    if services.engine.warming_up:
        raise HttpProblem(503, "The models are being loaded.", title="Not ready", retry_after_s=_LOADING_S)
    try:
        await services.model()
    except AttuneError as error:
        raise HttpProblem(503, str(error), title="Not ready", retry_after_s=_AGAIN_S) from None
    return Health(status="ok", version=app_version())


@router.get("/metrics", summary="Figures for Prometheus", response_class=PlainTextResponse)
async def metrics(services: ServicesDep) -> PlainTextResponse:
    """Requests, work, streams and the process, in Prometheus's text format."""
    services.metrics.running.set(services.work.running)
    services.metrics.waiting.set(services.work.waiting)
    return PlainTextResponse(services.metrics.text(), media_type=CONTENT_TYPE)
