"""What the dashboard's tests share: a context whose engine and devices are made up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from attune.dashboard.components import page_header
from attune.dashboard.state import app_context, first_run
from attune.dashboard.state.app_context import AppContext
from core import logs, paths
from tests.attune.dashboard.fakes import FakeEngine, Machine


@pytest.fixture(autouse=True)
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file of the tests: that of the user is neither read nor written."""
    file = tmp_path / "settings.toml"
    monkeypatch.setattr(paths, "settings_file", lambda: file)
    return file


@pytest.fixture(autouse=True)
def _running_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that run at the same time are no other program with the same profile."""
    monkeypatch.setattr(paths, "running_dir", lambda: tmp_path / "running")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(app_context, "list_devices", machine.list_devices)
    monkeypatch.setattr(app_context, "suggest_source", machine.suggest_source)
    return machine


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    engine = FakeEngine()
    yield engine
    engine.pause.close()


@pytest.fixture
def context(machine: Machine, engine: FakeEngine) -> Iterator[AppContext]:  # noqa: ARG001
    context = AppContext(engine)  # type: ignore[arg-type]
    yield context
    context.close()


@pytest.fixture
def invented_context(machine: Machine, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # noqa: ARG001
    """Pages that are opened find the made-up engine and devices."""
    monkeypatch.setattr(page_header, "open_app_context", lambda: AppContext(engine))  # type: ignore[arg-type]
    monkeypatch.setattr(logs, "start_logging", lambda: None)
    monkeypatch.setattr(first_run, "is_due", lambda: False)
    page_header.shared_context.clear()
    yield
    page_header.shared_context.clear()
