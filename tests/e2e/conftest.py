"""Owns what the device and browser tests share: a sound server of their own, with a room to speak in.

The variables that lead to it are set for this whole process, and so for every process it starts,
before any test has opened a device. That is enough for sounddevice, PyAudio and soundcard in this
very process: PortAudio and ALSA read them whenever they are initialised, which our own opening and
listing repeats, and libpulse reads them whenever it connects. So a listener may run in the test, where
it can be looked into, or in a process of its own, as a user's would.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.sound_server import SoundServer


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave this folder out where it is not asked for: its modules need extras that `[test]` lacks."""
    return True if "not e2e" in config.option.markexpr else None


TIMEOUT_S = 300.0
"""Of a test: some steps of a browser, each of which may take a minute on a busy machine."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give end-to-end tests more time than others."""
    for item in items:
        if item.get_closest_marker("e2e") is not None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def sound_server() -> Iterator[SoundServer]:
    """A running sound server; see `SoundServer` for `speak`, `unplug`, `plug`, `freeze`, `thaw`."""
    # Not pytest's own folder: its path may be longer than a socket's may be.
    with tempfile.TemporaryDirectory(prefix="attune-", ignore_cleanup_errors=True) as folder:
        server = SoundServer(Path(folder))
        before = dict(os.environ)
        os.environ.update(server.environment)
        try:
            # What is missing fails the tests: skipped, a machine without sound would pass for a good one.
            server.start()
            yield server
        finally:
            server.stop()
            os.environ.clear()
            os.environ.update(before)


@pytest.fixture(autouse=True)
def _plugged_in(request: pytest.FixtureRequest) -> None:
    """Begin every test that uses the sound server with the microphone plugged in."""
    if "sound_server" in request.fixturenames:
        request.getfixturevalue("sound_server").plug()
