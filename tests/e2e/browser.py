"""Owns the browser tests' ground: a server of its own in an empty home, a Chromium, tabs that keep count."""

from __future__ import annotations

import os
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

ROOT = Path(__file__).parents[2]
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
START_S = 60.0
STOP_S = 10.0

T = TypeVar("T")

# How often the board changed, whether its bars are still the same elements, what came and went around it.
WATCH = """() => {
  const host = document.querySelector("[data-testid=stBidiComponentIsolated]");
  const board = host.shadowRoot.querySelector(".at-board");
  const bars = [...board.querySelectorAll(".bar .fill")];
  const seen = {host, board, bars, ticks: 0, removed: 0, outside: 0};
  new MutationObserver((changes) => {
    seen.ticks += 1;
    for (const change of changes) {
      if (!change.target.closest?.(".strip")) seen.removed += change.removedNodes.length;
    }
  }).observe(board, {subtree: true, childList: true, attributes: true, characterData: true});
  new MutationObserver((changes) => { seen.outside += changes.length; })
    .observe(document.querySelector("[data-testid=stMain]"), {subtree: true, childList: true});
  window.attuneSeen = seen;
}"""
SEEN = """() => {
  const {host, board, bars, ticks, removed, outside} = window.attuneSeen;
  return {ticks, removed, outside, bars: bars.length,
          attached: host.isConnected && board.isConnected && bars.every((bar) => bar.isConnected)};
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

    def sessions(self) -> int:
        """How often somebody began to listen, from the journal."""
        with sqlite3.connect(f"file:{self.data / 'journal.sqlite3'}?mode=ro", uri=True) as journal:
            (count,) = journal.execute("SELECT count(*) FROM sessions").fetchone()
        return int(count)


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
def serve(home: Path, *, sound: Mapping[str, str] | None = None, **settings: str) -> Iterator[Server]:
    """Run the dashboard as a person does, with an empty home.

    Without `sound`, the environment of a sound server, the microphone that it wants is not there.
    """
    home.mkdir(parents=True, exist_ok=True)
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
        until(lambda: _answers(url, process, log), timeout_s=START_S)
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


def until(condition: Callable[[], T], *, timeout_s: float = 15.0) -> T:
    """Wait for something to become true, and return it."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.05)


@contextmanager
def window(browser: Browser, *, width: int = 1240, height: int = 900, scheme: str = "light") -> Iterator[Any]:
    """A browser window with a profile of its own, and what its tabs complained about."""
    wanted: Any = scheme
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=wanted)
    context.set_default_timeout(20_000)
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
    for board in page.locator(".at-board, .at-now").all():
        assert board.evaluate("board => board.scrollWidth - board.clientWidth") <= 0
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")
    page.set_viewport_size(asked)


def visit(context: Any, server: Server) -> Page:
    """Open the dashboard in a new tab and wait until its board stands."""
    page: Page = context.new_page()
    page.goto(server.url)
    expect(page.locator(".at-board .hero")).to_be_visible(timeout=30_000)
    return page


def sign(page: Page) -> str:
    """What the listening sign says."""
    return page.locator(".sign .words").inner_text()


def clock_s(page: Page) -> int:
    """How many seconds have been heard."""
    seconds = 0
    for part in page.locator(".sign .clock").inner_text().split(":"):
        seconds = 60 * seconds + int(part)
    return seconds


def shares(page: Page) -> tuple[str, ...]:
    """How long the eight bars are."""
    return tuple(page.locator(".bar .fill").evaluate_all("bars => bars.map(bar => bar.style.transform)"))


def line_percent(page: Page, name: str) -> float:
    """Where the gate's line stands, in per cent."""
    left: str = page.get_by_test_id(name).evaluate("line => line.style.left")
    return float(left.rstrip("%"))


def pick(page: Page, label: str) -> None:
    """Choose a source."""
    page.get_by_role("combobox", name="Listen to").click()
    page.get_by_role("option", name=label).click()


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
