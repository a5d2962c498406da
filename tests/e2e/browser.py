"""Owns the browser tests' ground: a server of its own in an empty home, a Chromium, tabs that keep count."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, expect

from tests.paths import ROOT

SCREENSHOTS = ROOT / "artifacts" / "screenshots"
CHROMIUM = "/usr/bin/chromium"
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NO_MICROPHONE = "Microphone that is not there"
SENTENCES = (
    "Oh that is wonderful, I never thought that we would win! "
    "Please leave me alone. I am very tired, and nothing works today. "
    "What was that noise? Did somebody come in? I am afraid to look. "
    "Get out of here, now, I do not want to see you again! "
    "Well, let us sit down, breathe slowly, and listen to the rain for a while."
)
PATIENCE_S = 60.0
"""How long all browser tests wait: a machine may be slow, and no test measures that."""
STOP_S = PATIENCE_S

expect.set_options(timeout=1000 * PATIENCE_S)

T = TypeVar("T")

# To be run before a page's own scripts: how far what is seen has jumped without a click, and what did.
SHIFTS = """
window.attuneShifts = [];
new PerformanceObserver((list) => {
  for (const {value, hadRecentInput, sources} of list.getEntries()) {
    if (hadRecentInput) continue;
    const moved = sources.map(({node, previousRect: from, currentRect: to}) => {
      const element = node?.nodeType === 1 ? node : node?.parentElement;
      const keyed = element?.closest("[class*=st-key-]")?.className.match(/st-key-\\S+/)?.[0] ?? "";
      return `${element?.tagName} ${keyed} ${element?.textContent.trim().slice(0, 30)} ${from.y} to ${to.y}`;
    });
    window.attuneShifts.push([value, ...moved]);
  }
}).observe({type: "layout-shift", buffered: true});
"""
# All of a page is drawn and shown; only then is there something that could jump.
WHOLE = """() => {
  const frame = document.getElementById("at-first");
  const drawn = document.querySelector(".st-key-at-whole .at-whole, .st-key-wall_feed");
  return drawn !== null && (frame === null || getComputedStyle(frame).display === "none");
}"""

# How often the board changed, whether its bars are still the same elements, what came and went around it.
WATCH = """() => {
  const hosts = [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")]
    .filter((host) => host.shadowRoot.querySelector(".hero, .rows"));
  const boards = hosts.map((host) => host.shadowRoot.querySelector(".at-root"));
  const bars = boards.flatMap((board) => [...board.querySelectorAll(".bar .fill")]);
  const seen = {parts: [...hosts, ...boards, ...bars], bars: bars.length, ticks: 0, removed: 0, outside: 0};
  const watcher = new MutationObserver((changes) => {
    seen.ticks += 1;
    for (const change of changes) {
      if (!change.target.closest?.(".strip")) seen.removed += change.removedNodes.length;
    }
  });
  for (const board of boards) {
    watcher.observe(board, {subtree: true, childList: true, attributes: true, characterData: true});
  }
  new MutationObserver((changes) => { seen.outside += changes.length; })
    .observe(document.querySelector("[data-testid=stMain]"), {subtree: true, childList: true});
  window.attuneSeen = seen;
}"""
# What a person does who lets go of files over the page; a browser hands no files to a program's own events.
DROP = """(zone, files) => {
  const transfer = new DataTransfer();
  for (const {name, text} of files) {
    transfer.items.add(new File([Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0))], name));
  }
  for (const type of ["dragenter", "dragover", "drop"]) {
    const how = {dataTransfer: transfer, bubbles: true, composed: true, cancelable: true};
    zone.dispatchEvent(new DragEvent(type, how));
  }
}"""
SEEN = """() => {
  const {parts, bars, ticks, removed, outside} = window.attuneSeen;
  return {ticks, removed, outside, bars, attached: parts.every((part) => part.isConnected)};
}"""


@dataclass
class Server:
    """A running dashboard.

    Parameters
    ----------
    url
        Where it answers.
    process
        The server itself.
    data
        Its data folder.
    """

    url: str
    process: subprocess.Popen[bytes]
    data: Path

    @property
    def journal(self) -> Path:
        """Its journal, which is there once a page was opened."""
        return self.data / "journal.sqlite3"

    def sessions(self) -> int:
        """How often somebody began to listen, from the journal."""
        with sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True) as journal:
            (count,) = journal.execute("SELECT count(*) FROM sessions").fetchone()
        return int(count)

    def listens(self) -> bool:
        """Whether somebody listens, or nobody has begun to, from the journal."""
        with sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True) as journal:
            newest = journal.execute("SELECT ended_at FROM sessions ORDER BY id DESC LIMIT 1").fetchone()
        return newest is None or newest[0] is None


@dataclass
class Watched:
    """What a tab complained about, and what it asked for beyond this machine."""

    complaints: list[str] = field(default_factory=list)
    abroad: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._request(request.url))
        page.on("websocket", lambda web_socket: self._request(web_socket.url))

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"blob", "data"} and parts.hostname != "127.0.0.1":
            self.abroad.append(url)

    def check(self) -> None:
        assert self.abroad == []
        assert self.complaints == []


@contextmanager
def serve(
    home: Path, *, sound: Mapping[str, str] | None = None, welcome: bool = False, **settings: str
) -> Iterator[Server]:
    """Run the dashboard as a person does, with an empty home, in which the first run is over or to come.

    Without `sound`, the environment of a sound server, the microphone that it wants is not there.
    """
    home.mkdir(parents=True, exist_ok=True)
    if not welcome:
        (home / "config" / "attune").mkdir(parents=True, exist_ok=True)
        (home / "config" / "attune" / "welcomed").touch()
    data = home / "data"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("ATTUNE_", "XDG_"))
    }
    environment |= {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(data),
        "XDG_CACHE_HOME": str(home / "cache"),
        "ATTUNE_JOURNAL_PATH": str(data / "journal.sqlite3"),
    }
    # Also where the tests' machine has a sound card, nothing of it is opened.
    environment |= sound or {"PULSE_SERVER": f"unix:{home}/no-pulse", "ATTUNE_DEVICE": NO_MICROPHONE}
    environment |= {f"ATTUNE_{name.upper()}": value for name, value in settings.items()}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = home / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", "app.py"),
                *("--server.port", str(port), "--server.headless", "true"),
            ],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(url, process, log))
        yield Server(url, process, data)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
    assert "Traceback" not in log.read_text(errors="replace"), log.read_text(errors="replace")


def _answers(url: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text(errors="replace")
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def until(condition: Callable[[], T]) -> T:
    """Wait for something to become true, and return it."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.05)


def new_context(browser: Browser, *, width: int = 1240, height: int = 900, scheme: str = "light") -> Any:
    """Open a browser window with a profile of its own, whose complaints nobody counts."""
    wanted: Any = scheme
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=wanted)
    context.set_default_timeout(1000 * PATIENCE_S)
    return context


@contextmanager
def window(browser: Browser, *, width: int = 1240, height: int = 900, scheme: str = "light") -> Iterator[Any]:
    """A browser window with a profile of its own, and what its tabs complained about."""
    context = new_context(browser, width=width, height=height, scheme=scheme)
    watched = Watched()
    context.on("page", watched.watch)
    try:
        yield context
        watched.check()
    finally:
        context.close()


@contextmanager
def views(browser: Browser) -> Iterator[dict[str, Any]]:
    """A window for each look of the dashboard, by its name: light and dark, wide and narrow."""
    with ExitStack() as stack:
        yield {
            f"{scheme}-{width}": stack.enter_context(window(browser, width=width, height=860, scheme=scheme))
            for width in (1240, 390)
            for scheme in ("light", "dark")
        }


def picture(page: Page, name: str) -> None:
    """Take a screenshot of a whole page, which scrolls within its window; nothing may stand out sideways."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    asked = page.viewport_size
    assert asked is not None
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": asked["width"], "height": height})
    page.wait_for_timeout(700)
    assert page.evaluate("document.documentElement.scrollWidth") <= asked["width"]
    # All at once: a part may be drawn anew meanwhile.
    boards = page.locator(".at-root, .at-now")
    assert boards.evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth).length") == 0
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")
    page.set_viewport_size(asked)


def layout_shift(page: Page) -> float:
    """How far what is seen has jumped so far; the page was given `SHIFTS` before it was opened."""
    return round(sum(shift[0] for shift in page.evaluate("window.attuneShifts")), 4)


def visit(context: Any, server: Server) -> Page:
    """Open the dashboard in a new tab and wait until its board stands."""
    page: Page = context.new_page()
    page.goto(server.url)
    expect(page.locator(".at-root .hero")).to_be_visible()
    until(lambda: listening_state(page))  # its first values have come
    return page


def listen_again(browser: Browser, server: Server) -> None:
    """Bring a server that a test has stopped back to listening, for the next test."""
    if server.listens():
        return
    with window(browser) as context:
        page = visit(context, server)
        begin = page.get_by_role("button", name=re.compile("Start|Resume"))
        if begin.is_visible():
            begin.click()
        until(lambda: listening_state(page) == "Listening")


def listening_state(page: Page) -> str:
    """What the listening indicator says."""
    return page.locator(".indicator .words").inner_text()


def clock_s(page: Page) -> int:
    """How many seconds have been heard."""
    seconds = 0
    for part in page.locator(".indicator .clock").inner_text().split(":"):
        seconds = 60 * seconds + int(part)
    return seconds


def shares(page: Page) -> tuple[str, ...]:
    """How long the eight bars are, in the details."""
    return tuple(
        page.locator(".bar .fill").evaluate_all("bars => bars.map(bar => bar.style.transform || 'scaleX(0)')")
    )


def line_percent(page: Page, name: str) -> float:
    """Where the gate's line stands, in per cent."""
    at: str = page.locator(".rows").evaluate("(rows, name) => rows.style.getPropertyValue(name)", f"--{name}")
    return float(at.strip().rstrip("%") or "nan")


def pick(page: Page, label: str) -> None:
    """Choose a source, behind its button where something is listened to."""
    # Without a microphone the demo begins by itself a moment after the page is there.
    until(lambda: listening_state(page) not in {"Starting", ""})
    page.wait_for_timeout(500)
    if page.get_by_role("button", name="Stop").is_visible():
        open_options(page)
    page.get_by_role("combobox", name="Listen to").click()
    page.get_by_role("option", name=label).click()


def open_options(page: Page) -> None:
    """Unfold what can be chosen, if it is not."""
    button = page.locator(".st-key-live-source button").first
    if button.get_attribute("aria-expanded") != "true":
        button.click()


def replay(page: Page, path: Path) -> None:
    """Choose a recording by its path and start it."""
    pick(page, "A recording")
    field_ = page.get_by_role("textbox", name="Path of a recording")
    field_.fill(str(path))
    field_.press("Enter")
    page.get_by_role("button", name="Switch to this").or_(page.get_by_role("button", name="Start")).click()


def speak(path: Path, text: str = SENTENCES) -> Path:
    """Speak some sentences into a file, about 20 seconds, or something else."""
    subprocess.run(["espeak-ng", "-v", "en", "-s", "140", "-w", str(path), text], check=True, timeout=60)
    return path
