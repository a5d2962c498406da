"""The page Settings in a real browser: by keyboard alone, kept over a restart, beside another program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.browser import CHROMIUM, CHROMIUM_FLAGS, Server, picture, serve, until, views, window
from tests.paths import ROOT

pytestmark = pytest.mark.e2e

# Streamlit names a slider twice.
CONFIDENCE = re.compile("^Minimum confidence( Minimum confidence)?$")
BY_HAND = "# mine\nthreshold = 0.8   # the room echoes\n"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "home" / "config" / "attune" / "settings.toml"
    file.parent.mkdir(parents=True)
    file.write_text(BY_HAND)
    return file


def open_settings(context: Any, server: Server) -> Page:
    page: Page = context.new_page()
    asked = page.viewport_size
    page.set_viewport_size({"width": 1240, "height": 900})  # narrow, the links stand elsewhere
    page.goto(server.url)
    page.get_by_role("link", name="Settings").first.click()
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    page.set_viewport_size(asked or {"width": 1240, "height": 900})
    return page


def choose(page: Page, section: str) -> None:
    page.get_by_role("radio", name=section).click()
    heading = "Report" if section == "Diagnostics" else section
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()


def attune(file: Path, *args: str) -> None:
    """Run the command as another program of the same person."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATTUNE_")}
    environment |= {"XDG_CONFIG_HOME": str(file.parents[1]), "HOME": str(file.parents[2])}
    subprocess.run([sys.executable, "-m", "attune", *args], cwd=ROOT, env=environment, check=True, timeout=60)


def kept(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text())


def test_a_setting_is_changed_kept_and_followed(chromium: Browser, tmp_path: Path, file: Path) -> None:
    with serve(tmp_path / "home") as server, window(chromium) as context:
        page = open_settings(context, server)
        choose(page, "Confidence")
        slider = page.get_by_role("slider", name=CONFIDENCE).last
        expect(slider).to_have_value("80")
        slider.focus()
        slider.press("ArrowRight")
        until(lambda: kept(file)["threshold"] == 0.81)
        assert file.read_text().startswith("# mine\nthreshold = 0.81   # the room echoes\n")
        # Another program changes another field: the page follows, and neither undoes the other.
        attune(file, "settings", "set", "min_dwell_s", "2")
        expect(page.get_by_role("spinbutton", name="Must hold for, s")).to_have_value("2")
        assert kept(file)["threshold"] == 0.81
        # Somebody breaks the file: it is told, kept aside and begun anew.
        file.write_text("threshold = \n")
        expect(page.get_by_text("is not TOML")).to_be_visible()
        expect(slider).to_have_value("70")
        slider.focus()
        slider.press("ArrowLeft")
        expect(page.get_by_text("settings.toml.bak")).to_be_visible()
        until(lambda: kept(file)["threshold"] == 0.69)
        assert file.with_name("settings.toml.bak").read_text() == "threshold = \n"
    with serve(tmp_path / "home") as server, window(chromium) as context:
        page = open_settings(context, server)
        choose(page, "Confidence")
        slider = page.get_by_role("slider", name=CONFIDENCE).last
        expect(slider).to_have_value("69")


@pytest.mark.usefixtures("file")
def test_every_section_is_pictured_in_every_look(chromium: Browser, tmp_path: Path) -> None:
    with serve(tmp_path / "home") as server, views(chromium) as looks:
        for look, context in looks.items():
            page = open_settings(context, server)
            for section in ("Sound", "Confidence", "Models", "Player", "Privacy", "Diagnostics"):
                choose(page, section)
                if section == "Diagnostics":
                    page.get_by_role("button", name="Examine").click()
                    expect(page.get_by_text("Works").first).to_be_visible()
                picture(page, f"settings-{section.lower()}-{look}")
            page.close()
