"""Output that cannot be written: one sentence or silence, the right exit code, and nothing behind it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from attune.cli import streams
from attune.cli.streams import GuardedStream, OutputError
from tests.terminal import Terminal

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no such device")

COMMANDS = ("--help", "--version", "journal sessions", "journal sessions --json", "models list --csv")
CLOSED = "Error: The output cannot be written because standard output is closed: send it to a file.\n"
FULL = "Error: The output cannot be written because the disk is full: free some space.\n"


def shell(tmp_path: Path, line: str) -> tuple[int, str, str]:
    """Run a line of the shell, in which $attune is the program."""
    homes = ("HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
    environment = {
        **os.environ,
        **dict.fromkeys(homes, str(tmp_path)),
        "attune": f"{sys.executable} -m attune",
    }
    done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_full_closed_and_broken_output(tmp_path: Path, command: str) -> None:
    assert shell(tmp_path, f"$attune {command} > /dev/full") == (1, "", FULL)
    assert shell(tmp_path, f"$attune {command} >&-") == (1, "", CLOSED)
    assert shell(tmp_path, f"$attune {command} | true; exit ${{PIPESTATUS[0]}}") == (141, "", "")


def test_closed_and_full_standard_error_cost_nothing(tmp_path: Path) -> None:
    version = shell(tmp_path, "$attune --version")
    assert version[0] == 0
    for line in ("$attune --version 2>&-", "$attune --version 2>/dev/full", "$attune --version <&- 2>&-"):
        assert shell(tmp_path, line) == version
    for line in ("$attune emotion gone.wav 2>&-", "$attune emotion gone.wav 2>/dev/full"):
        assert shell(tmp_path, line) == (1, "", "")
    assert shell(tmp_path, "$attune emotion gone.wav >&- 2>&- <&-") == (1, "", "")


class _Refusing(io.StringIO):
    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def flush(self) -> None:
        raise self.error


def test_the_first_failure_ends_a_command_or_is_silence() -> None:
    needed = GuardedStream(_Refusing(OSError(5, "Input/output error")), needed=True)
    needed.write("waits")
    with pytest.raises(OutputError):
        needed.flush()
    assert needed.failure is not None
    assert streams.failure_of(needed.failure) == (
        1,
        "The output cannot be written (Input/output error): send it elsewhere.",
    )
    optional = GuardedStream(_Refusing(OSError(28, "No space left on device")), needed=False)
    optional.write("waits")
    optional.flush()
    assert optional.failure is None


def test_output_that_a_library_swallows_still_fails_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def swallow() -> None:
        with pytest.raises(OutputError):
            print("lost", flush=True)  # noqa: T201

    monkeypatch.setattr("attune.cli.main.app", swallow)
    monkeypatch.setattr(sys, "stdout", _Refusing(BrokenPipeError(32, "Broken pipe")))
    assert Terminal(capsys, monkeypatch)()[0] == 141
