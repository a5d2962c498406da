"""Runs the program's commands within a test, and breaks trainings off after their first checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

import cli

__all__ = ["attune", "broken_off"]


def attune(monkeypatch: pytest.MonkeyPatch, *args: str | Path) -> int:
    """Exit code of a command line, its words without the program's name."""
    monkeypatch.setattr(sys, "argv", ["attune", *map(str, args)])
    try:
        cli.main()
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


@contextmanager
def broken_off(monkeypatch: pytest.MonkeyPatch, training: ModuleType) -> Iterator[None]:
    """What trains inside is interrupted as soon as the module has kept a checkpoint."""
    kept = training.save_checkpoint

    def interrupt(path: Path, state: dict[str, object]) -> None:
        kept(path, state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "save_checkpoint", interrupt)
        with pytest.raises(KeyboardInterrupt):
            yield
