"""Owns what holds for all tests: examples may take their time, and programs that they start hear Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, settings

from core.errors import ExtraMissingError

# No test measures speed: on a busy machine any example may take its time.
settings.register_profile("attune", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("attune")

# A shell starts what runs in its background deaf to SIGINT, and children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# pytest-xdist sets the width of its workers' terminals; consoles of the program would take it for the user's.
os.environ.pop("COLUMNS", None)


@pytest.fixture(autouse=True)
def _no_thread_outlives_its_test() -> Iterator[None]:
    """A thread that a test leaves behind disturbs others, far from where it was begun."""
    before = set(threading.enumerate())
    yield
    end_s = time.monotonic() + 5.0
    while left := [t.name for t in set(threading.enumerate()) - before if t.name.startswith("attune-")]:
        if time.monotonic() > end_s:
            pytest.fail(f"threads were left behind: {left}")
        time.sleep(0.01)


@pytest.fixture
def no_librosa(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra `analysis` is not installed: its libraries take seconds to load."""
    problem = ExtraMissingError("The library 'librosa' is missing.")
    monkeypatch.setattr("models.track.rhythm.load_librosa", Mock(side_effect=problem))
