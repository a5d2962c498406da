"""Errors of SQLite and of the system, told apart and put into sentences for people."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Final

from core.errors import JournalError

__all__ = ["is_corrupt", "is_passing", "sentence"]

_PASSING: Final = {
    sqlite3.SQLITE_BUSY: "is locked by another program: close that program",
    sqlite3.SQLITE_LOCKED: "is locked by another program: close that program",
    sqlite3.SQLITE_FULL: "cannot grow, the disk is full: make room",
    sqlite3.SQLITE_READONLY: "may not be written, it is read-only: change its permissions",
    sqlite3.SQLITE_IOERR: "meets an error of the disk: check that it is there and has room",
}
_CORRUPT: Final = {
    sqlite3.SQLITE_CORRUPT: "is corrupt: restart Attune, which puts it aside and begins a new one",
    sqlite3.SQLITE_NOTADB: "is corrupt: restart Attune, which puts it aside and begins a new one",
}
_SENTENCES: Final = {
    **_PASSING,
    **_CORRUPT,
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check its folder and permissions",
}
_LIKE: Final = {errno.ENOSPC: sqlite3.SQLITE_FULL, errno.EROFS: sqlite3.SQLITE_READONLY}


def is_passing(error: Exception) -> bool:
    """Whether a later attempt may succeed without anybody touching the settings."""
    return _code(error) in _PASSING


def is_corrupt(error: Exception) -> bool:
    """Whether the file is damaged, or no database at all."""
    return _code(error) in _CORRUPT


def sentence(path: Path, error: Exception) -> str:
    """Say what is wrong with the journal at `path` and what to do, without a full stop."""
    if isinstance(error, JournalError):
        return str(error).removesuffix(".")
    detail = getattr(error, "strerror", None) or error
    reason = _SENTENCES.get(_code(error), f"cannot be used ({detail}): check its folder")
    return f"The journal {path} {reason}"


def _code(error: Exception) -> int:
    """Primary code of an SQLite error, or the like of it for one of the system; 0 for others."""
    if isinstance(error, OSError):
        return _LIKE.get(error.errno or 0, 0)
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
