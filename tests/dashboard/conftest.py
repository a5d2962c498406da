"""Owns what the dashboard's tests share: a desk whose engine and devices are made up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fakes import FakeEngine, Machine

from dashboard import desk as desk_module
from dashboard.desk import Desk


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
