"""Every page through axe-core: both themes, wide and narrow; and the keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from attune.dashboard.navigation import ENTRIES
from tests.e2e.browser import (
    CHROMIUM,
    CHROMIUM_FLAGS,
    SHIFTS,
    WHOLE,
    Server,
    layout_shift,
    listen_again,
    listening_state,
    new_context,
    serve,
    until,
    visit,
    window,
)

pytestmark = pytest.mark.e2e

PAGES = ("", "?view=wall", *(entry.module for entry in ENTRIES[1:]))
# Of Streamlit itself, which no style of ours can change: its drop zone is both a label and a presentation.
NOT_OURS = {("presentation-role-conflict", "stFileUploaderDropzone")}


# What a suggestion says, one wording after the other, as long as it is there.
SAID = """(suggestion) => {
  window.attuneSaid = [];
  const bar = suggestion.closest(".at-now");
  const note = () => window.attuneSaid.push(bar.querySelector(".suggestion strong")?.textContent);
  new MutationObserver(() => bar.querySelector(".suggestion") && note())
    .observe(bar, {subtree: true, childList: true, characterData: true});
  note();
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture
def server(chromium: Browser, shared_server: Server) -> Server:
    """The server of all tests here, which listens whatever the test before has left."""
    if shared_server.journal.exists():
        listen_again(chromium, shared_server)
    return shared_server


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core (MPL-2.0), which the package for Playwright carries."""
    spec = find_spec("axe_playwright_python")
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parent / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page, axe: str) -> list[tuple[str, str, str]]:
    """What axe-core finds, whatever its impact: the rule, the element, how to mend it."""
    page.evaluate(axe)
    found: Any = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        (one["id"], node["html"][:200], node.get("failureSummary") or "")
        for one in found["violations"]
        for node in one["nodes"]
        if not any(one["id"] == rule and part in node["html"] for rule, part in NOT_OURS)
    ]


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_a_violation(
    chromium: Browser, server: Server, axe: str, name: str, scheme: str, width: int
) -> None:
    context = new_context(chromium, width=width, scheme=scheme)
    try:
        page = context.new_page()
        page.goto(f"{server.url}/{name}")
        expect(page.locator(".stMain h1, .wall").first).to_be_visible()
        page.wait_for_function(WHOLE)
        page.wait_for_timeout(3_000)
        assert violations(page, axe) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        context.close()


# Shows these values on a board, and nothing newer, also in a part of it that comes late.
HOLD = """([board, values]) => {
  const feed = window.attune?.[board];
  if (feed === undefined) return;
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(feed.values, name, {get: () => value, set: () => {}, enumerable: true});
  }
  for (const draw of feed.draws) draw(feed.values);
  feed.draws.clear();
  feed.draws.add = () => feed.draws;
}"""


@pytest.mark.parametrize("look", ["accepted", "sustained hushed", "unsure", "quiet hushed", "empty"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("address", "board", "element"), [("", "live", "hero"), ("?view=wall", "wall", "wall")]
)
def test_word_can_be_read_whatever_it_says(
    chromium: Browser,
    server: Server,
    axe: str,
    address: str,
    board: str,
    element: str,
    scheme: str,
    look: str,
) -> None:
    with window(chromium, scheme=scheme) as context:
        page = context.new_page()
        page.emulate_media(reduced_motion="reduce")  # colours do not glide
        page.goto(f"{server.url}/{address}")
        page.wait_for_function(WHOLE)
        page.wait_for_function("(board) => window.attune?.[board]?.draws.size > 0", arg=board)
        page.evaluate(HOLD, [board, {"look": look}])
        expect(page.locator(f".at-root .{element}")).to_have_class(re.compile(f"{look}$"))
        assert violations(page, axe) == []


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_is_opened_by_its_address_does_not_jump(
    chromium: Browser, server: Server, name: str, width: int
) -> None:
    with window(chromium, width=width) as context:
        page = context.new_page()
        page.add_init_script(SHIFTS)
        page.goto(f"{server.url}/{name}")
        page.wait_for_function(WHOLE)
        # On the second screen another word may take more lines, which is no jump.
        page.evaluate(HOLD, ["wall", {}])
        page.wait_for_timeout(3_000)
        assert layout_shift(page) <= 0.05, page.evaluate("window.attuneShifts")


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_on_a_phone_text_of_twice_the_size_stays_within_the_page(
    chromium: Browser, tmp_path: Path, language: str
) -> None:
    with (
        serve(tmp_path / "home", language=language) as server,
        window(chromium, width=390, height=844) as context,
    ):
        page = context.new_page()
        for name in ("", *(entry.module for entry in ENTRIES[1:])):
            page.goto(f"{server.url}/{name}")
            page.wait_for_function(WHOLE)
            until(lambda: page.evaluate("document.documentElement.lang") == language)
            page.evaluate("document.documentElement.style.fontSize = '32px'")
            until(lambda: page.evaluate("document.querySelector('.stMain').scrollWidth") <= 390)
            labels = page.locator(".st-key-at-tabs a p").all()
            boxes = sorted(
                (box["y"], box["x"], box["width"]) for box in (label.bounding_box() for label in labels)
            )
            assert len(boxes) == len(ENTRIES)
            assert all(x >= 0 and x + wide <= 390 for _, x, wide in boxes)
            for (y, x, wide), (next_y, next_x, _) in pairwise(boxes):
                assert next_y > y or next_x >= x + wide


def test_stop_and_start_by_keyboard_alone_and_the_focus_is_seen(chromium: Browser, server: Server) -> None:
    with window(chromium) as context:
        page = visit(context, server)
        until(lambda: listening_state(page) == "Listening")
        stop = page.get_by_role("button", name="Stop")
        for _ in range(40):
            if stop.evaluate("button => button === document.activeElement"):
                break
            page.keyboard.press("Tab")
        expect(stop).to_be_focused()
        ring = stop.evaluate(
            "button => (({outlineStyle, boxShadow}) => [outlineStyle, boxShadow])(getComputedStyle(button))"
        )
        assert ring != ["none", "none"]
        page.keyboard.press("Enter")
        until(lambda: listening_state(page) == "Not listening")
        expect(page.get_by_role("button", name="Start")).to_be_focused()
        page.keyboard.press("Enter")
        until(lambda: listening_state(page) == "Listening")
        expect(stop).to_be_focused()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="For 15 minutes")).to_be_visible()
        page.get_by_role("button", name="For 15 minutes").press("Enter")
        resume = page.get_by_role("button", name="Resume")
        expect(resume).to_be_focused()
        page.keyboard.press("Enter")
        expect(resume).to_be_hidden()
        until(lambda: listening_state(page) == "Listening")


def test_the_answer_to_a_suggestion_keeps_focus_and_place(chromium: Browser, server: Server) -> None:
    with window(chromium) as context:
        page = visit(context, server)
        accept = page.get_by_role("button", name="Accept")
        expect(accept).to_be_visible()
        top = "document.querySelector('.stMain').scrollTop"
        before = page.evaluate(top)
        page.get_by_test_id("now-suggestion").evaluate(SAID)
        accept.focus()
        assert page.evaluate(top) == before
        page.keyboard.press("Enter")
        expect(accept).to_be_hidden()
        # Before the program has answered, and so takes the question away.
        said = page.evaluate("window.attuneSaid")
        assert [words.split()[0] for words in dict.fromkeys(said)][-1] == "Starting", said
        inside = "document.activeElement?.shadowRoot?.activeElement?.closest('.at-now') !== null"
        assert page.evaluate(inside)
        assert page.evaluate(top) == before


@pytest.mark.parametrize("name", [entry.module for entry in ENTRIES])
def test_a_phone_goes_from_page_to_page_by_the_bar_at_its_foot(
    chromium: Browser, server: Server, name: str
) -> None:
    with window(chromium, width=390, height=844) as context:
        page = visit(context, server)
        link = (
            page.locator(".st-key-at-tabs")
            .get_by_role("link")
            .nth([entry.module for entry in ENTRIES].index(name))
        )
        expect(link).to_be_visible()
        box = link.bounding_box()
        assert box is not None
        assert box["y"] > 760
        assert box["height"] >= 40
        link.click()
        expect(page.locator(".stMain h1").first).to_be_visible()
