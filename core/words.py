"""Owns words that depend on a number."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, thing: str) -> str:
    """Say how many there are of a thing whose plural takes an s.

    Examples
    --------
    >>> counted(1, "file"), counted(2, "file")
    ('1 file', '2 files')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
