from __future__ import annotations

import logging
import os
from contextlib import closing

import pytest
from streamlit.testing.v1 import AppTest

from attune.dashboard.state.app_context import AppContext
from attune.engine.control import ControlServer
from core.errors import AudioDecodeError, AudioDeviceError
from core.settings import Settings
from realtime.capture.source import SourceKind, SourceSpec
from tests.attune.dashboard.fakes import FakeDevice, FakeEngine, Machine
from tests.attune.dashboard.tabs import healthy
from tests.paths import ROOT


def test_the_demo_starts_on_the_first_visit_only(context: AppContext, engine: FakeEngine) -> None:
    context.start_demo_once()
    context.engine.stop()
    context.start_demo_once()
    assert engine.started == [SourceSpec(SourceKind.DEMO)]


def test_with_a_microphone_nothing_is_opened_unasked(machine: Machine, engine: FakeEngine) -> None:
    machine.plug_in_microphone()
    with closing(AppContext(engine)) as context:  # type: ignore[arg-type]
        context.start_demo_once()
        assert engine.started == []
        assert "Default microphone" in [choice.label for choice in context.choices]


def test_refresh_finds_what_was_plugged_in(context: AppContext, machine: Machine) -> None:
    machine.plug_in_microphone()
    context.refresh()
    assert "Desk microphone" in [choice.label for choice in context.choices]
    assert context.suggestion.kind is SourceKind.MICROPHONE


def test_devices_that_cannot_be_listed_are_told_and_the_rest_is_offered(
    context: AppContext, machine: Machine
) -> None:
    machine.devices = (FakeDevice(SourceKind.MICROPHONE, "Gone"),)
    machine.problem = AudioDeviceError("The sound system does not answer: start it.")
    context.refresh()
    assert context.devices_problem == "The sound system does not answer: start it."
    assert [choice.spec.kind for choice in context.choices] == [
        SourceKind.MICROPHONE,
        SourceKind.SYSTEM,
        SourceKind.FILE,
        SourceKind.DEMO,
    ]


def test_an_unexpected_fault_while_listing_leaves_the_defaults(
    machine: Machine, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.problem = OSError("exception: access violation reading 0x0")
    with caplog.at_level(logging.ERROR), closing(AppContext(engine)) as context:  # type: ignore[arg-type]
        assert "could not be listed" in context.devices_problem
        assert "access violation" not in context.devices_problem
        assert "access violation" in caplog.text
        assert len(context.choices) == 4
        machine.problem = None
        context.refresh()
        assert context.devices_problem == ""


def test_devices_are_listed_by_the_library_that_is_to_open_them(machine: Machine) -> None:
    with closing(AppContext(FakeEngine(Settings(journal=False, backend="pyaudio")))):  # type: ignore[arg-type]
        assert machine.backends == ["pyaudio"]


def test_the_same_problem_is_not_told_twice(context: AppContext, machine: Machine) -> None:
    machine.problem = AudioDeviceError("PortAudio is missing.")
    machine.reason = "PortAudio is missing; until then the built-in demo plays."
    context.refresh()
    assert context.devices_problem == ""


def test_a_demo_that_is_refused_is_told(context: AppContext, engine: FakeEngine) -> None:
    engine.refusal = AudioDecodeError("The recording is no audio.")
    with pytest.raises(AudioDecodeError, match="no audio"):
        context.start_demo_once()


def test_close_stops_the_engine_and_may_be_called_twice(context: AppContext, engine: FakeEngine) -> None:
    context.close()
    context.close()
    assert engine.closed


def test_a_second_program_with_the_same_profile_says_so_until_the_first_is_closed(
    invented_context: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "getpid", lambda: 4711)
        first = ControlServer(lambda command, _: command)
    tab = AppTest.from_file(str(ROOT / "app.py"), default_timeout=20)
    with closing(first):
        (warning,) = healthy(tab.run()).warning
        assert "Another Attune is running with this profile (process 4711)" in warning.value
    assert not healthy(tab.run()).warning
