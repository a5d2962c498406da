"""Every page that is open keeps the microphone open and says that one is, and it can be closed there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from attune.dashboard.navigation import ENTRIES
from attune.dashboard.views.welcome import Step
from core.errors import AttuneError, WeightsError
from models.mood.result_store import ResultStore
from models.mood.track_queue import TrackQueue
from models.track.profile import TrackProfiler
from realtime.capture.source import SourceKind, SourceSpec
from tests.attune.dashboard.fakes import FakeEngine, Machine
from tests.attune.dashboard.tabs import healthy

WELCOME = (
    "import streamlit as st\n"
    "from attune.dashboard.pages import welcome\n"
    "welcome.open_players = tuple\n"
    "st.session_state['welcome step'] = {step}\n"
    "welcome.page()\n"
)
PAGES = {
    **{
        entry.module: f"from attune.dashboard.pages import {entry.module} as one\none.page()\n"
        for entry in ENTRIES
    },
    **{f"welcome {step}": WELCOME.format(step=step.value) for step in Step},
}
SCRIPTS = {
    "alone": "from attune.dashboard.components import listening_indicator, page_header\n"
    "listening_indicator.listening_indicator(page_header.shared_context())\n",
    "voice": "from attune.dashboard.pages import voice\nvoice.page()\n",
}


@pytest.fixture(params=list(SCRIPTS))
def tab(request: pytest.FixtureRequest, machine: Machine, invented_context: None) -> AppTest:  # noqa: ARG001
    machine.plug_in_microphone()
    return AppTest.from_string(SCRIPTS[request.param], default_timeout=20)


def said(tab: AppTest) -> str:
    assert not tab.exception, tab.exception
    return " ".join(element.proto.body for element in tab.get("html"))


def test_what_is_listened_to_is_named_and_stopped(tab: AppTest, engine: FakeEngine) -> None:
    engine.start(SourceSpec(SourceKind.MICROPHONE))
    assert "Listening to" in said(tab.run())
    tab.button(key="indicator stop").click().run()
    assert not engine.snapshot().listening
    assert "Listening to" not in said(tab)


def test_without_listening_there_is_no_indicator(tab: AppTest) -> None:
    assert "Listening to" not in said(tab.run())
    assert "Stop listening" not in [button.label for button in tab.button]


def test_a_pause_is_said_and_ended(tab: AppTest, engine: FakeEngine) -> None:
    engine.start(SourceSpec(SourceKind.MICROPHONE))
    engine.pause.begin(900.0)
    assert "Paused until" in said(tab.run())
    tab.button(key="indicator pause end").click().run()
    assert engine.snapshot().listening
    assert "Paused until" not in said(tab)
    engine.pause.close()


def test_a_stop_that_fails_is_one_sentence(
    tab: AppTest, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise AttuneError("The device does not answer.")

    monkeypatch.setattr(engine, "stop", refuse)
    engine.start(SourceSpec(SourceKind.MICROPHONE))
    healthy(tab.run())
    healthy(tab.button(key="indicator stop").click().run())
    assert ["The device does not answer." in error.value.replace("\\", "") for error in tab.error] == [True]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_that_is_open_says_so_again_and_again(
    page: str,
    machine: Machine,
    engine: FakeEngine,
    tmp_path: Path,
    invented_context: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page whose parts do not would pass for closed, and the listening would end while it is looked at."""
    beats: list[int] = []

    def fragment(*, run_every: float | None) -> Callable[[Callable[[], None]], Callable[[], None]]:
        def counted(part: Callable[[], None]) -> Callable[[], None]:
            def drawn() -> None:
                before = engine.beats
                part()
                beats.append(engine.beats - before if run_every is not None else 0)

            return drawn

        return counted

    monkeypatch.setattr(st, "fragment", fragment)
    monkeypatch.setattr(engine, "journal", None, raising=False)

    def load() -> tuple[TrackProfiler, str]:
        raise WeightsError("There is no model.")

    queue = TrackQueue(load, ResultStore(tmp_path / "moods"))
    monkeypatch.setattr(engine, "tracks", queue, raising=False)
    machine.plug_in_microphone()
    with closing(queue):
        healthy(AppTest.from_string(PAGES[page], default_timeout=30).run())
    assert sum(beats) > 0
