"""Owns the terminal that tests type into: `attune ...` within this process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from attune.cli import main


class Terminal:
    """Runs `attune COMMAND ...`; returns exit code, standard output, standard error."""

    def __init__(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *command: str
    ) -> None:
        self._capsys, self._monkeypatch, self._command = capsys, monkeypatch, command

    def __call__(self, *args: str | Path) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["attune", *self._command, *map(str, args)])
        code = 0
        try:
            main.main()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err
