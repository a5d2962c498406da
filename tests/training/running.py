"""Runs the program's commands within a test, and breaks trainings off after their first checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from attune.cli import main
from training import loop

__all__ = ["attune", "broken_off"]


def attune(monkeypatch: pytest.MonkeyPatch, *args: str | Path) -> int:
    """Exit code of a command line, its words without the program's name."""
    monkeypatch.setattr(sys, "argv", ["attune", *map(str, args)])
    try:
        main.main()
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


@contextmanager
def broken_off(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What trains inside is interrupted as soon as a checkpoint is kept."""
    kept = loop.save_checkpoint

    def interrupt(path: Path, state: dict[str, object]) -> None:
        kept(path, state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", interrupt)
        with pytest.raises(KeyboardInterrupt):
            yield
