"""Who may use the API: token, host names, web pages of others; over HTTP and over WebSockets."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from fastapi import WebSocket
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from attune.api.access import SUBPROTOCOL, TOKEN_SUBPROTOCOL, ApiAccess, check_access, is_own_host
from core.errors import AttuneError
from tests.attune.api.server import RunningServer, running_server

TOKEN = "a-token-that-is-long-enough"
PAGE = "https://player.example.org"


@pytest.fixture(scope="module")
def api(empty_profile: None) -> Iterator[RunningServer]:  # noqa: ARG001
    with running_server(access=ApiAccess(TOKEN, ("music.example.org",), (PAGE,))) as server:

        @server.app.websocket("/echo")
        async def echo(socket: WebSocket) -> None:
            await socket.accept(subprotocol=SUBPROTOCOL if socket.scope["subprotocols"] else None)
            async for text in socket.iter_text():
                await socket.send_text(text)

        yield server


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("headers", [{}, bearer("wrong"), bearer(""), {"Authorization": TOKEN}, bearer("ä")])
def test_without_the_token_it_says_how_to_send_it(api: RunningServer, headers: dict[str, str]) -> None:
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = api.get("/metrics", headers=encoded)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json()["detail"].endswith("send it as `Authorization: Bearer TOKEN`.")


def test_with_the_token_it_answers(api: RunningServer) -> None:
    assert api.get("/metrics", headers=bearer(TOKEN)).status_code == 200
    assert api.get("/metrics", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200


def test_health_is_told_without_a_token(api: RunningServer) -> None:
    assert api.get("/health/live").status_code == 200


@pytest.mark.parametrize(
    "path", ["/demo/../metrics", "/demo/%2e%2e/metrics", "//metrics", "/health/live/../../metrics"]
)
def test_no_spelling_of_a_path_goes_round_the_token(api: RunningServer, path: str) -> None:
    import http.client  # noqa: PLC0415 - it sends paths as they are

    connection = http.client.HTTPConnection(api.address, timeout=60)
    connection.request("GET", path)
    assert connection.getresponse().status in (401, 404)
    connection.close()


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[::1", "a b"]
)
def test_a_name_that_is_not_its_own_is_refused(api: RunningServer, host: str) -> None:
    answer = api.get("/health/live", headers={"Host": host})
    assert answer.status_code in (400, 421)


@pytest.mark.parametrize(
    "host", ["localhost:1", "127.0.0.1", "192.168.1.7:80", "[::1]:8000", "MUSIC.example.org"]
)
def test_addresses_and_allowed_names_are_its_own(host: str) -> None:
    assert is_own_host(host, ("music.example.org",))


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_pages_of_others_are_refused_even_with_the_token(api: RunningServer, origin: str) -> None:
    answer = api.post("/health/live", headers={"Origin": origin, **bearer(TOKEN)})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_its_own_pages_are_welcome(api: RunningServer) -> None:
    assert api.get("/metrics", headers={"Origin": api.url, **bearer(TOKEN)}).status_code == 200


def test_an_allowed_page_may_ask_first_without_the_token_and_read_every_answer(api: RunningServer) -> None:
    asked = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    first = requests_options(api, asked)
    assert (first.status_code, first.headers["access-control-allow-origin"]) == (200, PAGE)
    assert (
        api.get("/metrics", headers={"Origin": PAGE, **bearer(TOKEN)}).headers["access-control-allow-origin"]
        == PAGE
    )
    refused = api.get("/metrics", headers={"Origin": PAGE})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, PAGE)


def requests_options(api: RunningServer, headers: dict[str, str]):  # type: ignore[no-untyped-def]
    import requests  # noqa: PLC0415

    return requests.options(f"{api.url}/v1/emotion", headers=headers, timeout=60)


def test_a_websocket_without_the_token_gets_a_problem(api: RunningServer) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://{api.address}/echo"):
        pass
    assert refused.value.response.status_code == 401
    assert b"This server asks for its token" in (refused.value.response.body or b"")


def test_a_websocket_of_another_page_is_refused(api: RunningServer) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(
            f"ws://{api.address}/echo",
            origin=Origin("https://evil.example"),
            additional_headers=bearer(TOKEN),
        ),
    ):
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("by", ["header", "subprotocol"])
def test_a_websocket_takes_the_token_as_a_header_or_as_browsers_can(api: RunningServer, by: str) -> None:
    encoded = base64.urlsafe_b64encode(TOKEN.encode()).decode().rstrip("=")
    offered = [Subprotocol(SUBPROTOCOL), Subprotocol(TOKEN_SUBPROTOCOL + encoded)]
    headers, protocols = (bearer(TOKEN), None) if by == "header" else ({}, offered)
    with connect(f"ws://{api.address}/echo", additional_headers=headers, subprotocols=protocols) as socket:
        socket.send("heard")
        assert socket.recv(timeout=60) == "heard"
        assert socket.subprotocol == (None if by == "header" else SUBPROTOCOL)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "music.example.org"])
def test_other_machines_need_a_token(host: str) -> None:
    with pytest.raises(AttuneError, match="give a token with --token-file or in ATTUNE_API_TOKEN"):
        check_access(host, ApiAccess())
    check_access(host, ApiAccess(TOKEN))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.7"])
def test_this_machine_needs_none(host: str) -> None:
    check_access(host, ApiAccess())


@pytest.mark.parametrize("origin", ["*", "example.org", "https://example.org/page", "ftp://example.org"])
def test_an_origin_that_is_none_is_named(origin: str) -> None:
    with pytest.raises(AttuneError, match="is no origin of web pages: write it as"):
        check_access("127.0.0.1", ApiAccess(origins=(origin,)))
