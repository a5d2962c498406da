"""The listener over HTTP, on the built-in demo: no device is needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from attune.engine.control import send_command
from tests.attune.api.server import RunningServer

_WAIT_S = 60.0


@pytest.fixture(scope="module", autouse=True)
def _started_once(api: RunningServer) -> None:
    """Threads of the server belong to it, not to the test that happens to start one."""
    api.post("/v1/listener/start", json={"source": "demo"})
    api.post("/v1/listener/pause")
    api.post("/v1/listener/stop")


@pytest.fixture(autouse=True)
def _stopped(api: RunningServer) -> Iterator[None]:
    yield
    api.post("/v1/listener/stop")


def until(api: RunningServer, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first snapshot of which it holds."""
    end_s = time.monotonic() + _WAIT_S
    while True:
        snapshot: dict[str, Any] = api.get("/v1/listener").json()
        if holds(snapshot):
            return snapshot
        assert time.monotonic() < end_s, snapshot
        time.sleep(0.05)


def test_what_is_stopped_is_not_listened_to(api: RunningServer) -> None:
    snapshot = api.get("/v1/listener").json()
    assert (snapshot["state"], snapshot["listening"]) == ("stopped", False)


def test_the_demo_is_listened_to_paused_resumed_and_stopped(api: RunningServer) -> None:
    started = api.post("/v1/listener/start", json={"source": "demo"})
    assert started.status_code == 200
    snapshot = until(api, lambda one: one["window"] is not None)
    assert snapshot["listening"]
    assert snapshot["source"]["kind"] == "demo"
    assert snapshot["window"]["time_s"] >= 3.0
    assert snapshot["windows"] >= 1
    paused = api.post("/v1/listener/pause", json={"duration_s": 600}).json()
    assert paused["state"] == "paused"
    assert 0 < paused["resumes_at_s"] - time.time() <= 600
    assert api.post("/v1/listener/resume").json()["listening"]
    assert api.post("/v1/listener/pause").json()["resumes_at_s"] is None
    assert api.post("/v1/listener/stop").json()["state"] == "stopped"


def test_the_terminal_pauses_a_server_too(api: RunningServer) -> None:
    api.post("/v1/listener/start", json={"source": "demo"})
    assert [answer.ok for answer in send_command("pause")] == [True]
    until(api, lambda one: one["state"] == "paused")


@pytest.mark.parametrize("path", ["/v1/listener/pause", "/v1/listener/resume"])
def test_what_the_state_does_not_allow_is_a_conflict(api: RunningServer, path: str) -> None:
    answer = api.post(path)
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith(("Nothing is listened to", "Listening is not paused"))


@pytest.mark.parametrize(
    "body",
    [
        {"source": "/etc/passwd"},
        {"source": "file"},
        {"source": "demo", "path": "/etc/passwd"},
        {"source": "mic", "device": "x" * 201},
        [],
    ],
)
def test_no_file_of_this_machine_can_be_named(api: RunningServer, body: object) -> None:
    answer = api.post("/v1/listener/start", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("duration_s", [0, -1, 86_401, "soon"])
def test_no_pause_lasts_so_long(api: RunningServer, duration_s: object) -> None:
    assert api.post("/v1/listener/pause", json={"duration_s": duration_s}).status_code == 422


def test_a_microphone_that_is_not_there_is_a_problem_that_names_it(api: RunningServer) -> None:
    answer = api.post("/v1/listener/start", json={"source": "mic", "device": "No such microphone"})
    assert answer.status_code == 409
    assert answer.json()["detail"]
    assert api.get("/v1/listener").json()["state"] == "failed"
