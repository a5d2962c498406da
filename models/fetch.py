"""Owns the fetching of weights: by address or from a file at hand, checked before they are in place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from core import paths
from core.errors import WeightsError
from models.assets import PINNED, Pinned
from models.download import DownloadSettings, Progress, download
from models.writing import staged, writing

__all__ = ["brought", "fetch_pinned"]

_CHUNK_BYTES: Final = 1_048_576
_PATIENT: Final = DownloadSettings(whole_s=7200.0)
"""A file of 150 MB comes in time at 20 kB/s."""


@contextmanager
def brought(
    url: str,
    name: str,
    *,
    given: Path | None = None,
    settings: DownloadSettings | None = None,
    on_progress: Progress = lambda _done, _total: None,
) -> Iterator[Path]:
    """Give a file to check and to use: the one at hand, or one that is fetched into the user's cache.

    What was fetched is removed when it has been used, or was refused with a `WeightsError`. It stays when
    something else went wrong, such as a full disk, so that the next call need not fetch it again. A file at
    hand always stays.

    Parameters
    ----------
    url
        Address of the file.
    name
        Of what is fetched, among the downloads in the cache.
    given
        The file at hand; None fetches.
    settings
        How patient the download is.
    on_progress
        See `models.download.Progress`.

    Yields
    ------
    Path
        The file; nothing is known of its content.

    Raises
    ------
    DownloadError
        See `models.download.download`.
    WeightsError
        The file at hand cannot be read.
    """
    if given is not None:
        _look_at(given)
        yield given
        return
    fetched = paths.cache_dir() / "downloads" / name
    if not fetched.is_file():
        download(url, fetched, settings=settings, on_progress=on_progress)
    try:
        yield fetched
    except WeightsError:
        _remove(fetched)
        raise
    _remove(fetched)


def fetch_pinned(
    name: str,
    *,
    given: Path | None = None,
    settings: DownloadSettings | None = None,
    on_progress: Progress = lambda _done, _total: None,
) -> Path:
    """Fetch one of `models.assets.PINNED`; what was at its place before stays until the new file is checked.

    Parameters
    ----------
    name
        Key of `PINNED`.
    given
        A file at hand that is copied instead; it stays as it is.
    settings
        How patient the download is; the longest file that is taken is the one that is expected.
    on_progress
        See `models.download.Progress`.

    Returns
    -------
    path
        Where it lies now; `models.assets.locate` gives the same.

    Raises
    ------
    DownloadError
        See `models.download.download`.
    WeightsError
        The file at hand cannot be read, or what came is another file; it is not kept.
    DataError
        It cannot be put in place, as on a full disk.
    """
    pinned = PINNED[name]
    place = pinned.path
    patience = replace(settings or _PATIENT, most_bytes=pinned.size_bytes)
    with brought(pinned.url, pinned.file, given=given, settings=patience, on_progress=on_progress) as file:
        if given is None:
            _refuse_other(file, pinned, f"What came from {pinned.url}", "look for a newer version of Attune")
            with writing(f"The weights {place}"):
                place.parent.mkdir(parents=True, exist_ok=True)
                file.replace(place)
            return place
        what = f"The file {given}"
        advice = f"give the file of {pinned.url}"
        _refuse_size(file.stat().st_size, pinned, what, advice)  # before room is taken for it
        with staged(place.parent, what=f"The weights {place}") as making:
            _copy(file, making / pinned.file, on_progress)
            _refuse_other(making / pinned.file, pinned, what, advice)
    return place


def _refuse_other(file: Path, pinned: Pinned, what: str, advice: str) -> None:
    _refuse_size(file.stat().st_size, pinned, what, advice)
    with file.open("rb") as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() != pinned.sha256:
            raise WeightsError(
                f"{what} is not {pinned.title} as it is known here (its SHA-256 is another): it is not used; "
                f"{advice}."
            )


def _refuse_size(size_bytes: int, pinned: Pinned, what: str, advice: str) -> None:
    if size_bytes != pinned.size_bytes:
        raise WeightsError(
            f"{what} is not {pinned.title} as it is known here ({size_bytes} bytes instead of "
            f"{pinned.size_bytes}): it is not used; {advice}."
        )


def _copy(source: Path, target: Path, on_progress: Progress) -> None:
    total, done = source.stat().st_size, 0
    with source.open("rb") as reading, target.open("wb") as written:
        while chunk := _read(reading.read, source):
            written.write(chunk)
            done += len(chunk)
            on_progress(done, total)
        written.flush()
        os.fsync(written.fileno())


def _read(read: Callable[[int], bytes], source: Path) -> bytes:
    """The next piece; a source that breaks is not to be taken for a disk that cannot be written."""
    try:
        return read(_CHUNK_BYTES)
    except OSError as error:
        raise _unreadable(source, error) from error


def _look_at(given: Path) -> None:
    if given.exists() and not given.is_file():  # a pipe would wait for ever
        raise WeightsError(f"{given} is no file: give the file itself.")
    try:
        with given.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise _unreadable(given, error) from error


def _unreadable(given: Path, error: OSError) -> WeightsError:
    return WeightsError(f"The file {given} cannot be read ({error.strerror or error}): give another one.")


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
