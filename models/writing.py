"""Owns how files are written: whole or not at all, and a full disk is one sentence."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import DataError

__all__ = ["put_in_place", "staged", "write_whole", "writing"]


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


def write_whole(path: Path, content: str | bytes | memoryview, *, what: str) -> None:
    """Write a file so that it is always a whole one, the old or the new.

    Parameters
    ----------
    path
        File to write; its folder is made.
    content
        Bytes, or text, which is written in UTF-8.
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
            with making.open("wb") as handle:
                handle.write(content.encode() if isinstance(content, str) else content)
                handle.flush()
                os.fsync(handle.fileno())
            making.replace(path)
        finally:
            making.unlink(missing_ok=True)


@contextmanager
def staged(folder: Path, *, what: str) -> Iterator[Path]:
    """Give an empty folder, from which everything moves into `folder` once all of it is written.

    Parameters
    ----------
    folder
        Where files and folders are to be in the end, instead of those of the same names; made if
        absent. Where anything fails before, it is as it was.
    what
        As in `writing`.

    Yields
    ------
    Path
        On the same disk as `folder`.

    Raises
    ------
    DataError
        Something cannot be written.
    """
    with writing(what):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as name:
            making = Path(name)
            yield making
            for made in sorted(making.iterdir()):
                put_in_place(made, folder / made.name)


def put_in_place(made: Path, place: Path) -> None:
    """Swap a finished file or folder in; an old folder goes only when the new one stands.

    Parameters
    ----------
    made
        On the same disk as `place`.
    place
        Where it is to be.

    Raises
    ------
    OSError
        It cannot be moved; the old one is where it was.
    """
    if not (made.is_dir() and place.exists()):
        made.replace(place)
        return
    old = made.with_name(made.name + ".old")
    place.replace(old)
    try:
        made.replace(place)
    except OSError:
        old.replace(place)
        raise
    shutil.rmtree(old, ignore_errors=True)
