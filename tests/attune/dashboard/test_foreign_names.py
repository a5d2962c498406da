"""Names from elsewhere are shown as they are: none becomes a link, or a picture that the browser fetches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from attune.dashboard.pages import welcome
from attune.dashboard.state import first_run
from core import paths
from core.emotions import Emotion
from core.settings import Settings
from playback.mapping.styles import Strategy
from playback.player import PlayerKind
from playback.preferences.opinions import Opinion, PlaylistOpinion
from playback.preferences.preferences import MappingEntry, PlaylistRef
from realtime.capture.source import SourceKind
from tests.attune.dashboard.fakes import FakeDevice, FakeEngine, Machine
from tests.attune.dashboard.tabs import healthy
from tests.paths import ROOT

PICTURE = "![x](http://evil.example/x.png)"
NAMES = (
    PICTURE,
    "[click](javascript:1)",
    "**bold** `code` $x^2$ :red[y] :material/home:",
    "<b>www.evil.example",
)
AS_TEXT = {"selectbox", "multiselect", "text_input", "code"}
"""What shows its content without reading Markdown; its label is read all the same."""


def markdown_of(tab: AppTest) -> Iterator[str]:
    """All that the browser reads as Markdown."""
    waiting: list[Any] = [tab._tree]
    while waiting:
        one = waiting.pop()
        waiting += getattr(one, "children", {}).values()
        proto: Any = getattr(one, "proto", None)
        if proto is None or one.type in {"html", "bidi_component"}:
            continue
        for field in ("label", "help", "caption"):
            yield str(getattr(proto, field, ""))
        if one.type not in AS_TEXT:
            yield str(getattr(proto, "body", ""))
            for field in ("options", "captions"):
                yield from map(str, getattr(proto, field, ()))


def is_escaped(name: str, tab: AppTest) -> bool:
    read = list(markdown_of(healthy(tab)))
    assert len(read) > 10
    return not [text for text in read if name in text]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_devices_and_players_in_the_guided_start(
    name: str,
    machine: Machine,
    invented_context: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(first_run, "is_due", lambda: True)
    monkeypatch.setattr(welcome, "open_players", lambda: (name,))
    machine.plug_in_microphone()
    machine.devices = (FakeDevice(SourceKind.MICROPHONE, name),)
    tab = AppTest.from_file(str(ROOT / "app.py"), default_timeout=20)
    for step in welcome.Step:
        tab.session_state["welcome step"] = step
        assert is_escaped(name, tab.run())


def test_playlists_and_links(name: str, engine: FakeEngine, invented_context: None) -> None:  # noqa: ARG001
    music = engine.music
    uri = "system:spotify:album:4aawyAB9vmqN3uQ7FjRGTy"
    said = PlaylistOpinion(uri, name, 0.5, Opinion.NOT_THIS, int(time.time()))
    entry = MappingEntry(Strategy.MATCH, match=(PlaylistRef(uri, name),), opinions=(said,))
    preferences = music.shown.preferences
    choices = {**preferences.choices, Emotion.HAPPY: entry}
    music.show(
        player=replace(music.shown.player, kind=PlayerKind.SYSTEM),
        preferences=replace(preferences, links=(PlaylistRef(uri, name),), choices=choices),
    )
    script = "from attune.dashboard.pages import playlists\nplaylists.page()\n"
    tab = AppTest.from_string(script, default_timeout=20)
    assert is_escaped(name, tab.run())
    assert [button for button in tab.button if button.key == f"links remove {uri}"]
    assert [button for button in tab.button if button.key == f"mapping happy forget {uri}"]


def test_folders_in_the_settings(
    name: str,
    engine: FakeEngine,
    invented_context: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paths, "log_file", lambda: Path("logs") / name.replace("/", ""))
    engine.settings = Settings(journal=False)
    script = "from attune.dashboard.pages import settings\nsettings.page()\n"
    tab = AppTest.from_string(script, default_timeout=20)
    tab.session_state["section"] = "diagnostics"
    assert is_escaped(name.replace("/", ""), tab.run())
