from __future__ import annotations

import logging

import pytest
from fakes import FakeDevice, FakeEngine, Machine

from core.errors import AudioDecodeError, AudioDeviceError
from core.settings import Settings
from dashboard.desk import Desk
from realtime.capture.source import SourceKind, SourceSpec


def test_the_demo_starts_on_the_first_visit_only(desk: Desk, engine: FakeEngine) -> None:
    desk.greet()
    desk.engine.stop()
    desk.greet()
    assert engine.started == [SourceSpec(SourceKind.DEMO)]


def test_with_a_microphone_nothing_is_opened_unasked(machine: Machine, engine: FakeEngine) -> None:
    machine.plug_in_microphone()
    desk = Desk(engine)  # type: ignore[arg-type]
    desk.greet()
    assert engine.started == []
    assert "Default microphone" in [choice.label for choice in desk.choices]


def test_refresh_finds_what_was_plugged_in(desk: Desk, machine: Machine) -> None:
    machine.plug_in_microphone()
    desk.refresh()
    assert "Microphone: Desk microphone · ALSA" in [choice.label for choice in desk.choices]
    assert desk.suggestion.kind is SourceKind.MICROPHONE


def test_devices_that_cannot_be_listed_are_told_and_the_rest_is_offered(desk: Desk, machine: Machine) -> None:
    machine.devices = (FakeDevice(SourceKind.MICROPHONE, "Gone"),)
    machine.problem = AudioDeviceError("The sound system does not answer: start it.")
    desk.refresh()
    assert desk.devices_problem == "The sound system does not answer: start it."
    assert [choice.spec.kind for choice in desk.choices] == [
        SourceKind.MICROPHONE,
        SourceKind.SYSTEM,
        SourceKind.FILE,
        SourceKind.DEMO,
    ]


def test_an_unexpected_fault_while_listing_leaves_the_defaults(
    machine: Machine, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.problem = OSError("exception: access violation reading 0x0")
    with caplog.at_level(logging.ERROR):
        desk = Desk(engine)  # type: ignore[arg-type]
    assert "could not be listed" in desk.devices_problem
    assert "access violation" not in desk.devices_problem
    assert "access violation" in caplog.text
    assert len(desk.choices) == 4
    machine.problem = None
    desk.refresh()
    assert desk.devices_problem == ""


def test_devices_are_listed_by_the_library_that_is_to_open_them(machine: Machine) -> None:
    Desk(FakeEngine(Settings(journal=False, backend="pyaudio")))  # type: ignore[arg-type]
    assert machine.backends == ["pyaudio"]


def test_the_same_problem_is_not_told_twice(desk: Desk, machine: Machine) -> None:
    machine.problem = AudioDeviceError("PortAudio is missing.")
    machine.reason = "PortAudio is missing; until then the built-in demo plays."
    desk.refresh()
    assert desk.devices_problem == ""


def test_a_source_that_is_refused_is_told(desk: Desk, engine: FakeEngine) -> None:
    engine.refusal = AudioDecodeError("The recording is no audio.")
    with pytest.raises(AudioDecodeError, match="no audio"):
        desk.start(SourceSpec(SourceKind.FILE, content=b"?"))


def test_close_stops_the_engine_and_may_be_called_twice(desk: Desk, engine: FakeEngine) -> None:
    desk.close()
    desk.close()
    assert engine.closed
