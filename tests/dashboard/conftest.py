"""Owns what the dashboard's tests share: a desk whose engine and devices are made up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fakes import NO_MICROPHONE, FakeDevice, FakeEngine

from dashboard import desk as desk_module
from dashboard.desk import Desk
from realtime.capture.source import SourceKind, SourceSpec


class Machine:
    """The devices of a made-up machine."""

    def __init__(self) -> None:
        self.devices: tuple[FakeDevice, ...] = ()
        self.suggestion = SourceSpec(SourceKind.DEMO)
        self.reason = NO_MICROPHONE
        self.problem: Exception | None = None

    def list_devices(self) -> tuple[FakeDevice, ...]:
        if self.problem is not None:
            raise self.problem
        return self.devices

    def suggest_source(self, _settings: object) -> tuple[SourceSpec, str]:
        return self.suggestion, self.reason

    def plug_in_microphone(self) -> None:
        self.devices = (FakeDevice(SourceKind.MICROPHONE, "Desk microphone"),)
        self.suggestion = SourceSpec(SourceKind.MICROPHONE)
        self.reason = "The default microphone, Desk microphone (ALSA), is ready."


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(desk_module, "list_devices", machine.list_devices)
    monkeypatch.setattr(desk_module, "suggest_source", machine.suggest_source)
    return machine


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def desk(machine: Machine, engine: FakeEngine) -> Iterator[Desk]:  # noqa: ARG001
    desk = Desk(engine)  # type: ignore[arg-type]
    yield desk
    desk.close()
