"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

StepProgress = Callable[[int, int], None]
"""Called with how much is done, and how much there is."""


def no_progress(*_: object) -> None:
    """Report nothing."""
