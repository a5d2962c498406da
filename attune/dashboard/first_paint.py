"""What a browser shows before Streamlit has drawn anything: the style of pages, a heading, a frame.

Streamlit's own first page is blank, and becomes wide only when the script has run: all would jump. So its
answer is completed on the way to the browser.
"""

from __future__ import annotations

import importlib
import signal
import sys
import threading
import webbrowser
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import streamlit as st
from markupsafe import Markup

from attune.dashboard.components.browser_component import ASSETS
from attune.dashboard.navigation import ENTRIES, PageEntry
from attune.dashboard.pages.live import SKELETON, SUBTITLE, TITLE
from attune.dashboard.state.presses import protect_presses

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CONDITIONAL: Final = frozenset({b"accept-encoding", b"if-none-match", b"if-modified-since", b"range"})
_FRAME: Final = Markup(
    '<div id="at-first" class="{}"><header class="at-brand"><h1>{}</h1><p>{}</p></header>{}</div>'
)
# Streamlit looks for its server below the address of a page first, and complains that it is not there.
_SERVER: Final = (
    "<script>window.__streamlit={{BACKEND_BASE_URL:"
    'location.origin+location.pathname.replace(/\\/{}\\/?$/,"/")}}</script>'
)
_HEAVY: Final = ("attune.engine.engine", "attune.dashboard.components.live_page")


class FirstPaint:
    """Middleware that completes the first answer of each page.

    Parameters
    ----------
    app
        Streamlit.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; all but those for pages are passed on as they are."""
        page = page_asked_for(scope)
        if page is None:
            await self._app(scope, receive, send)
            return
        headers = [(name, value) for name, value in scope["headers"] if name not in _CONDITIONAL]
        wall = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("view") == ["wall"]
        start: Message = {}
        body = b""

        async def take(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            sent = complete(body, page, wall=wall) if start["status"] == 200 else body
            fixed = [(name, value) for name, value in start["headers"] if name not in _SIZES]
            fixed.append((b"content-length", str(len(sent)).encode()))
            await send({**start, "headers": fixed})
            await send({"type": "http.response.body", "body": sent})

        await self._app({**scope, "headers": headers}, receive, take)


_SIZES: Final = frozenset({b"content-length", b"etag", b"last-modified"})


def page_asked_for(scope: Scope) -> PageEntry | None:
    """Which page a request is for; None where it is for something else."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    name = scope["path"].strip("/")
    return next(
        (
            entry
            for entry in ENTRIES
            if name in ({entry.module, ""} if entry is ENTRIES[0] else {entry.module})
        ),
        None,
    )


def complete(html: bytes, page: PageEntry, *, wall: bool = False) -> bytes:
    """Put style and frame into Streamlit's first page.

    Parameters
    ----------
    html
        As Streamlit has it.
    page
        Which page it is to become.
    wall
        It is to become the view for a second screen, which has no heading.
    """
    style = f"<style>{(ASSETS / 'page.css').read_text(encoding='utf-8')}</style>"
    revive = f'<script type="module">{(ASSETS / "revive.js").read_text(encoding="utf-8")}</script>'
    title, subtitle = (TITLE, SUBTITLE) if page is ENTRIES[0] else (page.title, "")
    frame = Markup('<div id="at-first" class="wall"></div>')
    if not wall:
        frame = _FRAME.format(page.module, title, subtitle, SKELETON)
    head = _SERVER.format(page.module) + revive + style
    for before, new in ((b"</head>", head), (b'<div id="root">', frame)):
        html = html.replace(before, new.encode() + before, 1)
    return html.replace(b"<title>Streamlit</title>", b"<title>Attune</title>", 1)


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncGenerator[None, None]:
    """Import what the first page needs while the browser loads Streamlit, open the browser, end in order."""
    protect_presses()
    threading.Thread(target=_import_all, args=(_HEAVY,), name="attune-imports", daemon=True).start()
    if not st.get_option("server.headless"):
        address, port = st.get_option("server.address"), st.get_option("server.port")
        page = f"http://{address}:{port}"
        threading.Thread(target=webbrowser.open, args=(page,), name="attune-browser", daemon=True).start()
    yield
    # The server raises the signal that ended it once more, which would end the program before all is closed.
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})


def _import_all(modules: Iterable[str]) -> None:
    for module in modules:
        importlib.import_module(module)
