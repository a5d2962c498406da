"""The page /demo of the API in a real browser, whose microphone is a file in which somebody speaks."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from websockets.sync.client import connect

from attune.api.access import ApiAccess
from attune.api.limits import ServerLimits
from tests.attune.api.server import RunningServer, running_server
from tests.e2e.browser import CHROMIUM, CHROMIUM_FLAGS, SCREENSHOTS, speak, until, window

pytestmark = pytest.mark.e2e

TOKEN = "a-token-that-is-long-enough"
WAIT_MS = 60_000.0


@pytest.fixture(scope="module", autouse=True)
def _empty_profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
            patch.setenv(name, str(tmp_path_factory.mktemp("profile")))
        yield


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that may use its microphone, and in which somebody speaks, again and again."""
    voice = speak(tmp_path_factory.mktemp("voice") / "voice.wav")
    flags = (
        *CHROMIUM_FLAGS,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={voice}",
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(flags))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def api() -> Iterator[RunningServer]:
    with running_server(limits=ServerLimits(max_streams=2)) as server:
        yield server


@pytest.fixture(autouse=True)
def _places_are_free(request: pytest.FixtureRequest) -> Iterator[None]:
    """Threads of a stream end within the test that opened it."""
    yield
    if "api" in request.fixturenames:
        server: RunningServer = request.getfixturevalue("api")
        until(lambda: server.services.streams.count == 0)


def start(page: Page, server: RunningServer) -> None:
    page.goto(f"{server.url}/demo")
    page.get_by_role("button", name="Start").click()


def expect_voice(page: Page) -> None:
    """A voice was heard, placed on the plane, and said in words."""
    expect(page.locator("#voice")).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("#energy")).to_contain_text("%", timeout=WAIT_MS)
    expect(page.locator("#latency")).to_contain_text("ms")


def test_somebody_who_speaks_sees_how_the_voice_sounds(chromium: Browser, api: RunningServer) -> None:
    with window(chromium) as context:
        page = context.new_page()
        start(page, api)
        expect_voice(page)
        assert api.services.streams.count == 1
        trail = page.locator("#trail")
        until(lambda: len((trail.get_attribute("points") or "").split()) >= 3)
        assert page.locator("#bars tr").count() == 8
        assert float(page.locator("#level").evaluate("meter => meter.value")) > -60.0
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("status")).to_have_text("Not listening.")
        until(lambda: api.services.streams.count == 0)
        page.get_by_role("button", name="Start").click()
        expect_voice(page)


def test_a_page_that_is_closed_gives_its_place_to_another(chromium: Browser, api: RunningServer) -> None:
    with window(chromium) as context:
        page = context.new_page()
        start(page, api)
        expect_voice(page)
        page.close()
        until(lambda: api.services.streams.count == 0)


def test_the_keyboard_alone_starts_and_stops(chromium: Browser, api: RunningServer) -> None:
    with window(chromium) as context:
        page = context.new_page()
        page.goto(f"{api.url}/demo")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Start")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Stop")).to_be_focused()
        expect_voice(page)
        page.keyboard.press("Space")
        expect(page.get_by_role("button", name="Start")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        expect(page.get_by_role("checkbox", name="Hear music, too")).not_to_be_checked()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1240, 390])
def test_it_can_be_read_by_everybody(chromium: Browser, api: RunningServer, scheme: str, width: int) -> None:
    with window(chromium, width=width, scheme=scheme) as context:
        page = context.new_page()
        start(page, api)
        expect_voice(page)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"demo-{scheme}-{width}.png", full_page=True)


def test_a_server_with_a_token_asks_for_it(chromium: Browser) -> None:
    with running_server(access=ApiAccess(TOKEN), limits=ServerLimits(max_streams=1)) as server:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(f"{server.url}/demo")
        field = page.get_by_label("Token of this server")
        expect(field).to_be_visible(timeout=WAIT_MS)
        field.fill("another")
        field.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("asks for its token", timeout=WAIT_MS)
        expect(field).to_be_focused()
        field.fill(TOKEN)
        field.press("Enter")
        expect_voice(page)
        context.close()


def test_where_all_streams_are_in_use_it_says_so(chromium: Browser) -> None:
    with running_server(limits=ServerLimits(max_streams=1)) as server:
        context = chromium.new_context()
        page = context.new_page()
        with connect(f"ws://{server.address}/v1/stream", open_timeout=60):
            start(page, server)
            expect(page.get_by_role("alert")).to_contain_text("The one stream", timeout=WAIT_MS)
            expect(page.get_by_role("status")).to_have_text("Not listening.")
        context.close()


@pytest.mark.parametrize(("status", "words"), [(502, "(status 502)"), (200, "could not be opened")])
def test_a_page_that_answers_in_place_of_the_server_is_one_sentence(
    chromium: Browser, status: int, words: str
) -> None:
    with running_server(limits=ServerLimits(max_streams=1)) as server:
        context = chromium.new_context()
        page = context.new_page()
        page.route(
            "**/v1/streams",
            lambda route: route.fulfill(status=status, content_type="text/html", body="<h1>Proxy</h1>"),
        )
        with connect(f"ws://{server.address}/v1/stream", open_timeout=60):
            start(page, server)
            expect(page.get_by_role("alert")).to_contain_text(words, timeout=WAIT_MS)
            expect(page.get_by_role("button", name="Start")).to_be_enabled()
        context.close()


def test_without_leave_to_use_the_microphone_it_says_what_to_do(
    chromium: Browser, api: RunningServer
) -> None:
    browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
    page = browser.new_page()
    start(page, api)
    expect(page.get_by_role("alert")).to_contain_text("microphone", timeout=WAIT_MS)
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    browser.close()


def test_a_server_that_ends_is_said(chromium: Browser) -> None:
    context = chromium.new_context()
    page = context.new_page()
    with running_server(limits=ServerLimits(max_streams=1)) as server:
        start(page, server)
        expect_voice(page)
    expect(page.get_by_role("alert")).to_have_text("The server has ended.", timeout=WAIT_MS)
    context.close()


def violations(page: Page) -> list[tuple[str, str]]:
    """What axe-core finds: the rule and the element."""
    spec = find_spec("axe_playwright_python")
    assert spec is not None
    assert spec.origin is not None
    page.evaluate((Path(spec.origin).parent / "axe.min.js").read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("() => axe.run()")
    return [(one["id"], node["html"]) for one in found["violations"] for node in one["nodes"]]
