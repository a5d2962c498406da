"""The first paint: what a browser gets before Streamlit has drawn anything, and what stays as it was."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from attune.dashboard.first_paint import FirstPaint, complete, page_asked_for
from attune.dashboard.navigation import ENTRIES

INDEX = b'<html><head><title>Streamlit</title></head><body><div id="root"></div></body></html>'


def request(path: str, *, method: str = "GET", query: bytes = b"") -> dict[str, Any]:
    headers = [(b"accept-encoding", b"gzip"), (b"if-none-match", b"x"), (b"host", b"127.0.0.1")]
    return {"type": "http", "method": method, "path": path, "query_string": query, "headers": headers}


def answer(
    scope: dict[str, Any], parts: list[bytes], *, status: int = 200
) -> tuple[dict[str, Any], bytes, Any]:
    """What a browser gets: the start and body of the answer, and what the application was asked."""
    asked: list[Any] = []
    sent: list[Any] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        asked.append(scope)
        size = str(sum(map(len, parts))).encode()
        headers = [(b"content-length", size), (b"etag", b"x"), (b"cache-control", b"no-cache")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for number, part in enumerate(parts, 1):
            await send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(FirstPaint(app)(scope, receive, send))  # type: ignore[arg-type]
    body = b"".join(message["body"] for message in sent[1:])
    return sent[0], body, asked[0]


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_first_answer_has_the_style_and_a_heading(entry: Any) -> None:
    path = "/" if entry is ENTRIES[0] else f"/{entry.module}"
    start, body, asked = answer(request(path), [INDEX[:50], INDEX[50:]])
    assert b"--at-side" in body
    assert body.index(b"<style>") < body.index(b"</head>")
    assert body.index(b"<h1>") < body.index(b'<div id="root">')
    assert (b"content-length", str(len(body)).encode()) in start["headers"]
    assert not [name for name, _ in start["headers"] if name == b"etag"]
    # Neither packed nor left out because the browser has it already.
    assert [name for name, _ in asked["headers"]] == [b"host"]


def test_streamlit_is_told_where_its_server_is_instead_of_trying_below_the_page() -> None:
    _, body, _ = answer(request("/playlists"), [INDEX])
    head = body[: body.index(b"</head>")].decode()
    assert "window.__streamlit={BACKEND_BASE_URL:" in head
    assert r'.replace(/\/playlists\/?$/,"/")' in head


def test_the_view_for_a_second_screen_begins_without_a_heading() -> None:
    _, body, _ = answer(request("/", query=b"view=wall"), [INDEX])
    assert b"<h1>" not in body
    assert b'id="at-first"' in body


@pytest.mark.parametrize(
    "scope",
    [
        request("/_stcore/health"),
        request("/static/js/index.js"),
        request("/", method="HEAD"),
        request("/nowhere"),
        {"type": "websocket", "path": "/", "headers": []},
        {"type": "lifespan"},
    ],
)
def test_all_else_is_passed_on_as_it_is(scope: dict[str, Any]) -> None:
    assert page_asked_for(scope) is None
    start, body, asked = answer(scope, [INDEX])
    assert body == INDEX
    assert asked is scope
    assert (b"etag", b"x") in start["headers"]


def test_an_error_is_passed_on_as_it_is() -> None:
    _, body, _ = answer(request("/"), [b"<h1>gone</h1></head>"], status=500)
    assert body == b"<h1>gone</h1></head>"


def test_a_first_page_of_another_form_loses_nothing() -> None:
    odd = b"<html><body>Something else</body></html>"
    assert complete(odd, ENTRIES[0]) == odd
