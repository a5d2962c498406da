"""The tab is named by the page that is shown, from its first moment on, and says its language."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import streamlit as st
from streamlit.navigation.page import StreamlitPage
from streamlit.testing.v1 import AppTest

from attune.dashboard import navigation
from attune.dashboard.components.browser_component import ASSETS
from attune.dashboard.navigation import ENTRIES, PageEntry
from attune.dashboard.state import first_run
from tests.attune.dashboard.tabs import healthy
from tests.paths import ROOT

SCRIPT = "from attune.dashboard import navigation\nnavigation.run_page()\n"


@pytest.fixture
def titles(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the tab was named, in turn."""
    titles: list[str] = []

    def name(*, page_title: str) -> None:
        titles.append(page_title)

    monkeypatch.setattr(st, "set_page_config", name)
    return titles


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.module)
def test_each_page_names_the_tab(
    entry: PageEntry, titles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def choose(pages: list[StreamlitPage], *, position: str) -> StreamlitPage:
        chosen = pages[ENTRIES.index(entry)]
        chosen._can_be_called = position == "top"
        return chosen

    monkeypatch.setattr(first_run, "is_due", lambda: False)
    monkeypatch.setattr(st, "navigation", choose)
    monkeypatch.setattr(navigation, "_draw", lambda _module: None)
    healthy(AppTest.from_string(SCRIPT, default_timeout=20).run())
    assert titles == ["Attune" if entry.module == "live" else f"{entry.title} · Attune"]


def test_the_guided_start_names_the_tab(
    titles: list[str],
    invented_context: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(first_run, "is_due", lambda: True)
    healthy(AppTest.from_string(SCRIPT, default_timeout=20).run())
    assert titles[-1] == "Welcome · Attune"


def test_the_browser_is_told_the_language_of_the_page(
    settings_file: Path,
    invented_context: None,  # noqa: ARG001
) -> None:
    tab = healthy(AppTest.from_file(str(ROOT / "app.py"), default_timeout=20).run())
    settings_file.write_text('language = "de"\n', encoding="utf-8")
    healthy(tab.run())
    told = [json.loads(one.proto.json) for one in tab.get("bidi_component") if '"gone"' in one.proto.json]
    assert [one["language"] for one in told] == ["de"]


def test_the_browser_knows_all_pages_whose_title_live_is_not_to_take() -> None:
    (listed,) = re.findall(r"const PAGES = \[(.*)\];", (ASSETS / "page_title.js").read_text(encoding="utf-8"))
    assert re.findall(r'"(\w+)"', listed) == [entry.module for entry in ENTRIES[1:]]
