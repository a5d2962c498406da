"""Clients that send too much, too slowly, or nothing: refused or dropped, with memory bounded."""

from __future__ import annotations

import io
import os
import socket
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fastapi import UploadFile

from attune.api.body_limits import JSON_CONTENT_PATHS
from attune.api.limits import MEGABYTE, ServerLimits
from attune.api.services import ServicesDep
from attune.api.uploads import read_upload
from tests.attune.api.raw_client import connected, eventually, is_closed, read_answer, request
from tests.attune.api.server import RunningServer, running_server

GIGABYTE = 1_000_000_000
CONNECTIONS = 40
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


@pytest.fixture(scope="module")
def api(empty_profile: None) -> Iterator[RunningServer]:  # noqa: ARG001
    limits = ServerLimits(
        max_upload_bytes=2 * MEGABYTE,
        max_json_content_bytes=MEGABYTE,
        max_held_bytes=3 * MEGABYTE,
        max_connections=CONNECTIONS,
        body_pause_s=0.5,
        head_s=0.5,
        keep_alive_s=1,
        write_s=0.5,
        max_clip_minutes=0.5,
        workers=1,
    )
    with running_server(limits=limits) as server:
        add_routes(server)
        yield server


def add_routes(server: RunningServer) -> None:
    @server.app.post("/measure")
    async def measure(file: UploadFile, services: ServicesDep) -> dict[str, object]:
        upload = await read_upload(file, services.limits)
        return {"name": upload.name, "bytes": len(upload.content)}


def upload_head(server: RunningServer, *headers: str) -> bytes:
    return request(server, "POST /measure", "Content-Type: multipart/form-data; boundary=b", *headers)


def held_bytes(server: RunningServer) -> float:
    value = server.services.metrics.registry.get_sample_value("attune_http_body_bytes")
    assert value is not None
    return value


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_an_upload_stays_in_memory_and_its_name_is_no_path(
    api: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_disk(*_: object, **__: object) -> None:
        raise AssertionError("an upload was written to the disk")

    monkeypatch.setattr("tempfile.TemporaryFile", no_disk)
    answer = api.post("/measure", files={"file": ("../../etc/passwd", b"x" * (2 * MEGABYTE - 1000))})
    assert answer.json() == {"name": "passwd", "bytes": 2 * MEGABYTE - 1000}
    assert eventually(lambda: held_bytes(api) == 0)


def test_an_empty_file_is_refused(api: RunningServer) -> None:
    answer = api.post("/measure", files={"file": ("a.wav", b"")})
    assert (answer.status_code, answer.json()["detail"]) == (422, "a.wav is empty: send a sound file.")


def test_a_gigabyte_is_refused_by_its_length_before_any_of_it_is_sent(api: RunningServer) -> None:
    with connected(api) as connection:
        connection.sendall(upload_head(api, f"Content-Length: {GIGABYTE}"))
        status, headers, problem = read_answer(connection)
    assert status == 413
    assert headers["content-type"] == "application/problem+json"
    assert problem["detail"] == "The body is larger than the 2 MB that are taken: send a shorter file."


def test_a_body_without_a_length_is_counted_and_refused(api: RunningServer) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with connected(api) as connection:
        connection.sendall(upload_head(api, "Transfer-Encoding: chunked"))
        connection.sendall(f"{len(PART):x}\r\n".encode() + PART + b"\r\n")
        with suppress(ConnectionError):  # it may be closed while we still send
            for _ in range(40):
                connection.sendall(chunk)
        assert read_answer(connection)[0] == 413
    assert eventually(lambda: held_bytes(api) == 0)


def test_what_is_sent_after_a_refusal_is_not_taken_for_ever(api: RunningServer) -> None:
    with connected(api) as connection:
        connection.sendall(upload_head(api, f"Content-Length: {GIGABYTE}"))
        assert read_answer(connection)[0] == 413
        with pytest.raises(ConnectionError):  # noqa: PT012 - it never ends otherwise
            while True:
                connection.sendall(b"x")


def test_all_bodies_together_are_bounded(api: RunningServer) -> None:
    body = PART + b"x" * (MEGABYTE + MEGABYTE // 4)
    limits = replace(api.services.limits, body_pause_s=60.0)
    with running_server(limits=limits, engine=api.services.engine) as patient, ExitStack() as stack:
        add_routes(patient)
        for _ in range(2):
            connection = stack.enter_context(connected(patient))
            connection.sendall(upload_head(patient, f"Content-Length: {2 * MEGABYTE}") + body)
        assert eventually(lambda: held_bytes(patient) == 2 * len(body))
        third = stack.enter_context(connected(patient))
        third.sendall(upload_head(patient, f"Content-Length: {len(body)}") + body)
        status, headers, _ = read_answer(third)
        assert (status, headers["retry-after"]) == (503, "60")
        stack.close()
        assert eventually(lambda: held_bytes(patient) == 0)


@pytest.mark.parametrize(
    ("path", "size", "words"),
    [
        ("/measure", 64_001, "the 64 kB that are taken: send less"),
        ("/predict-realtime/", MEGABYTE + 1, "the 1 MB that are taken"),
        ("/predict-realtime", MEGABYTE + 1, "the 1 MB that are taken"),
    ],
)
def test_json_is_small_unless_it_holds_content(api: RunningServer, path: str, size: int, words: str) -> None:
    answer = api.post(path, data=b" " * size, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert words in answer.json()["detail"]


def test_the_routes_whose_json_holds_content_may_have_large_bodies(api: RunningServer) -> None:
    with_content = {
        path.removesuffix("/")
        for path, operations in api.get("/openapi.json").json()["paths"].items()
        for operation in operations.values()
        if {"application/json", "multipart/form-data"}
        <= set(operation.get("requestBody", {}).get("content", ()))
    }
    assert with_content == JSON_CONTENT_PATHS


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict-realtime/", b'{"samples":[' + b",".join([b'""'] * 100_000) + b"]}"),
        ("/api/music/analyze/preprocessed", b'{"embedding":[' + b",".join([b'""'] * 100_000) + b"]}"),
        ("/api/music/analyze/preprocessed", b'{"embedding":[' + b",".join([b"[]"] * 100_000) + b"]}"),
        ("/api/music/analyze", b"{" + b",".join(b'"%d":0' % number for number in range(50_000)) + b"}"),
        ("/api/music/analyze", b"[" * 100_000),
        ("/v1/listener/start", b"{" + b",".join(b'"%d":0' % number for number in range(5_000)) + b"}"),
    ],
)
def test_many_faults_have_a_short_answer(api: RunningServer, path: str, body: bytes) -> None:
    answer = api.post(path, data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert 1 <= len(answer.json()["errors"]) <= 20
    assert len(answer.content) < 3_000


def test_a_client_that_hangs_up_in_the_middle_is_no_fault_of_the_server(
    api: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    def count(status: str) -> float:
        labels = {"method": "POST", "route": "/predict-realtime/", "status": status}
        return api.services.metrics.registry.get_sample_value("attune_http_requests_total", labels) or 0.0

    before = count("400")
    with connected(api) as connection:
        head = request(
            api, "POST /predict-realtime/", "Content-Type: application/octet-stream", "Content-Length: 1000"
        )
        connection.sendall(head + b"half")
        assert eventually(lambda: held_bytes(api) == 4)
    assert eventually(lambda: count("400") > before)
    assert count("500") == 0
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_raw_bytes_may_be_as_large_as_a_file(api: RunningServer) -> None:
    sent = {"data": bytes(MEGABYTE + 4), "headers": {"Content-Type": "application/octet-stream"}}
    assert api.post("/predict-realtime/", **sent).status_code == 200


def test_compressed_bodies_are_refused(api: RunningServer) -> None:
    answer = api.post("/measure", data=b"x", headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["title"]) == (415, "Unsupported Media Type")


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "multipart/form-data", ""])
def test_a_wrong_content_type_is_a_problem_of_the_client(api: RunningServer, content_type: str) -> None:
    answer = api.post("/measure", data=b"not a form", headers={"Content-Type": content_type})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_that_stops_is_ended(api: RunningServer) -> None:
    with connected(api) as connection:
        connection.sendall(upload_head(api, "Content-Length: 1000") + b"--b\r\n")
        status, _, problem = read_answer(connection)
        assert (status, problem["title"]) == (408, "Too slow")


@pytest.mark.parametrize("beginning", [b"", b"GET /health/live HTTP/1.1\r\nHost: "])
def test_a_client_that_does_not_finish_its_question_is_dropped(api: RunningServer, beginning: bytes) -> None:
    with connected(api) as connection:
        connection.sendall(beginning)
        assert is_closed(connection)


def test_neither_is_one_that_asks_slowly_after_a_first_answer_kept(api: RunningServer) -> None:
    with connected(api) as connection:
        connection.sendall(request(api, "GET /health/live"))
        assert read_answer(connection)[0] == 200
        connection.sendall(b"GET /heal")
        assert is_closed(connection)


def test_one_that_never_reads_is_dropped(api: RunningServer) -> None:
    with connected(api) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises(ConnectionError):  # noqa: PT012 - it never ends otherwise
            while True:
                connection.sendall(request(api, "GET /openapi.json") * 100)
    assert eventually(lambda: not api.server.server_state.connections)


def test_beyond_the_limit_connections_are_refused_and_the_others_stay(api: RunningServer) -> None:
    head = request(api, "POST /measure", "Content-Type: text/plain", "Content-Length: 1")
    with ExitStack() as stack:
        first = stack.enter_context(connected(api))
        first.sendall(head)
        assert eventually(lambda: len(api.server.server_state.connections) == 1)
        others = [stack.enter_context(connected(api)) for _ in range(CONNECTIONS + 5)]
        refused = others[-1]
        status, headers, problem = read_answer(refused)
        assert (status, headers["retry-after"], problem["title"]) == (503, "5", "Busy")
        assert is_closed(refused)
    assert eventually(lambda: not api.server.server_state.connections)
    assert eventually(lambda: api.get("/health/live").status_code == 200)


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Small files that become large, or say that they are."""
    folder = tmp_path_factory.mktemp("bombs")
    with soundfile.SoundFile(folder / "hour.flac", "w", 8_000, 1) as hour:
        for _ in range(60):
            hour.write(np.zeros(60 * 8_000, np.int16))
    soundfile.write(folder / "short.wav", np.zeros(16_000, np.int16), 16_000)
    liar = bytearray((folder / "short.wav").read_bytes())
    liar[4:8] = liar[40:44] = (2**32 - 9).to_bytes(4, "little")
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sound.wav", bytes(50 * MEGABYTE))
    return {
        "hour.flac": (folder / "hour.flac").read_bytes(),
        "liar.wav": bytes(liar),
        "zip.wav": zipped.getvalue(),
    }


def test_bombs_are_rows_that_say_why_and_take_no_memory(api: RunningServer, bombs: dict[str, bytes]) -> None:
    assert sum(map(len, bombs.values())) < MEGABYTE
    api.post(
        "/v1/emotion", files=[("files", ("liar.wav", bombs["liar.wav"]))]
    )  # what every first answer takes
    before = resident_bytes()
    rows = api.post("/v1/emotion", files=[("files", named) for named in bombs.items()]).json()["files"]
    assert [row["file"] for row in rows] == list(bombs)
    assert "/v1/jobs" in rows[0]["error"]
    assert rows[1].get("kind") == "no speech" or "error" in rows[1]
    assert "is not sound that Attune can read" in rows[2]["error"]
    assert resident_bytes() - before < 30 * MEGABYTE


@pytest.mark.parametrize("path", ["/predict-emotion/", "/api/music/analyze/upload", "/v1/jobs?kind=mood"])
def test_what_is_no_sound_is_a_problem_of_the_client(
    api: RunningServer, bombs: dict[str, bytes], path: str
) -> None:
    answer = api.post(path, files={"file": ("zip.wav", bombs["zip.wav"])})
    assert answer.status_code == 422
    assert "zip.wav is not sound that Attune can read" in answer.json()["detail"]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells the memory of a process")
def test_ten_thousand_connections_that_are_dropped_leave_nothing_behind(api: RunningServer) -> None:
    def drop(number: int) -> None:
        for index in range(number):
            with connected(api) as connection, suppress(ConnectionError):
                if index % 2:
                    connection.sendall(b"POST /measure HTTP/1.1\r\nContent-Length: 99")

    drop(500)
    before = resident_bytes()
    drop(10_000)
    assert eventually(lambda: not api.server.server_state.connections)
    assert resident_bytes() - before < 20 * MEGABYTE
    assert eventually(lambda: api.get("/health/live").status_code == 200)
