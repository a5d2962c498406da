"""Files written whole or not at all, and one sentence for people when the disk refuses them."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import AttuneError, DataError
from core.text import encodable

PART_PREFIX = ".part-"  # unfinished files begin with this; a killed program may leave some behind
_NAME_BYTES = 255  # of the longest name that the usual file systems take
_SUFFIX_BYTES = 32


@contextmanager
def writing(
    what: str, *, error_type: type[AttuneError] = DataError, advice: str = "choose another folder"
) -> Iterator[None]:
    """Turn any `OSError` into one sentence for people.

    Parameters
    ----------
    what
        Beginning of the sentence: what was to be written, and where.
    error_type
        The error to raise.
    advice
        What to do about it; a full disk has its own advice.

    Raises
    ------
    AttuneError
        Of the given type, in place of any `OSError`.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise error_type(
                f"{what} cannot be written because the disk is full: free some space and try again; "
                "nothing half-written was left, and what was there before is as it was."
            ) from error
        reason = error.strerror or type(error).__name__
        raise error_type(f"{what} cannot be written ({reason}): {advice}.") from error


@contextmanager
def replace_atomically(path: Path, *, private: bool = False, fsync: bool = True) -> Iterator[Path]:
    """Give an empty file to write to, which takes the place of `path` unless an exception is raised.

    Parameters
    ----------
    path
        File to write; its folder exists. Where it is a link, the file that it leads to is written.
    private
        Only its owner may read the file, from the first byte on; else a file that was there keeps its rights.
    fsync
        Wait until the content is on the disk, so that not even a power cut loses it.

    Yields
    ------
    Path
        On the same disk and with the same suffix, unless that is very long.

    Raises
    ------
    OSError
        It cannot be written, or is a folder or a device; what was there is as it was.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EISDIR, "it is a folder" if path.is_dir() else "it is not a file", str(path))
    part = _part_of(path)
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666))
        yield part
        if fsync:
            with part.open("rb+") as file:
                os.fsync(file.fileno())
        if not private and path.exists():
            part.chmod(stat.S_IMODE(path.stat().st_mode))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _part_of(path: Path) -> Path:
    """A fresh name beside a file, legal however long the file's own name is."""
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= _SUFFIX_BYTES else ""
    return path.with_name(f"{PART_PREFIX}{secrets.token_hex(6)}{suffix}")


def named_after(path: Path, ending: str) -> Path:
    """A file beside another one, with its name and an ending; a name that would be too long is cut.

    Parameters
    ----------
    path
        The other file.
    ending
        Such as ``.bak``.
    """
    room = _NAME_BYTES - len(os.fsencode(ending))
    name = os.fsencode(path.name)
    return path.with_name((path.name if len(name) <= room else name[:room].decode(errors="ignore")) + ending)


def write_atomic(
    path: Path,
    content: str | bytes | memoryview,
    *,
    what: str,
    error_type: type[AttuneError] = DataError,
    advice: str = "choose another folder",
    private: bool = False,
) -> None:
    """Write a file whole or not at all.

    Parameters
    ----------
    path
        File to write; its folder is made.
    content
        Bytes, or text, which is written in UTF-8; what that cannot hold is escaped.
    what, error_type, advice
        As in `writing`.
    private
        Only its owner may read the file, from the first byte on.

    Raises
    ------
    AttuneError
        Of the given type: it cannot be written.
    """
    with writing(what, error_type=error_type, advice=advice):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_atomically(path, private=private) as part:
            part.write_bytes(encodable(content).encode() if isinstance(content, str) else content)


@contextmanager
def staged(folder: Path, *, what: str) -> Iterator[Path]:
    """Give an empty folder, from which everything moves into `folder` unless an exception is raised.

    Parameters
    ----------
    folder
        Where files and folders will be, instead of those of the same names; made if absent.
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
            made = Path(name)
            yield made
            for entry in sorted(made.iterdir()):
                put_in_place(entry, folder / entry.name)


def put_in_place(made: Path, place: Path) -> None:
    """Move a finished file or folder to `place`; an old folder is removed only when the new one stands.

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
    old = _part_of(made)
    place.replace(old)
    try:
        made.replace(place)
    except OSError:
        old.replace(place)
        raise
    shutil.rmtree(old, ignore_errors=True)
