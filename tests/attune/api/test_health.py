"""Health and metrics, of a real server."""

from __future__ import annotations

import asyncio
import re
import threading

import pytest

from attune.api.work import SharedCall
from attune.engine.engine import Engine
from core.errors import ModelError
from tests.attune.api.server import RunningServer


def test_a_live_server_says_its_version(api: RunningServer) -> None:
    answer = api.get("/health/live")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"


def test_it_is_ready_once_the_models_are_loaded(api: RunningServer) -> None:
    assert api.services.engine.model.name
    api.services.engine._warming.join(60)
    assert api.get("/health/ready").json()["status"] == "ok"


def test_readiness_waits_for_no_analysis(api: RunningServer) -> None:
    work, end = api.services.work, threading.Event()
    taken = [work.submit(end.wait, 60.0) for _ in range(work.workers + work.max_waiting)]
    try:
        assert api.get("/health/ready").status_code == 200
    finally:
        end.set()
    assert all(one.result(60) for one in taken)


def test_a_server_whose_model_cannot_be_loaded_is_not_ready(
    api: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_engine: Engine) -> None:
        raise ModelError("The model is damaged.")

    monkeypatch.setattr(Engine, "model", property(broken))
    answer = api.get("/health/ready")
    assert (answer.status_code, answer.json()["detail"]) == (503, "The model is damaged.")
    assert not api.get("/").json()["model_loaded"]


def test_many_who_ask_at_a_time_share_one_call() -> None:
    calls: list[int] = []
    end = threading.Event()

    def slow() -> int:
        calls.append(len(calls))
        assert end.wait(60)
        return len(calls)

    async def ask() -> list[int]:
        call = SharedCall(slow)
        waiting = [asyncio.create_task(call()) for _ in range(50)]
        await asyncio.sleep(0)
        waiting[0].cancel()  # a client that hangs up takes nobody's answer away
        end.set()
        found = await asyncio.gather(*waiting[1:])
        assert await call() == 2
        return found

    assert asyncio.run(ask()) == [1] * 49


def test_metrics_name_routes_never_what_clients_ask_for(api: RunningServer) -> None:
    api.get("/health/live")
    api.get("/no/such/place")
    text = api.get("/metrics").text
    assert 'attune_http_requests_total{method="GET",route="/health/live",status="200"}' in text
    assert 'route="unmatched",status="404"' in text
    assert "/no/such/place" not in text
    assert re.search(r"^attune_work_waiting 0\.0$", text, re.MULTILINE)


def test_an_unknown_address_is_a_problem_with_the_id_of_its_request(api: RunningServer) -> None:
    answer = api.get("/nothing", headers={"X-Request-ID": "mine-1"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "mine-1"


def test_a_request_id_that_could_forge_a_log_is_replaced(api: RunningServer) -> None:
    assert re.fullmatch(
        "[0-9a-f]{32}", api.get("/health/live", headers={"X-Request-ID": "a b"}).headers["x-request-id"]
    )
