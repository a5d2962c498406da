"""On every page that keeps a microphone open it is said that one is, and it can be closed there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fakes import FakeEngine, Machine
from streamlit.testing.v1 import AppTest

from core import logs
from dashboard import opening
from dashboard.desk import Desk
from realtime.capture.source import SourceKind, SourceSpec

SCRIPTS = {
    "alone": "from dashboard import opening, sign\nsign.listening_sign(opening.shared_desk())\n",
    "voice": "from dashboard import voice\nvoice.page()\n",
}


@pytest.fixture(params=list(SCRIPTS))
def tab(
    request: pytest.FixtureRequest, machine: Machine, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AppTest]:
    machine.plug_in_microphone()
    monkeypatch.setattr(opening, "open_desk", lambda: Desk(engine))  # type: ignore[arg-type]
    monkeypatch.setattr(logs, "start_logging", lambda: None)
    opening.shared_desk.clear()
    yield AppTest.from_string(SCRIPTS[request.param], default_timeout=20)
    opening.shared_desk.clear()


def said(tab: AppTest) -> str:
    assert not tab.exception, tab.exception
    return " ".join(element.proto.body for element in tab.get("html"))


def test_what_is_listened_to_is_named_and_stopped(tab: AppTest, engine: FakeEngine) -> None:
    engine.start(SourceSpec(SourceKind.MICROPHONE))
    assert "Listening to" in said(tab.run())
    tab.button(key="sign stop").click().run()
    assert not engine.snapshot().listening
    assert "Listening to" not in said(tab)


def test_without_listening_there_is_no_sign(tab: AppTest) -> None:
    assert "Listening to" not in said(tab.run())
    assert "Stop listening" not in [button.label for button in tab.button]
