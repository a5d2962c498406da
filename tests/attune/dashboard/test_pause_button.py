"""Listening paused from the page, and what all pages say of it."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from realtime.capture.source import SourceKind, SourceSpec
from realtime.snapshot import ListenerState
from tests.attune.dashboard.fakes import FakeEngine, Machine, listening, recording
from tests.attune.dashboard.tabs import healthy, labels
from tests.paths import ROOT

MICROPHONE = SourceSpec(SourceKind.MICROPHONE)


@pytest.fixture
def tab(invented_context: None, machine: Machine, engine: FakeEngine) -> AppTest:  # noqa: ARG001
    machine.plug_in_microphone()
    engine.start(MICROPHONE)
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=20)


def test_a_pause_is_begun_and_ended_on_live(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    healthy(tab.button(key="live pause For 15 minutes").click().run())
    paused = engine.snapshot()
    assert paused.state is ListenerState.PAUSED
    assert paused.message.startswith("Paused until ")
    assert "Resume" in labels(tab)
    healthy(tab.button(key="live pause end").click().run())
    assert engine.started == [MICROPHONE, MICROPHONE]
    assert engine.snapshot().listening
    engine.close()


def test_a_pause_can_be_given_up(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    healthy(tab.button(key="live pause Until I resume").click().run())
    assert engine.snapshot().message == "Paused until you resume."
    healthy(tab.button(key="stop").click().run())
    assert not engine.pause.active
    assert (engine.snapshot().state, engine.snapshot().message) == (ListenerState.STOPPED, "")
    assert "Start" in labels(tab)


def test_a_recording_can_be_chosen_while_paused(tab: AppTest, engine: FakeEngine) -> None:
    engine.pause.begin(900.0)
    healthy(tab.run())
    (picker,) = (one for one in tab.selectbox if one.label == "Listen to")
    healthy(picker.set_value(SourceKind.FILE.value).run())
    assert [field.label for field in tab.text_input] == ["Path of a recording on this machine"]


def test_a_recording_is_not_paused(tab: AppTest, engine: FakeEngine) -> None:
    engine.spec, engine.shown = recording("talk.wav"), listening()
    healthy(tab.run())
    assert not [button for button in tab.button if str(button.key).startswith("live pause")]
