"""The colours, read from the style sheet and the theme: nobody is to guess at what is drawn."""

from __future__ import annotations

import re
import tomllib
from itertools import combinations
from pathlib import Path

import pytest

from core.emotions import EMOTIONS
from models.mood.mood_scale import MOODS
from tests.paths import ROOT

THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
ASSETS = ROOT / "attune" / "dashboard" / "assets"
STYLE = (ASSETS / "live_board.css").read_text(encoding="utf-8")


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 has it."""
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def colours() -> dict[str, str]:
    return dict(re.findall(r"--at-(\w+): (#[0-9a-f]{6});", STYLE))


def test_every_emotion_has_a_colour_of_its_own() -> None:
    assert set(colours()) == set(EMOTIONS)
    assert all(one != other for one, other in combinations(colours().values(), 2))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("emotion", EMOTIONS)
def test_emotions_stand_out_from_the_card(scheme: str, emotion: str) -> None:
    assert contrast(colours()[emotion], THEME[scheme]["secondaryBackgroundColor"]) >= 3.0


def moods() -> dict[str, str]:
    return dict(re.findall(r"--at-mood-(\w+): (#[0-9a-f]{6});", STYLE))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("mood", MOODS)
def test_moods_stand_out_from_the_card(scheme: str, mood: str) -> None:
    assert contrast(moods()[mood], THEME[scheme]["secondaryBackgroundColor"]) >= 3.0


def test_a_mood_has_the_hue_of_an_emotion_only_where_both_are_called_the_same() -> None:
    assert set(moods()) == set(MOODS)
    same = {mood for mood, hue in moods().items() if hue in colours().values()}
    assert (
        same == {mood for mood in MOODS if colours().get(mood) == moods()[mood]} == set(MOODS) & set(EMOTIONS)
    )


@pytest.mark.parametrize("sheet", sorted(ASSETS.glob("*.css")), ids=lambda sheet: sheet.name)
def test_text_grows_with_the_size_that_people_have_set(sheet: Path) -> None:
    assert not re.search(r"font(-size)?:[^;]*\dpx", sheet.read_text(encoding="utf-8"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_buttons_can_be_read(scheme: str) -> None:
    theme = THEME[scheme]
    for ground in ("backgroundColor", "secondaryBackgroundColor"):
        assert contrast(theme["textColor"], theme[ground]) >= 7.0
    assert contrast("#ffffff", theme["primaryColor"]) >= 4.5


def test_no_style_or_script_is_fetched_from_elsewhere() -> None:
    for path in ASSETS.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|@import|url\(\s*['\"]?//", text), path


def test_the_server_keeps_to_this_machine_and_asks_nothing() -> None:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["showEmailPrompt"] is False
    assert config["browser"]["gatherUsageStats"] is False
    # It would keep the browser from opening.
    assert "headless" not in config["server"]


def test_the_calibration_styles_no_class_that_the_board_draws() -> None:
    """Both sheets are read on the page "Your voice": a name that means two things there covers the page."""
    names = [
        set(re.findall(r"^\.([a-z-]+) \{", (ASSETS / sheet).read_text(encoding="utf-8"), flags=re.MULTILINE))
        for sheet in ("live_board.css", "calibration.css")
    ]
    assert not names[0] & names[1]
