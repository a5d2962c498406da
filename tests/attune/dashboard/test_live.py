from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from attune.dashboard.components import live_board, live_controls, page_header
from attune.dashboard.state.app_context import AppContext
from attune.dashboard.state.commands import unexpected
from attune.dashboard.views.html import escape_markdown
from core import logs, paths
from core.errors import AudioDeviceError, SettingsError, WeightsError
from realtime.capture.source import SourceKind, SourceSpec
from realtime.snapshot import ListenerState, Snapshot
from tests.attune.dashboard.fakes import (
    NO_MICROPHONE,
    FakeEngine,
    FakeModel,
    Machine,
    accepted,
    listening,
    on_plane,
    recording,
)
from tests.attune.dashboard.tabs import healthy, labels
from tests.paths import ROOT

APP = str(ROOT / "app.py")


@pytest.fixture
def tab(invented_context: None) -> AppTest:  # noqa: ARG001
    """A browser tab that is not open yet."""
    return AppTest.from_file(APP, default_timeout=20)


def component(tab: AppTest, name: str) -> dict[str, Any]:
    """What is sent to a part of the page."""
    (drawn,) = [
        one.proto for one in tab.get("bidi_component") if one.proto.component_name.endswith(f"attune_{name}")
    ]
    data: dict[str, Any] = json.loads(drawn.json)
    return data


def values(tab: AppTest) -> dict[str, Any]:
    """All values of the board; a page that is drawn anew sends them all."""
    found: dict[str, Any] = component(tab, "live_feed")["values"]
    return found


def picker(tab: AppTest) -> Any:
    """Its key counts how often something else than a person has changed it."""
    (box,) = [one for one in tab.selectbox if str(one.key).startswith("source ")]
    return box


def threshold_slider(tab: AppTest) -> Any:
    """Its key counts how often somebody else has changed it."""
    (slider,) = [one for one in tab.slider if str(one.key).startswith("threshold ")]
    return slider


def test_without_a_microphone_the_demo_plays_and_says_why(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    assert engine.started == [SourceSpec(SourceKind.DEMO)]
    assert [caption.value.replace("\\", "") for caption in tab.caption] == [
        f"{NO_MICROPHONE}. Until then the built-in demo plays."
    ]
    assert picker(tab).value == "demo"
    assert "Stop" in labels(tab)


def test_that_the_demo_plays_is_said_only_while_it_does(tab: AppTest, engine: FakeEngine) -> None:
    def said() -> str:
        return " ".join(caption.value.replace("\\", "") for caption in tab.caption)

    healthy(tab.run())
    healthy(tab.run())
    assert "until then the built-in demo plays" in said().lower()
    engine.stop()
    healthy(tab.run())
    assert "No microphone was found" in said()
    assert "demo plays" not in said()


def test_with_a_microphone_nothing_is_opened_until_start(
    tab: AppTest, engine: FakeEngine, machine: Machine
) -> None:
    machine.plug_in_microphone()
    healthy(tab.run())
    assert engine.started == []
    assert "Start" in labels(tab)
    assert values(tab)["headline"] == "Not listening"
    healthy(tab.button(key="start").click().run())
    assert engine.started == [SourceSpec(SourceKind.MICROPHONE)]
    assert "Stop" in labels(tab)


def test_the_module_of_the_dashboard_is_an_entry_as_well(tab: AppTest) -> None:
    other = AppTest.from_file(str(ROOT / "attune" / "dashboard" / "main.py"), default_timeout=20)
    assert labels(healthy(other.run())) == labels(healthy(tab.run()))


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
    healthy(picker(tab).set_value(key).run())
    assert engine.spec == SourceSpec(SourceKind.DEMO)
    healthy(tab.button(key="switch").click().run())
    assert engine.spec == SourceSpec(SourceKind.MICROPHONE, device="Desk microphone", host_api="ALSA")
    assert "Switch to this" not in labels(tab)
    assert picker(tab).value == key


def test_refresh_lists_the_devices_again(tab: AppTest, machine: Machine) -> None:
    healthy(tab.run())
    machine.plug_in_microphone()
    healthy(tab.button(key="refresh").click().run())
    assert "Desk microphone" in picker(tab).options


def test_the_threshold_goes_to_the_engine_and_comes_back_from_it(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    assert threshold_slider(tab).value == 70
    healthy(threshold_slider(tab).set_value(85).run())
    assert engine.threshold == pytest.approx(0.85)
    assert (values(tab)["enter_words"], values(tab)["leave_words"]) == ("85\xa0%", "70\xa0%")
    engine.set_threshold(0.6)
    healthy(tab.run())
    assert threshold_slider(tab).value == 60


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
    assert [error.value for error in tab.error] == [escape_markdown(unexpected())]
    assert caplog.text.count("the live board cannot be drawn") == 1


def test_a_failure_of_the_running_source_is_told_in_every_tab(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    engine.shown = Snapshot(state=ListenerState.FAILED, message="The disk is gone.")
    healthy(tab.run())
    assert [error.value for error in tab.error] == ["The disk is gone\\."]
    assert "Start" in labels(tab)


def test_a_recording_is_replayed_from_its_path(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    healthy(tab.button(key="stop").click().run())
    healthy(picker(tab).set_value("file").run())
    healthy(tab.text_input(key="path").set_value(' "~/talk.wav" ').run())
    healthy(tab.button(key="start").click().run())
    assert engine.started[-1] == SourceSpec(SourceKind.FILE, path=Path("~/talk.wav").expanduser())
    assert "Switch to this" not in labels(tab)


def test_a_dropped_recording_is_read_on_start_alone(
    tab: AppTest, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[SourceSpec | None] = []
    take = live_controls._take_recording
    monkeypatch.setattr(live_controls, "_take_recording", lambda: taken.append(take()) or taken[-1])
    healthy(tab.run())
    healthy(picker(tab).set_value("file").run())
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
    healthy(picker(tab).set_value("file").run())
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
    healthy(picker(tab).set_value("file").run())
    healthy(tab.button(key="start").click().run())
    assert len(engine.started) == 1
    assert "No recording was chosen" in tab.error[0].value


def test_a_finished_recording_is_heard_again_from_another_tab(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    engine.start(recording("/tmp/talk.wav"))
    engine.shown = replace(engine.shown, state=ListenerState.FINISHED)
    healthy(tab.run())
    assert picker(tab).value == "file"
    healthy(tab.button(key="start").click().run())
    assert engine.started[-2:] == [recording("/tmp/talk.wav")] * 2


def test_a_device_that_went_away_meanwhile_is_one_sentence(
    tab: AppTest, engine: FakeEngine, machine: Machine
) -> None:
    machine.plug_in_microphone()
    healthy(tab.run())
    healthy(picker(tab).set_value("mic|sounddevice|ALSA|Desk microphone").run())
    machine.devices = ()
    page_header.shared_context().refresh()
    healthy(tab.button(key="start").click().run())
    assert engine.started == []
    assert "not there any more" in tab.error[0].value
    assert picker(tab).value == "mic"


def test_every_run_says_that_somebody_looks(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    before = engine.beats
    healthy(tab.run())
    assert engine.beats > before


def test_a_faulty_setting_is_one_sentence(tab: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> AppContext:
        raise SettingsError("Setting 'threshold' cannot be 3.")

    monkeypatch.setattr(page_header, "open_app_context", refuse)
    healthy(tab.run())
    assert [error.value for error in tab.error] == [r"Setting \'threshold\' cannot be 3\."]


def test_an_unexpected_fault_at_the_opening_is_one_sentence_and_logged(
    tab: AppTest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> AppContext:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(page_header, "open_app_context", fail)
    with caplog.at_level(logging.ERROR):
        healthy(tab.run())
    assert [error.value for error in tab.error] == [escape_markdown(unexpected())]
    assert "boom" in caplog.text


def test_the_page_starts_the_log_that_its_sentences_speak_of(
    tab: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[bool] = []
    monkeypatch.setattr(logs, "start_logging", lambda: started.append(True))
    healthy(tab.run())
    assert started
    assert str(paths.log_file()) in unexpected()


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
def test_the_plane_is_shown_where_the_model_knows_it(
    tab: AppTest, engine: FakeEngine, *, knows: bool
) -> None:
    engine.model = FakeModel(plane=knows)
    healthy(tab.run())
    engine.shown = listening(on_plane(accepted(), 0.9, 0.8))
    healthy(tab.run())
    assert values(tab)["planeless"] != knows


def test_nobody_waits_for_a_model_that_is_still_being_loaded(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeEngine, "model", property(lambda _: pytest.fail("asked")), raising=False)
    assert live_board._has_plane(engine, listening(None))  # type: ignore[arg-type]


def test_while_it_listens_what_can_be_chosen_is_folded_away(tab: AppTest, machine: Machine) -> None:
    machine.plug_in_microphone()
    healthy(tab.run())
    assert picker(tab).label == "Listen to"
    assert tab.button(key="start").label == "Start"
    healthy(tab.button(key="start").click().run())
    (popover,) = [block for block in tab.get("popover") if block.proto.popover.label == "Source"]
    assert popover.get("selectbox")
    assert popover.get("slider")[0].label == "Minimum confidence"


def test_the_board_is_drawn_once_and_then_fed_with_what_is_new(tab: AppTest) -> None:
    """Its style and script are 30 kB, and went over the socket four times a second."""
    healthy(tab.run())
    markup = component(tab, "live")
    assert 'data-bind="text headline"' in markup["html"]
    healthy(tab.run())
    assert component(tab, "live") == markup
    feed = next(
        one.proto for one in tab.get("bidi_component") if one.proto.component_name.endswith("live_feed")
    )
    assert len(feed.js_content) < 300
    assert not feed.css_content


def test_the_second_screen_shows_the_word_and_nothing_else(tab: AppTest, engine: FakeEngine) -> None:
    tab.query_params["view"] = "wall"
    healthy(tab.run())
    engine.shown = listening(accepted())
    healthy(tab.run())
    assert component(tab, "wall_feed")["values"]["headline"] == "Happy"
    assert not tab.button
    assert engine.beats
