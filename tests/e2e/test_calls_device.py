"""Calls on a real sound server: others' recordings count, our own and those of what is played do not."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from core.errors import AttuneError
from realtime.call_detection import other_program_records
from realtime.capture import Block, MicrophoneSource, SourceInfo
from tests.e2e.sound_server import SoundServer

pytestmark = pytest.mark.e2e


@pytest.fixture
def headset(sound_server: SoundServer) -> Iterator[str]:
    """A microphone that is no monitor, as the room's is."""
    assert sound_server.plugged
    module = pactl("load-module", "module-null-source", "source_name=headset").strip()
    yield "headset"
    pactl("unload-module", module)


def pactl(*words: str) -> str:
    return subprocess.run(["pactl", *words], capture_output=True, text=True, check=True, timeout=10).stdout


def outputs() -> int:
    return len(pactl("list", "short", "source-outputs").splitlines())


def comes(holds: Callable[[], bool], within_s: float = 10.0) -> bool:
    deadline_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.05)
    return True


def test_another_program_at_the_microphone_is_a_call_until_it_stops(headset: str) -> None:
    assert other_program_records() is False  # though the room's keeper listens at its monitor
    with subprocess.Popen(["parec", f"--device={headset}", "--raw"], stdout=subprocess.DEVNULL) as program:
        try:
            assert comes(lambda: other_program_records() is True)
        finally:
            program.kill()
    assert comes(lambda: other_program_records() is False)


@pytest.mark.usefixtures("headset")
def test_program_that_records_what_is_played_is_no_call() -> None:
    before = outputs()
    with subprocess.Popen(["parec", "--device=room.monitor", "--raw"], stdout=subprocess.DEVNULL) as program:
        try:
            assert comes(lambda: outputs() > before)
            assert other_program_records() is False
        finally:
            program.kill()


class Ear:
    """A sink that lets everything pass."""

    def begin(self, info: SourceInfo) -> None: ...
    def write(self, block: Block) -> None: ...
    def overflow(self) -> None: ...
    def end(self, error: AttuneError | None = None, *, notice: str = "") -> None: ...


def test_our_own_listening_is_no_call(headset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SOURCE", headset)
    source = MicrophoneSource()
    source.open(Ear())
    try:
        assert comes(lambda: headset_is_recorded(by=os.getpid()))
        assert other_program_records() is False
    finally:
        source.close()


def headset_is_recorded(*, by: int) -> bool:
    sources = [
        line.split()[0] for line in pactl("list", "short", "sources").splitlines() if "headset" in line
    ]
    listed = pactl("list", "source-outputs").split("Source Output #")
    return any(
        f"Source: {sources[0]}\n" in one and f'application.process.id = "{by}"' in one for one in listed
    )


def test_server_that_hangs_is_unknown_within_its_time(sound_server: SoundServer) -> None:
    sound_server.freeze()
    try:
        began_s = time.monotonic()
        assert other_program_records() is None
        assert time.monotonic() - began_s < 12.0
    finally:
        sound_server.thaw()


def test_server_that_is_not_there_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", "unix:/nonexistent/native")
    assert other_program_records() is None
