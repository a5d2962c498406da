"""Takes the pictures of the documentation from the running app, with the demo and an empty profile.

    python -m scripts.make_pictures [FOLDER]

Needs the extras `test` and `dev`, and Chromium. Each picture waits for what it is to show, such as an emotion
that is accepted; what the demo says at that moment is not chosen.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import soundfile
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from benchmarks.history import write_year
from scripts.make_demo_audio import RATE_HZ, MusicPart, play_music
from tests.e2e.browser import CHROMIUM, CHROMIUM_FLAGS, serve

_LOG = logging.getLogger(__name__)
FOLDER: Final = Path(__file__).parents[1] / "docs" / "pictures"
_TRACKS: Final = {"Morning walk": 1.25, "Afternoon": 1.0, "Late at night": 0.8}  # how fast each is played
_WINDOWS: Final = 600_000  # half seconds of the year that History shows
_TRAIL_S: Final = 100.0  # of the demo, so that the plane and the timeline of Live have something to show
_DEMO_S: Final = 180.0  # for so long something accepted is waited for
_WALL: Final = (1920, 1080)
_PAGE: Final = (1440, 900)


def main() -> None:
    """Take all pictures."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    parser = argparse.ArgumentParser(description="Take the pictures of the documentation.")
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER, help="folder to write to")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="attune-") as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        _take_demo(browser, Path(home, "demo"), folder)
        _take_history(browser, Path(home, "year"), folder)
        browser.close()


def _take_demo(browser: Browser, home: Path, folder: Path) -> None:
    tracks = _make_tracks(home / "music")
    # No sound server: on most machines there is no microphone then, and nobody is heard by chance.
    with serve(home, sound={"PULSE_SERVER": f"unix:{home}/no-pulse"}, welcome=True) as server:
        with _tab(browser, server.url) as page:
            page.get_by_text("The demo:").click()
            page.get_by_role("button", name="Listen", exact=True).click()
            page.get_by_role("button", name="Next", exact=True).and_(page.locator(":enabled")).wait_for()
            _take(page, folder / "first-run.png", after_ms=4_000)
            for step, button in ((1, "Next"), (2, "Next"), (3, "Done")):
                page.get_by_text(f"Step {step} of 3").wait_for()
                page.get_by_role("button", name=button, exact=True).click()
            page.wait_for_timeout(_TRAIL_S * 1e3)
            _wait(page.get_by_test_id("plays").filter(has_text="would play"))
            _take_while(page.locator(".hero.accepted"), folder / "live.png")
        with _tab(browser, f"{server.url}/?view=wall", size=_WALL, scheme="dark") as page:
            _take_while(page.locator(".wall.accepted"), folder / "wall.png")
        with _tab(browser, server.url) as page:
            _open(page, "Playlists").get_by_text("Music for each emotion").wait_for()
            _take(page, folder / "playlists.png", after_ms=2_000)
            _open(page, "Settings").get_by_text("Confidence", exact=True).click()
            page.get_by_text("The last two minutes").wait_for()
            _take(page, folder / "settings.png", after_ms=2_000)
            _open(page, "Tracks").locator("input[type=file]").set_input_files(tracks)
            _wait(page.locator(".mood-timeline"))
            _wait(page.get_by_text(f"{len(tracks)} of {len(tracks)} analysed"))
            _take(page, folder / "tracks.png", after_ms=2_000)


def _take_history(browser: Browser, home: Path, folder: Path) -> None:
    write_year(home / "data" / "journal.sqlite3", _WINDOWS, end=datetime.now(UTC))
    with serve(home, retention_days="0") as server, _tab(browser, server.url) as page:
        _open(page, "History").get_by_text("Older days are still being added up").wait_for(
            state="hidden", timeout=_DEMO_S * 1e3
        )
        page.locator("canvas, svg.marks").first.wait_for()
        _take(page, folder / "history.png", after_ms=3_000)


@contextmanager
def _tab(
    browser: Browser, url: str, *, size: tuple[int, int] = _PAGE, scheme: Literal["light", "dark"] = "light"
) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page = context.new_page()
    page.goto(url)
    yield page
    context.close()


def _open(page: Page, title: str) -> Page:
    page.get_by_role("link", name=title, exact=True).first.click()
    page.get_by_role("heading", name=title, level=1).wait_for()
    return page


def _wait(what: Locator) -> None:
    what.first.wait_for(timeout=_DEMO_S * 1e3)


def _take_while(what: Locator, file: Path) -> None:
    """Take a picture on which something is to be seen that comes and goes."""
    while True:
        _wait(what)
        _take(what.page, file)
        if what.count():
            return


def _take(page: Page, file: Path, *, after_ms: int = 500) -> None:
    page.wait_for_timeout(after_ms)
    page.screenshot(path=file, animations="disabled")
    _LOG.info("%s", file)


def _make_tracks(folder: Path) -> list[Path]:
    """The demo's music at several speeds, as if they were several pieces."""
    folder.mkdir(parents=True)
    files = []
    for name, speed in _TRACKS.items():
        files.append(folder / f"{name}.wav")
        music = play_music(MusicPart(bars=16, level_dbfs=-18.0))
        soundfile.write(files[-1], music, round(speed * RATE_HZ))
    return files


if __name__ == "__main__":
    main()
