"""The page "History" in a real browser: a day is picked, gets a note, is saved and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from realtime.journal import Journal
from tests.e2e.browser import CHROMIUM, CHROMIUM_FLAGS, Server, picture, serve, until, views, window
from tests.realtime.journal.invented_days import HAPPY, QUIET, SAD, SILENCE, UNSURE, write_session

pytestmark = pytest.mark.e2e

NEWEST = datetime(2026, 5, 20, 10).astimezone()
MUSIC = [(60.0, "switched", "happy", "Bright Hours"), (1_500.0, "switched", "sad", "Rain on the Roof")]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A dashboard whose journal holds five weeks."""
    home = tmp_path / "home"
    journal = home / "data" / "journal.sqlite3"
    Journal(journal, retention_days=0).close()
    for number in range(35):
        said = [HAPPY, SAD, QUIET, UNSURE, SILENCE][number % 5 :] * 100 + [UNSURE] * 900
        write_session(journal, NEWEST - timedelta(days=number + 1), said, gap_s=5.0, music=MUSIC[:1])
    write_session(journal, NEWEST, [HAPPY] * 900 + [SAD] * 400 + [QUIET] * 500, gap_s=2.0, music=MUSIC)
    downloads = home / "config" / "user-dirs.dirs"
    downloads.parent.mkdir(parents=True)
    downloads.write_text(f'XDG_DOWNLOAD_DIR="{home}/downloads"\n', encoding="utf-8")
    with serve(home, retention_days="0") as server:
        yield server


def visit(page: Page, server: Server) -> Page:
    asked = page.viewport_size
    assert asked is not None
    page.set_viewport_size({"width": 1240, "height": 900})  # narrow, the links stand elsewhere
    page.goto(server.url)
    page.get_by_role("link", name="History").filter(visible=True).first.click()
    page.set_viewport_size(asked)
    expect(page.get_by_role("heading", name="What is kept")).to_be_visible()
    expect(page.locator(".st-key-history-day svg.marks, .st-key-history-day canvas.marks")).to_be_visible()
    return page


def day_shown(page: Page) -> str:
    return str(page.locator(".stDateInput input").first.input_value())


def shows(page: Page, day: str) -> None:
    """Wait until all of a day is drawn."""
    until(lambda: day_shown(page) == day)
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def pick(page: Page, day: datetime, *, calendar: int) -> None:
    """Click on a day in the calendar of the year; a new one is there once a day was chosen elsewhere."""
    marks = page.locator(f".st-key-history-calendar-{calendar} :is(canvas, svg).marks")
    place = marks.bounding_box()
    assert place is not None
    january = date(day.year, 1, 1)
    monday = january - timedelta(days=january.weekday())
    # The year is drawn as far as it has come.
    week = (day.date() - monday).days // 7
    weeks = (min(date(day.year, 12, 31), date.today()) - monday).days // 7 + 1
    left = 44 + 8  # what stands beside the cells
    x = left + (place["width"] - left) * (week + 0.4) / weeks
    page.mouse.click(place["x"] + x, place["y"] + 8 + 150 * (day.weekday() + 0.4) / 7)
    shows(page, f"{day:%Y-%m-%d}")


def test_a_day_is_picked_noted_saved_and_deleted(chromium: Browser, server: Server) -> None:
    with window(chromium) as context:
        page = visit(context.new_page(), server)
        expect(page.get_by_text("Most often: happy.").first).to_be_visible()
        expect(page.get_by_text("Bright Hours").first).to_be_visible()

        # A click on a day, twice on the same one, and by keys alone.
        page.set_viewport_size({"width": 1240, "height": 1_600})
        pick(page, NEWEST - timedelta(days=7), calendar=0)
        page.get_by_role("button", name="Day before").click()
        shows(page, f"{NEWEST - timedelta(days=8):%Y-%m-%d}")
        pick(page, NEWEST - timedelta(days=7), calendar=1)
        page.get_by_role("combobox", name="Month").click()
        page.get_by_role("option", name="April").click()
        expect(page.get_by_text("April 2026:")).to_be_visible()
        shows(page, "2026-04-30")
        page.get_by_role("button", name="Day after").focus()
        page.keyboard.press("Enter")
        shows(page, "2026-05-01")
        expect(page.get_by_text("May 2026:")).to_be_visible()

        note = page.get_by_role("textbox", name="Note on the session at 10:00")
        note.fill("Breakfast with Mia")
        note.press("Tab")
        page.get_by_role("button", name="Day before").click()
        shows(page, "2026-04-30")
        expect(note).to_have_value("")
        page.get_by_role("button", name="Day after").click()
        shows(page, "2026-05-01")
        expect(note).to_have_value("Breakfast with Mia")

        page.get_by_role("button", name="Export").click()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("rows as")).to_be_visible()
        (saved,) = (server.data.parent / "downloads").iterdir()
        assert saved.read_text(encoding="utf-8").count("Breakfast with Mia") > 100
        page.keyboard.press("Escape")

        page.get_by_role("button", name="Delete", exact=True).click()
        expect(page.get_by_text("It cannot be undone").last).to_be_visible()
        page.get_by_role("button", name="Delete for good").last.click()
        expect(page.get_by_text("is deleted.")).to_be_visible()
    with Journal(server.data / "journal.sqlite3", retention_days=0) as journal:
        assert len(journal.sessions()) == 35
        assert "Breakfast with Mia" not in {session.note for session in journal.sessions()}


def test_the_page_in_every_look(chromium: Browser, server: Server) -> None:
    with views(chromium) as contexts:
        for name, context in contexts.items():
            page = visit(context.new_page(), server)
            wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth - innerWidth")
            assert wide <= 0, name
            picture(page, f"history-{name}")
