"""Owns how files of data are written: whole or not at all, and a full disk is one sentence."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import DataError

__all__ = ["write_whole", "writing"]


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn what the disk refuses into a `DataError`.

    Parameters
    ----------
    what
        Beginning of the sentence: what was to be written, and where.

    Raises
    ------
    DataError
        In place of any `OSError`; a full disk has its own advice.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(
                f"{what} cannot be written because the disk is full: free some space or choose another "
                "folder; nothing half-written was left, and what was there before is as it was."
            ) from error
        reason = error.strerror or type(error).__name__
        raise DataError(f"{what} cannot be written ({reason}): choose another folder.") from error


def write_whole(path: Path, text: str, *, what: str) -> None:
    """Write a text file in UTF-8 so that it is always a whole one, the old or the new.

    Parameters
    ----------
    path
        File to write; its folder is made.
    text
        The content.
    what
        As in `writing`.

    Raises
    ------
    DataError
        It cannot be written.
    """
    making = path.with_name(f".{path.name}.{os.getpid()}.part")
    with writing(what):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with making.open("w", encoding="utf-8", newline="") as handle:
                handle.write(text)
                handle.flush()
                os.fsync(handle.fileno())
            making.replace(path)
        finally:
            making.unlink(missing_ok=True)
