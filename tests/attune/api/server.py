"""A real server of the API on a free port of loopback, in a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass

import requests
from fastapi import FastAPI

from attune.api.access import ApiAccess
from attune.api.app import create_app
from attune.api.limits import ServerLimits
from attune.api.server import ApiServer, listening_socket
from attune.api.services import Services
from attune.api.work import WorkSlots
from attune.engine.engine import Engine
from core.settings import Settings, load_settings


@dataclass(frozen=True)
class RunningServer:
    """A server that answers until the end of the test."""

    address: str  # host and port
    app: FastAPI
    server: ApiServer

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def services(self) -> Services:
        found = self.app.state.services
        assert isinstance(found, Services)
        return found

    def get(self, path: str, **options: object) -> requests.Response:
        return requests.get(self.url + path, timeout=60, **options)  # type: ignore[arg-type]

    def post(self, path: str, **options: object) -> requests.Response:
        return requests.post(self.url + path, timeout=60, **options)  # type: ignore[arg-type]


@contextmanager
def running_server(
    settings: Settings | None = None,
    *,
    access: ApiAccess | None = None,
    limits: ServerLimits | None = None,
    engine: Engine | None = None,
) -> Iterator[RunningServer]:
    """Serve until the end of the block; without a journal, unless settings say otherwise."""
    limits = limits or ServerLimits()
    app = create_app(settings or load_settings(journal=False), access=access, limits=limits, engine=engine)
    with listening_socket("127.0.0.1", 0) as sock:
        ready = threading.Event()
        server = ApiServer(app, limits, on_ready=ready.set)
        thread = threading.Thread(target=server.run, args=([sock],), name="api-under-test", daemon=True)
        thread.start()
        try:
            assert ready.wait(60)
            _start_all_workers(app.state.services.work)
            app.state.services.streams.prepare()
            yield RunningServer(f"127.0.0.1:{sock.getsockname()[1]}", app, server)
        finally:
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive()


def _start_all_workers(work: WorkSlots) -> None:
    """Threads belong to the server, not to the test that happens to start one."""
    together = threading.Barrier(work.workers)
    wait([work.submit(together.wait, 60.0) for _ in range(work.workers)])
