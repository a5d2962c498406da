"""Streams on a real server: what they answer, how they end, and who is refused."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from attune.api.access import SUBPROTOCOL, TOKEN_SUBPROTOCOL, ApiAccess
from attune.api.limits import ServerLimits
from attune.api.schemas.stream import StreamEnd, StreamNotice, StreamReady, StreamWindow
from attune.api.stream_session import Outbox, StreamClosedError, close_reason
from core.errors import ModelError
from core.settings import load_settings
from models.audio import decode
from models.resample import SAMPLE_RATE_HZ
from realtime.capture.demo import DEMO_FILE
from realtime.capture.push import PushSource
from realtime.notices import Notice, NoticeKind
from tests.attune.api.server import RunningServer, running_server

WAIT_S = 60.0
TOKEN = "a-token-that-is-long-enough"
END = '{"type": "end"}'


@pytest.fixture(scope="module")
def api(empty_profile: None) -> Iterator[RunningServer]:  # noqa: ARG001
    """Two streams at a time; the sound that a test sends at once has room."""
    settings = load_settings(journal=False, fifo_s=30.0)
    with running_server(settings, limits=ServerLimits(max_streams=2)) as server:
        yield server


@pytest.fixture
def open_stream(api: RunningServer) -> Iterator[Callable[..., ClientConnection]]:
    """Opens a stream with parameters, once the streams of tests before have left their places."""
    until(lambda: api.services.streams.count == 0)
    with ExitStack() as opened:

        def open_one(**parameters: Any) -> ClientConnection:
            stream: ClientConnection = opened.enter_context(
                connect(address(api, **parameters), open_timeout=WAIT_S, compression=None)
            )
            return stream

        yield open_one
    until(lambda: api.services.streams.count == 0)  # their threads end within the test


def address(api: RunningServer, **parameters: Any) -> str:
    return f"ws://{api.address}/v1/stream?{urlencode(parameters)}"


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """Four seconds in which somebody speaks, float32 at 16 kHz."""
    return decode(DEMO_FILE)[10 * SAMPLE_RATE_HZ : 14 * SAMPLE_RATE_HZ]


def int16(sound: np.ndarray) -> bytes:
    content: bytes = (np.clip(sound, -1.0, 1.0) * 32_767.0).astype("<i2").tobytes()
    return content


def until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def event(stream: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stream.recv(WAIT_S))
    return found


def events_to_the_end(stream: ClientConnection) -> list[dict[str, Any]]:
    found = []
    try:
        while True:
            found.append(event(stream))
    except ConnectionClosed:
        return found


def test_a_stream_is_answered_window_by_window_and_ends_when_it_is_asked(
    open_stream: Callable[..., ClientConnection], voice: np.ndarray
) -> None:
    stream = open_stream()
    ready = StreamReady.model_validate(event(stream))
    assert (ready.window_s, ready.hop_s) == (3.0, 0.5)
    for start in range(0, 3 * SAMPLE_RATE_HZ, 1_600):
        stream.send(int16(voice[start : start + 1_600]))
    first = StreamWindow.model_validate(event(stream))
    assert first.time_s == 3.0
    assert first.probabilities is not None
    assert sum(first.probabilities.values()) == pytest.approx(1.0, abs=1e-3)
    assert first.latency_ms > 0
    stream.send(int16(voice[3 * SAMPLE_RATE_HZ : 7 * SAMPLE_RATE_HZ // 2]))
    assert event(stream)["time_s"] == 3.5
    stream.send(END)
    (end,) = events_to_the_end(stream)
    assert StreamEnd.model_validate(end) == StreamEnd(windows=2, lost_windows=0, lost_frames=0)
    assert stream.close_code == 1000


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
@pytest.mark.parametrize("name", ["int16", "float32"])
def test_sound_of_any_rate_and_form_is_heard(
    open_stream: Callable[..., ClientConnection], rate: int, name: str
) -> None:
    stream = open_stream(rate=rate, format=name, channels=2)
    event(stream)
    quiet = np.zeros((4 * rate, 2), dtype=np.float32)
    content = quiet.astype("<f4").tobytes() if name == "float32" else int16(quiet)
    size = len(content) // 40  # 100 ms
    for start in range(0, len(content), size):
        stream.send(content[start : start + size])
    stream.send(END)
    *_, end = events_to_the_end(stream)
    assert end["windows"] >= 2
    assert end["lost_frames"] == 0


def test_what_people_should_know_of_the_sound_is_told(open_stream: Callable[..., ClientConnection]) -> None:
    stream = open_stream()
    event(stream)
    loud = np.sign(np.sin(np.arange(16_000) * 0.2)).astype(np.float32)
    for start in range(0, len(loud), 1_600):
        stream.send(int16(loud[start : start + 1_600]))
    notice = StreamNotice.model_validate(event(stream))
    assert (notice.kind, notice.ends) == (NoticeKind.CLIPPING, None)


def test_beyond_the_capacity_a_stream_is_refused_and_the_others_go_on(
    api: RunningServer, open_stream: Callable[..., ClientConnection], voice: np.ndarray
) -> None:
    first, second = open_stream(), open_stream()
    assert api.get("/v1/streams").json() == {"open": 2, "capacity": 2}
    with pytest.raises(InvalidStatus) as refused:
        open_stream()
    answer = refused.value.response
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(answer.body)["detail"].startswith("All 2 streams that keep their pace")
    for stream in (first, second):
        event(stream)
        stream.send(int16(voice[: 3 * SAMPLE_RATE_HZ]))
        assert event(stream)["type"] == "window"
    second.close()
    until(lambda: api.services.streams.count == 1)
    assert event(open_stream())["type"] == "ready"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"rate": 4_000}, "query.rate: Input should be greater than or equal to 8000."),
        ({"rate": "fast"}, "query.rate: Input should be a valid integer"),
        ({"channels": 9}, "query.channels: Input should be less than or equal to 8."),
        ({"format": "mp3"}, "query.format: Input should be"),
        ({"threshold": 7}, "query.threshold"),
        ({"path": "/etc/passwd"}, "query.path: Extra inputs are not permitted."),
    ],
)
def test_wrong_parameters_are_named(api: RunningServer, parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(address(api, **parameters), open_timeout=WAIT_S):
        pass
    assert refused.value.response.status_code == 422
    assert json.loads(refused.value.response.body)["detail"].startswith(said)


@pytest.mark.parametrize(
    ("parameters", "sent", "code", "said"),
    [
        ({"channels": 2}, bytes(6), 1007, "6 bytes came, and a frame has 4 (2 times int16)"),
        ({}, b"", 1007, "No sample came"),
        ({"format": "float32"}, np.full(100, 20_000.0, "<f4").tobytes(), 1007, "scale it to [-1, 1]"),
        ({}, '{"type": "start"}', 1008, "Only sound in binary messages"),
        ({}, "[" * 100_000, 1008, "Only sound in binary messages"),
        ({"rate": 8_000}, bytes(2 * 8_000 * 40), 1008, "Sound came faster than it sounds"),
    ],
)
def test_what_is_no_sound_ends_a_stream_with_a_sentence(
    open_stream: Callable[..., ClientConnection],
    parameters: dict[str, Any],
    sent: bytes | str,
    code: int,
    said: str,
) -> None:
    stream = open_stream(**parameters)
    event(stream)
    stream.send(sent)
    problem = next(found for found in events_to_the_end(stream) if found["type"] == "problem")
    assert problem["code"] == stream.close_code == code
    assert said in problem["detail"]
    assert stream.close_reason
    assert problem["detail"].startswith(stream.close_reason.rstrip("…"))


def test_sound_that_comes_while_the_listener_fails_does_not_hide_why(
    open_stream: Callable[..., ClientConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    push = PushSource.push

    def fail(source: PushSource, block: np.ndarray) -> None:
        if (delivery := source._take()) is not None:
            delivery.end(ModelError("The model has failed."))
        push(source, block)

    monkeypatch.setattr(PushSource, "push", fail)
    stream = open_stream()
    event(stream)
    stream.send(bytes(3_200))
    *_, problem = events_to_the_end(stream)
    assert (problem["type"], problem["detail"]) == ("problem", "The model has failed.")
    assert stream.close_code == problem["code"] == 1011


def test_a_stream_without_sound_gives_its_place_to_another(empty_profile: None) -> None:  # noqa: ARG001
    limits = ServerLimits(max_streams=1, stream_idle_s=0.3)
    with running_server(limits=limits) as server, connect(address(server), open_timeout=WAIT_S) as stream:
        *_, problem = events_to_the_end(stream)
        assert (stream.close_code, problem["detail"][:13]) == (1008, "No sound came")
        until(lambda: server.services.streams.count == 0)


def test_a_client_that_vanishes_gives_its_place_to_another(
    api: RunningServer, open_stream: Callable[..., ClientConnection]
) -> None:
    stream = open_stream()
    event(stream)
    stream.socket.close()
    until(lambda: api.services.streams.count == 0)


def test_clients_that_vanish_in_the_middle_leave_no_error(
    api: RunningServer, open_stream: Callable[..., ClientConnection], caplog: pytest.LogCaptureFixture
) -> None:
    for sent in (END, "no sound", bytes(3), bytes(3_200)):
        stream = open_stream()
        stream.send(sent)
        stream.socket.close()
        until(lambda: api.services.streams.count == 0)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_server_that_ends_says_so(empty_profile: None) -> None:  # noqa: ARG001
    with ExitStack() as opened:
        with running_server(limits=ServerLimits(max_streams=1)) as server:
            stream = opened.enter_context(connect(address(server), open_timeout=WAIT_S))
            event(stream)
        assert events_to_the_end(stream) == []
        assert stream.close_code == 1001


def test_a_browser_offers_its_token_as_a_subprotocol(empty_profile: None) -> None:  # noqa: ARG001
    def offer(token: str) -> list[Subprotocol]:
        encoded = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
        return [Subprotocol(SUBPROTOCOL), Subprotocol(TOKEN_SUBPROTOCOL + encoded)]

    limits = ServerLimits(max_streams=1)
    with running_server(access=ApiAccess(TOKEN), limits=limits) as server:
        with connect(address(server), subprotocols=offer(TOKEN), open_timeout=WAIT_S) as stream:
            assert stream.subprotocol == SUBPROTOCOL
            assert event(stream)["type"] == "ready"
        with pytest.raises(InvalidStatus) as refused:
            connect(address(server), subprotocols=offer("another"), open_timeout=WAIT_S).__enter__()
        assert refused.value.response.status_code == 401
        until(lambda: server.services.streams.count == 0)


def test_streams_are_counted_for_prometheus(
    api: RunningServer, open_stream: Callable[..., ClientConnection], voice: np.ndarray
) -> None:
    stream = open_stream()
    event(stream)
    before = _figure(api, "attune_stream_windows_total")
    assert _figure(api, "attune_streams_open") == 1
    stream.send(int16(voice[: 3 * SAMPLE_RATE_HZ]))
    event(stream)
    assert _figure(api, "attune_stream_windows_total") == before + 1


def test_the_types_of_all_events_are_published(api: RunningServer) -> None:
    schemas = api.get("/openapi.json").json()["components"]["schemas"]
    assert {"StreamParameters", "StreamReady", "StreamWindow", "StreamNotice", "StreamEnd"} <= set(schemas)


def test_a_client_that_reads_nothing_is_dropped() -> None:
    async def overflow() -> None:
        outbox = Outbox(asyncio.get_running_loop())
        for number in range(200):
            outbox.put(Notice(NoticeKind.CLIPPING, str(number), 0.0))
        await asyncio.sleep(0)
        await outbox.next()

    with pytest.raises(StreamClosedError) as dropped:
        asyncio.run(overflow())
    assert dropped.value.code == 1008


def test_a_reason_fits_into_a_close_frame() -> None:
    assert close_reason("short") == "short"
    assert len(close_reason("ä" * 200).encode()) <= 123


def _figure(api: RunningServer, name: str) -> float:
    lines = api.get("/metrics").text.splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))
