"""`attune pause` and `attune resume`: times as people write them, and what is said."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import typer

from attune.cli.pause import duration_s
from attune.engine.control import ControlServer
from core import paths
from core.errors import AttuneError
from tests.terminal import Terminal


@pytest.mark.parametrize(
    ("typed", "expected_s"),
    [
        ("15m", 900),
        ("15", 900),
        (" 15 min", 900),
        ("2h", 7200),
        ("1h30m", 5400),
        ("90s", 90),
        ("24H", 86_400),
    ],
)
def test_times_are_read_as_people_write_them(typed: str, expected_s: float) -> None:
    assert duration_s(typed) == expected_s


@pytest.mark.parametrize(
    "typed", ["", "soon", "0", "-5", "25h", "1d", "5m2h", "9999999999h", "٣m", "1.5h", "nan"]
)
def test_what_is_no_time_is_a_usage_error(typed: str) -> None:
    with pytest.raises(typer.BadParameter):
        duration_s(typed)


def test_pause_and_resume_say_what_the_program_answers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path)

    def handle(command: str, duration_s: float | None) -> str:
        if command == "resume":
            raise AttuneError("Listening is not paused, so there is nothing to resume.")
        return f"Paused for {duration_s}."

    attune = Terminal(capsys, monkeypatch)
    code, _, said = attune("pause", "15m")
    assert (code, "No Attune that listens is running" in said) == (1, True)
    with closing(ControlServer(handle)):
        assert attune("pause", "15m") == (0, "Paused for 900.0.\n", "")
        assert attune("pause") == (0, "Paused for None.\n", "")
        code, _, said = attune("resume")
        assert (code, "is not paused" in said) == (1, True)
        assert attune("pause", "never")[0] == 2
        with closing(ControlServer(handle)):
            code, out, _ = attune("pause", "1h")
            assert (code, out.count("Paused for 3600.0. (process ")) == (0, 2)
