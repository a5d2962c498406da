"""The guided start, step by step, and what it says where something is missing or breaks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from attune.dashboard.pages import welcome as page
from attune.dashboard.state import first_run
from attune.dashboard.views import welcome as views
from attune.dashboard.views.live_board import board_values
from attune.dashboard.views.live_details import GateLines
from attune.dashboard.views.welcome import Step
from core.errors import AudioDeviceError
from playback.player import PlayerKind
from playback.preferences.preferences import Mode
from realtime.capture.source import SourceKind, SourceSpec
from realtime.snapshot import ListenerState, Snapshot
from tests.attune.dashboard.fakes import MICROPHONE, FakeEngine, Machine, accepted, listening, no_speech
from tests.attune.dashboard.tabs import healthy
from tests.paths import ROOT


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    due = [True]
    monkeypatch.setattr(first_run, "is_due", lambda: due[0])
    monkeypatch.setattr(first_run, "finish", lambda: due.__setitem__(0, False))
    monkeypatch.setattr(page, "open_players", tuple)
    return due


@pytest.fixture
def tab(invented_context: None, due: list[bool]) -> AppTest:  # noqa: ARG001
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=20)


def press(tab: AppTest, key: str) -> AppTest:
    return healthy(tab.button(key=key).click().run())


def offered(tab: AppTest) -> list[str]:
    return [label.replace("\\", "") for label in tab.radio(key="welcome source").options]


def sentences(tab: AppTest) -> str:
    return " ".join(one.value for one in (*tab.info, *tab.error, *tab.caption)).replace("\\", "")


def test_from_the_microphone_to_live(
    tab: AppTest, engine: FakeEngine, machine: Machine, due: list[bool]
) -> None:
    machine.plug_in_microphone()
    healthy(tab.run())
    assert engine.started == []
    assert offered(tab) == ["Default microphone", "Desk microphone", views.DEMO_LABEL, "A recording …"]
    assert tab.button(key="welcome next 1").disabled
    press(tab, "welcome listen")
    assert engine.spec == SourceSpec(SourceKind.MICROPHONE)
    healthy(tab.radio(key="welcome source").set_value("demo").run())
    assert engine.spec == SourceSpec(SourceKind.DEMO)
    press(tab, "welcome next 1")
    press(tab, "welcome next 2")
    press(tab, "welcome done")
    assert due == [False]
    assert ("mode", Mode.AUTO) in engine.music.asked
    assert engine.spec == SourceSpec(SourceKind.DEMO)
    assert tab.button(key="stop")


def test_the_open_microphone_is_shown_at_every_step(tab: AppTest, machine: Machine) -> None:
    machine.plug_in_microphone()
    healthy(tab.run())
    press(tab, "welcome listen")
    for step in Step:
        tab.session_state["welcome step"] = step
        healthy(tab.run())
        parts = " ".join(str(one.proto.json) for one in tab.get("bidi_component"))
        assert "--level level" in parts


def test_it_can_be_skipped(tab: AppTest, due: list[bool], engine: FakeEngine) -> None:
    healthy(tab.run())
    press(tab, "welcome skip")
    assert due == [False]
    assert engine.started == [SourceSpec(SourceKind.DEMO)]  # as ever where there is no microphone


def test_without_a_microphone_it_offers_the_demo_and_a_recording(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    assert "try Attune with the demo or a recording" in sentences(tab)
    assert offered(tab) == [views.DEMO_LABEL, "A recording …"]
    healthy(tab.radio(key="welcome source").set_value("file").run())
    press(tab, "welcome listen")
    assert page.NO_RECORDING in sentences(tab)
    healthy(tab.text_input(key="welcome path").set_value('"~/talk.wav"').run())
    press(tab, "welcome listen")
    assert engine.spec == SourceSpec(SourceKind.FILE, path=Path.home() / "talk.wav")


def test_a_microphone_that_refuses_or_vanishes_is_said(
    tab: AppTest, engine: FakeEngine, machine: Machine
) -> None:
    machine.plug_in_microphone()
    healthy(tab.run())
    engine.refusal = AudioDeviceError("The microphone is in use: close the other program.")
    press(tab, "welcome listen")
    assert "close the other program" in sentences(tab)
    engine.refusal = None
    press(tab, "welcome listen")
    press(tab, "welcome next 1")
    lost = replace(engine.shown, state=ListenerState.DEVICE_LOST, message="Lost.", source=MICROPHONE)
    engine.shown = lost
    healthy(tab.run())
    assert "Desk microphone has stopped delivering sound. It will be opened again" in sentences(tab)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [(PlayerKind.LOCAL, views.NEEDS_FOLDER), (PlayerKind.SPOTIFY, views.NEEDS_SIGN_IN)],
)
def test_a_player_with_nothing_to_play_is_said(
    tab: AppTest, engine: FakeEngine, due: list[bool], kind: PlayerKind, sentence: str
) -> None:
    tab.session_state["welcome step"] = views.Step.MUSIC
    engine.music.folder = None
    engine.music.counts = (0, 0)
    engine.music.scanning = None
    healthy(tab.run())
    engine.music.use(kind)
    healthy(tab.run())
    press(tab, "welcome done")
    assert sentence in sentences(tab)
    assert due == [True]


def test_what_the_parts_show_is_fed() -> None:
    values = board_values(listening(accepted()), GateLines(0.7, 0.55), None, hop_s=0.5)
    for part in (views.meter(), views.heard()):
        pairs = [pair for bound in part.split('data-bind="')[1:] for pair in bound.split('"')[0].split(",")]
        assert {pair.split()[1] for pair in pairs} <= values.keys() | {
            *("voice_x", "voice_y", "halo_x", "halo_y", "music_x", "music_y")
        }


def test_whether_a_voice_was_heard_is_said() -> None:
    microphone = replace(listening(accepted()).source, kind=SourceKind.MICROPHONE)  # type: ignore[type-var]
    assert views.heard_words(Snapshot()) == ""
    assert views.heard_words(listening(accepted())) == views.THE_DEMO
    assert views.heard_words(listening(accepted(), source=microphone)) == views.HEARD
    assert views.heard_words(listening(no_speech(), source=microphone)) == views.NOT_HEARD
