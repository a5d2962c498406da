"""What Prometheus reads of a server: requests, how long they took, work, streams, and the process."""

from __future__ import annotations

import time
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The figures of one server; each has its own registry, so that several may live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        PlatformCollector(self.registry)
        ProcessCollector(registry=self.registry)
        GCCollector(self.registry)
        self.requests = Counter(
            "attune_http_requests_total",
            "Requests by route and status.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "attune_http_request_seconds",
            "Time from the head of a request to the end of its answer.",
            ["route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.open = Gauge(
            "attune_http_requests_open", "Requests that are being answered.", registry=self.registry
        )
        self.held_bytes = Gauge(
            "attune_http_body_bytes", "Bytes of bodies that are held in memory.", registry=self.registry
        )
        self.running = Gauge("attune_work_running", "Analyses that run.", registry=self.registry)
        self.waiting = Gauge(
            "attune_work_waiting", "Analyses that wait for a thread.", registry=self.registry
        )
        self.streams = Gauge(
            "attune_streams_open", "WebSocket streams that are open.", registry=self.registry
        )
        self.windows = Counter(
            "attune_stream_windows_total", "Windows that streams were answered.", registry=self.registry
        )
        self.answer_seconds = Histogram(
            "attune_stream_answer_seconds",
            "Time from the arrival of a window's last sample to the answer of the models.",
            buckets=_BUCKETS,
            registry=self.registry,
        )

    def text(self) -> bytes:
        """All figures in Prometheus's text format."""
        return generate_latest(self.registry)


class RequestMetrics:
    """Middleware that counts requests and times them by the template of their path."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        start_s = time.perf_counter()
        with self._metrics.open.track_inprogress():
            try:
                await self._app(scope, receive, watch)
            finally:
                route = getattr(scope.get("route"), "path", "unmatched")  # never a client's own text
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._metrics.requests.labels(method, route, str(status)).inc()
                self._metrics.seconds.labels(route).observe(time.perf_counter() - start_s)
