from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import NO_MICROPHONE, FakeEngine, FakeModel, Machine, accepted, listening, on_plane, recording
from streamlit.testing.v1 import AppTest

from core import logs, paths
from core.errors import AudioDeviceError, SettingsError, WeightsError
from dashboard import live, opening, part
from dashboard.desk import Desk
from dashboard.markup import plain
from realtime.capture.source import SourceKind, SourceSpec
from realtime.snapshot import ListenerState, Snapshot

APP = str(Path(__file__).parents[2] / "app.py")


@pytest.fixture
def tab(machine: Machine, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:  # noqa: ARG001
    """A browser tab that is not open yet."""
    monkeypatch.setattr(opening, "open_desk", lambda: Desk(engine))  # type: ignore[arg-type]
    monkeypatch.setattr(logs, "start_logging", lambda: None)
    opening.shared_desk.clear()
    yield AppTest.from_file(APP, default_timeout=20)
    opening.shared_desk.clear()


def labels(tab: AppTest) -> list[str]:
    return [button.label for button in tab.button]


def healthy(tab: AppTest) -> AppTest:
    assert not tab.exception, tab.exception
    return tab


def board(tab: AppTest) -> str:
    (drawn,) = [component.proto for component in tab.get("bidi_component") if is_board(component.proto)]
    return str(drawn.json)


def is_board(proto: Any) -> bool:
    return str(proto.component_name).endswith("attune_board")


def test_without_a_microphone_the_demo_plays_and_says_why(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    assert engine.started == [SourceSpec(SourceKind.DEMO)]
    assert [caption.value.replace("\\", "") for caption in tab.caption] == [NO_MICROPHONE]
    assert tab.selectbox(key="source").value == "demo"
    assert "Stop" in labels(tab)


def test_with_a_microphone_nothing_is_opened_until_start(
    tab: AppTest, engine: FakeEngine, machine: Machine
) -> None:
    machine.plug_in_microphone()
    healthy(tab.run())
    assert engine.started == []
    assert "Start" in labels(tab)
    assert "Not listening" in board(tab)
    healthy(tab.button(key="start").click().run())
    assert engine.started == [SourceSpec(SourceKind.MICROPHONE)]
    assert "Stop" in labels(tab)


def test_stop_stops_and_a_rerun_does_not_start_again(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    healthy(tab.button(key="stop").click().run())
    healthy(tab.run())
    assert engine.stops == 1
    assert len(engine.started) == 1
    assert "Start" in labels(tab)


def test_a_second_tab_shares_the_engine_and_opens_nothing(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    second = healthy(AppTest.from_file(APP, default_timeout=20).run())
    assert len(engine.started) == 1
    assert "Stop" in labels(second)
    healthy(second.button(key="stop").click().run())
    healthy(tab.run())
    assert "Start" in labels(tab)


def test_another_device_is_offered_as_a_switch_while_listening(
    tab: AppTest, engine: FakeEngine, machine: Machine
) -> None:
    machine.plug_in_microphone()
    machine.suggestion = SourceSpec(SourceKind.DEMO)
    healthy(tab.run())
    assert "Switch to this" not in labels(tab)
    key = "mic|sounddevice|ALSA|Desk microphone"
    healthy(tab.selectbox(key="source").set_value(key).run())
    assert engine.spec == SourceSpec(SourceKind.DEMO)
    healthy(tab.button(key="switch").click().run())
    assert engine.spec == SourceSpec(SourceKind.MICROPHONE, device="Desk microphone", host_api="ALSA")
    assert "Switch to this" not in labels(tab)
    assert tab.selectbox(key="source").value == key


def test_refresh_lists_the_devices_again(tab: AppTest, machine: Machine) -> None:
    healthy(tab.run())
    machine.plug_in_microphone()
    healthy(tab.button(key="refresh").click().run())
    assert "Microphone: Desk microphone · ALSA" in tab.selectbox(key="source").options


def test_the_threshold_goes_to_the_engine_and_comes_back_from_it(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    assert tab.slider(key="threshold").value == 70
    healthy(tab.slider(key="threshold").set_value(85).run())
    assert engine.threshold == pytest.approx(0.85)
    assert "accepted from 85 %" in board(tab)
    assert "kept down to 70 %" in board(tab)
    engine.set_threshold(0.6)
    healthy(tab.run())
    assert tab.slider(key="threshold").value == 60


def test_a_refused_start_is_one_sentence_and_the_page_goes_on(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    healthy(tab.button(key="stop").click().run())
    engine.refusal = AudioDeviceError("The microphone '![x](y)' is busy: close the other program.")
    healthy(tab.button(key="start").click().run())
    (error,) = tab.error
    assert error.value == (r"The microphone \'\!\[x\]\(y\)\' is busy\: close the other program\.")
    engine.refusal = None
    healthy(tab.button(key="start").click().run())
    assert not tab.error


def test_an_unexpected_failure_is_one_sentence_and_logged(
    tab: AppTest, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    healthy(tab.run())
    healthy(tab.button(key="stop").click().run())
    engine.refusal = ZeroDivisionError("boom")
    with caplog.at_level(logging.ERROR):
        healthy(tab.button(key="start").click().run())
    (error,) = tab.error
    assert "unexpected" in error.value
    assert "boom" not in error.value
    assert "boom" in caplog.text


def test_a_board_that_cannot_be_drawn_is_one_sentence_and_logged_once(
    tab: AppTest, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    healthy(tab.run())
    engine.shown = replace(listening(accepted()), history=None)  # type: ignore[arg-type]
    with caplog.at_level(logging.ERROR):
        healthy(tab.run())
        healthy(tab.run())
    assert [error.value for error in tab.error] == [plain(part.UNEXPECTED)]
    assert caplog.text.count("the board cannot be drawn") == 1


def test_a_failure_of_the_running_source_is_told_in_every_tab(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    engine.shown = Snapshot(state=ListenerState.FAILED, message="The disk is gone.")
    healthy(tab.run())
    assert [error.value for error in tab.error] == ["The disk is gone\\."]
    assert "Start" in labels(tab)


def test_a_recording_is_replayed_from_its_path(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    healthy(tab.button(key="stop").click().run())
    healthy(tab.selectbox(key="source").set_value("file").run())
    healthy(tab.text_input(key="path").set_value(' "~/talk.wav" ').run())
    healthy(tab.button(key="start").click().run())
    assert engine.started[-1] == SourceSpec(SourceKind.FILE, path=Path("~/talk.wav").expanduser())
    assert "Switch to this" not in labels(tab)


def test_a_dropped_recording_is_read_on_start_alone(
    tab: AppTest, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[SourceSpec | None] = []
    take = live._take_recording
    monkeypatch.setattr(live, "_take_recording", lambda: taken.append(take()) or taken[-1])
    healthy(tab.run())
    healthy(tab.selectbox(key="source").set_value("file").run())
    assert "Switch to this" not in labels(tab)
    healthy(tab.file_uploader(key="upload").set_value(("talk.wav", b"one", "audio/wav")).run())
    assert "Switch to this" in labels(tab)
    assert taken == []
    healthy(tab.button(key="switch").click().run())
    healthy(tab.run())
    assert taken == [engine.started[-1]] == [replace(recording("talk.wav"), content=b"one")]
    assert "Switch to this" not in labels(tab)


def test_another_recording_of_the_same_name_and_size_is_offered_as_a_switch(
    tab: AppTest, engine: FakeEngine
) -> None:
    healthy(tab.run())
    healthy(tab.selectbox(key="source").set_value("file").run())
    for content in (b"one", b"two"):
        healthy(tab.file_uploader(key="upload").set_value(("talk.wav", content, "audio/wav")).run())
        healthy(tab.button(key="switch").click().run())
        assert engine.started[-1].content == content
    engine.start(recording("/tmp/talk.wav"))
    healthy(tab.run())
    assert "Switch to this" in labels(tab)


def test_a_recording_that_was_not_named_is_asked_for(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    healthy(tab.button(key="stop").click().run())
    healthy(tab.selectbox(key="source").set_value("file").run())
    healthy(tab.button(key="start").click().run())
    assert len(engine.started) == 1
    assert "No recording was chosen" in tab.error[0].value


def test_a_finished_recording_is_heard_again_from_another_tab(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    engine.start(recording("/tmp/talk.wav"))
    engine.shown = replace(engine.shown, state=ListenerState.FINISHED)
    healthy(tab.run())
    assert tab.selectbox(key="source").value == "file"
    healthy(tab.button(key="start").click().run())
    assert engine.started[-2:] == [recording("/tmp/talk.wav")] * 2


def test_a_device_that_went_away_meanwhile_is_one_sentence(
    tab: AppTest, engine: FakeEngine, machine: Machine
) -> None:
    machine.plug_in_microphone()
    healthy(tab.run())
    healthy(tab.selectbox(key="source").set_value("mic|sounddevice|ALSA|Desk microphone").run())
    machine.devices = ()
    opening.shared_desk().refresh()
    healthy(tab.button(key="start").click().run())
    assert engine.started == []
    assert "not there any more" in tab.error[0].value
    assert tab.selectbox(key="source").value == "mic"


def test_every_run_says_that_somebody_looks(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    before = engine.beats
    healthy(tab.run())
    assert engine.beats > before


def test_a_faulty_setting_is_one_sentence(tab: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Desk:
        raise SettingsError("Setting 'threshold' cannot be 3.")

    monkeypatch.setattr(opening, "open_desk", refuse)
    healthy(tab.run())
    assert [error.value for error in tab.error] == [r"Setting \'threshold\' cannot be 3\."]


def test_an_unexpected_fault_at_the_opening_is_one_sentence_and_logged(
    tab: AppTest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> Desk:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(opening, "open_desk", fail)
    with caplog.at_level(logging.ERROR):
        healthy(tab.run())
    assert [error.value for error in tab.error] == [plain(part.UNEXPECTED)]
    assert "boom" in caplog.text


def test_the_page_starts_the_log_that_its_sentences_speak_of(
    tab: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[bool] = []
    monkeypatch.setattr(logs, "start_logging", lambda: started.append(True))
    healthy(tab.run())
    assert started
    assert str(paths.log_file()) in part.UNEXPECTED


def test_missing_weights_are_told_where_the_model_is_introduced(
    tab: AppTest, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_self: FakeEngine) -> object:
        raise WeightsError("The weight file is missing: restore it.")

    monkeypatch.setattr(FakeEngine, "model", property(missing, lambda _self, _value: None), raising=False)
    healthy(tab.run())
    assert engine.spec is not None
    assert any("The weight file is missing: restore it." in str(html.proto.body) for html in tab.get("html"))


@pytest.mark.parametrize("knows", [True, False])
def test_the_plane_is_drawn_where_the_model_knows_it(
    tab: AppTest, engine: FakeEngine, *, knows: bool
) -> None:
    engine.model = FakeModel(plane=knows)
    healthy(tab.run())
    engine.shown = listening(on_plane(accepted(), 0.9, 0.8))
    healthy(tab.run())
    assert ("Plane of energy and pleasantness" in board(tab)) == knows
    assert ("<details" in board(tab)) == knows
