"""The first minute of a new user, in a real browser: from an empty profile to Live with what they chose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.browser import CHROMIUM, CHROMIUM_FLAGS, picture, serve, speak, until, window
from tests.e2e.sound_server import SoundServer

pytestmark = pytest.mark.e2e

STEPS = ("Which microphone should Attune listen to?", "Say a sentence", "What should play?")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


def heading(page: Page, step: int) -> None:
    expect(page.get_by_role("heading", name=STEPS[step])).to_be_visible()


def tab_to(page: Page, name: str) -> None:
    """Go with the keyboard alone to what bears a name."""
    for _ in range(30):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "document.activeElement.matches('button') && document.activeElement.innerText"
        )
        if focused and focused.split()[-1] == name:
            return
    raise AssertionError(f"the Tab key never comes to {name}")


def test_a_new_user_comes_to_live_with_the_keyboard_alone(
    chromium: Browser, sound_server: SoundServer, tmp_path: Path
) -> None:
    clip = speak(tmp_path / "words.wav")
    home = tmp_path / "home"
    with serve(home, sound=sound_server.environment, welcome=True) as server, window(chromium) as context:
        page = context.new_page()
        page.goto(server.url)
        heading(page, 0)
        expect(page.get_by_role("radio", name="Default microphone")).to_be_checked()
        expect(page.get_by_role("button", name="Next")).to_be_disabled()
        picture(page, "first-run-microphone")
        tab_to(page, "Listen")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Next")).to_be_enabled()
        speaking = sound_server.speak(clip, wait=False)
        meter = page.get_by_role("meter", name="Microphone level")
        until(lambda: float(meter.get_attribute("aria-valuenow") or 0) > 30)
        tab_to(page, "Next")
        page.keyboard.press("Enter")
        heading(page, 1)
        expect(page.get_by_role("heading", name=STEPS[1])).to_be_focused()
        expect(page.get_by_text("Attune hears you")).to_be_visible()
        picture(page, "first-run-sentence")
        tab_to(page, "Next")
        page.keyboard.press("Enter")
        heading(page, 2)
        picture(page, "first-run-music")
        tab_to(page, "Done")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        expect(page.get_by_test_id("plays")).to_contain_text("preview")
        if speaking is not None:
            speaking.wait()

        page.reload()
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        expect(page.get_by_role("heading", name=STEPS[0])).not_to_be_visible()
    with serve(home, sound=sound_server.environment, welcome=True) as server, window(chromium) as context:
        page = context.new_page()
        page.goto(server.url)
        expect(page.get_by_role("button", name="Start")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_folder_without_music_is_said_and_a_phone_has_room(
    chromium: Browser, tmp_path: Path, scheme: str
) -> None:
    (tmp_path / "empty").mkdir()
    with (
        serve(tmp_path / "home", welcome=True) as server,
        window(chromium, width=390, height=844, scheme=scheme) as context,
    ):
        page = context.new_page()
        page.goto(server.url)
        heading(page, 0)
        expect(page.get_by_text("try Attune with the demo or a recording")).to_be_visible()
        picture(page, f"first-run-without-microphone-{scheme}-390")
        page.get_by_role("button", name="Listen").click()
        page.get_by_role("button", name="Next").click()
        heading(page, 1)
        page.get_by_role("button", name="Next").click()
        heading(page, 2)
        page.get_by_text("My own music, from a folder").click()
        page.get_by_role("textbox", name="Folder of your music").fill(str(tmp_path / "empty"))
        page.get_by_role("button", name="Scan").click()
        expect(page.get_by_text("There is no music in").first).to_be_visible()
        page.get_by_role("button", name="Done").click()
        expect(page.get_by_role("alert").get_by_text("There is no music in")).to_be_visible()
        picture(page, f"first-run-empty-folder-{scheme}-390")
        page.get_by_role("button", name="Skip").click()
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
