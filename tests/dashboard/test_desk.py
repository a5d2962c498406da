from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Machine
from fakes import FakeDevice, FakeEngine

from core.errors import AttuneError, AudioDecodeError, AudioDeviceError
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


def test_the_same_problem_is_not_told_twice(desk: Desk, machine: Machine) -> None:
    machine.problem = AudioDeviceError("PortAudio is missing.")
    machine.reason = "PortAudio is missing; until then the built-in demo plays."
    desk.refresh()
    assert desk.devices_problem == ""


def test_an_upload_is_replayed_from_a_copy_that_does_not_outlive_it(desk: Desk, engine: FakeEngine) -> None:
    desk.start_upload("../one.wav", b"1")
    desk.start_upload("two.wav", b"22")
    first, second = (spec.path for spec in engine.started)
    assert first is not None
    assert second is not None
    assert (first.name, second.name) == ("one.wav", "two.wav")
    assert not first.parent.exists()
    assert second.read_bytes() == b"22"
    desk.start(SourceSpec(SourceKind.DEMO))
    assert not second.parent.exists()


def test_the_same_upload_can_be_heard_again(desk: Desk, engine: FakeEngine) -> None:
    desk.start_upload("one.wav", b"1")
    desk.start(engine.started[0])
    path = engine.started[1].path
    assert path is not None
    assert path.read_bytes() == b"1"
    desk.close()
    assert not path.parent.exists()


def test_an_upload_that_cannot_be_read_is_refused_and_deleted_in_the_end(
    desk: Desk, engine: FakeEngine
) -> None:
    engine.refusal = AudioDecodeError("The recording is no audio.")
    with pytest.raises(AudioDecodeError):
        desk.start_upload("x.wav", b"?")
    (spec,) = engine.started
    assert spec.path is not None
    desk.close()
    assert not spec.path.parent.exists()


def test_a_full_disk_is_one_sentence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: Path, _content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(AttuneError, match=r"'x.wav' cannot be kept for replay: No space left on device\."):
        desk.start_upload("x.wav", b"1")


def test_close_stops_the_engine_and_may_be_called_twice(desk: Desk, engine: FakeEngine) -> None:
    desk.close()
    desk.close()
    assert engine.closed
