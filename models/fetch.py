"""Fetching of weights: downloaded or copied from a local file, and verified before they are put in place."""

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
from core.files import staged, writing
from models.assets import PINNED_FILES, PinnedFile
from models.download import DownloadSettings, Progress, download

_CHUNK_BYTES: Final = 1_048_576
_DOWNLOAD: Final = DownloadSettings(whole_s=7200.0)  # long enough for 150 MB at 20 kB/s


@contextmanager
def local_or_downloaded(
    url: str,
    name: str,
    *,
    given: Path | None = None,
    settings: DownloadSettings | None = None,
    on_progress: Progress = lambda _done, _total: None,
) -> Iterator[Path]:
    """Give a file to verify and use: the local one, or one that is downloaded into the user's cache.

    A download is deleted after use, or when it was refused with a `WeightsError`. It stays after other
    errors, such as a full disk, so that the next call need not download it again. A local file always stays.

    Parameters
    ----------
    url
        Address of the file.
    name
        File name among the downloads in the cache.
    given
        The local file; None downloads.
    settings, on_progress
        Of the download.

    Yields
    ------
    Path
        The file; its content is not verified yet.

    Raises
    ------
    DownloadError
        See `models.download.download`.
    WeightsError
        The local file cannot be read.
    """
    if given is not None:
        _check_readable(given)
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


def fetch_pinned_file(
    name: str,
    *,
    given: Path | None = None,
    settings: DownloadSettings | None = None,
    on_progress: Progress = lambda _done, _total: None,
) -> Path:
    """Fetch one of `PINNED_FILES`, and return its path; the old file stays until the new one is checked.

    Parameters
    ----------
    name
        Key of `PINNED_FILES`.
    given
        A local file to copy instead.
    settings, on_progress
        Of the download.

    Raises
    ------
    DownloadError
        See `models.download.download`.
    WeightsError
        The local file cannot be read, or the file is another one; then it is not stored.
    DataError
        It cannot be written, as on a full disk.
    """
    pinned = PINNED_FILES[name]
    place = pinned.path
    settings = replace(settings or _DOWNLOAD, most_bytes=pinned.size_bytes)
    with local_or_downloaded(
        pinned.url, pinned.file, given=given, settings=settings, on_progress=on_progress
    ) as file:
        if given is None:
            _verify(file, pinned, f"What came from {pinned.url}", "look for a newer version of Attune")
            with writing(f"The weights {place}"):
                place.parent.mkdir(parents=True, exist_ok=True)
                file.replace(place)
            return place
        what = f"The file {given}"
        advice = f"give the file of {pinned.url}"
        _verify_size(file, pinned, what, advice)  # before it takes space
        with staged(place.parent, what=f"The weights {place}") as making:
            _copy(file, making / pinned.file, on_progress)
            _verify(making / pinned.file, pinned, what, advice)
    return place


def _verify(file: Path, pinned: PinnedFile, what: str, advice: str) -> None:
    _verify_size(file, pinned, what, advice)
    with file.open("rb") as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() != pinned.sha256:
            raise WeightsError(
                f"{what} is not {pinned.title} as it is known here (its SHA-256 is another): it is not used; "
                f"{advice}."
            )


def _verify_size(file: Path, pinned: PinnedFile, what: str, advice: str) -> None:
    size_bytes = file.stat().st_size
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
    """The next piece; an unreadable source is not an unwritable disk."""
    try:
        return read(_CHUNK_BYTES)
    except OSError as error:
        raise _unreadable(source, error) from error


def _check_readable(given: Path) -> None:
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
