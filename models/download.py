"""Owns the fetching of one file over HTTP: resumed where it broke off, in place only when it is whole."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.errors import DownloadError

if TYPE_CHECKING:
    from requests import Response

__all__ = ["DownloadSettings", "Progress", "download"]

_LOG = logging.getLogger(__name__)
_CHUNK_BYTES: Final = 65_536
_CLOSED: Final = "the connection was closed"
Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and, where the server says it, how many there will be."""


@dataclass(frozen=True, slots=True)
class DownloadSettings:
    """How patient a download is.

    Parameters
    ----------
    answer_s
        Longest wait for a connection, and for the next bytes.
    whole_s
        Longest time for all of it.
    tries
        How often it goes on by itself after the connection broke, the first time included.
    pause_s
        Before the second try; before each further one twice as long.
    most_bytes
        Longest file that is taken.
    """

    answer_s: float = 30.0
    whole_s: float = 1800.0
    tries: int = 4
    pause_s: float = 1.0
    most_bytes: int = 100_000_000


@dataclass(frozen=True, slots=True)
class _Beginning:
    """What the part on the disk is the beginning of."""

    url: str
    etag: str


@dataclass(frozen=True, slots=True)
class _Job:
    """One call of `download`."""

    url: str
    part: Path
    settings: DownloadSettings
    give_up_at: float
    on_progress: Progress


class _BrokeOffError(Exception):
    """The connection ended too early, or what is there is no beginning of what the server has now."""


def download(
    url: str,
    path: Path,
    *,
    settings: DownloadSettings | None = None,
    on_progress: Progress = lambda _done, _total: None,
) -> None:
    """Fetch a file; whatever was at its place before stays until all of it has come.

    What has come lies beside it as `<name>.part`. It is gone on with, in this call or in a later one, as long
    as the server names the same content (a strong ETag, by Range and If-Range: RFC 9110, 13.1.5 and 14); else
    the file is fetched from its beginning.

    Parameters
    ----------
    url
        Its address.
    path
        Where it is to be; the folder is made.
    settings
        How patient it is.
    on_progress
        See `Progress`.

    Raises
    ------
    DownloadError
        There is no network, the server refuses, sends a web page or too much or breaks off again and again,
        it takes too long, or the file cannot be written.
    """
    settings = settings or DownloadSettings()
    part = path.with_name(f"{path.name}.part")
    job = _Job(url, part, settings, time.monotonic() + settings.whole_s, on_progress)
    with _writing(part):
        part.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(settings.tries):
        try:
            _receive(job)
            break
        except _BrokeOffError as error:
            if attempt + 1 == settings.tries:
                come = part.stat().st_size if part.exists() else 0
                raise DownloadError(
                    f"Fetching {url} broke off {settings.tries} times ({error}, {come} bytes have come): run "
                    "the same command again, it goes on there where the server allows it."
                ) from error
            _LOG.info("fetching %s broke off: %s", url, error)
            time.sleep(settings.pause_s * 2**attempt)
    with _writing(path):
        part.replace(path)
        _note(part).unlink(missing_ok=True)


def _receive(job: _Job) -> None:
    """One connection: as much of the file as comes, behind what is there."""
    known = _known(job)
    there = job.part.stat().st_size if known else 0
    wanted = {"Range": f"bytes={there}-", "If-Range": known.etag} if known else {}
    with _asking(job.url, wanted, job.settings.answer_s) as answer:
        if answer.status_code == 416 and known:
            _forget(job.part)
            raise _BrokeOffError("what was there is longer than the file")
        _refuse(answer, job.url)
        etag = answer.headers.get("ETag", "")
        if answer.status_code == 206:
            if known is None or etag != known.etag or not _goes_on(answer, there):
                _forget(job.part)
                raise _BrokeOffError("the server has another file now")
        else:
            there = 0
            _begin(job.part, _Beginning(job.url, etag))
        length = answer.headers.get("Content-Length", "")
        _write(job, answer, there, there + int(length) if length.isdecimal() else None)


def _write(job: _Job, answer: Response, there: int, total: int | None) -> None:
    """The body, behind the bytes that are there."""
    most = job.settings.most_bytes
    if (total or 0) > most:
        _forget(job.part)
        raise DownloadError(
            f"{job.url} has {total} bytes, more than the {most} that are taken: it is another file than this "
            "program knows; look for a newer version of Attune."
        )
    with _writing(job.part), job.part.open("ab") as file:
        job.on_progress(there, total)
        for chunk in _chunks(answer):
            file.write(chunk)
            there += len(chunk)
            if there > (most if total is None else total):
                break
            job.on_progress(there, total)
            if time.monotonic() > job.give_up_at:
                raise DownloadError(
                    f"Fetching {job.url} took longer than {job.settings.whole_s:g} s ({there} bytes have "
                    "come): run the same command again, it goes on with them."
                )
        file.flush()
        os.fsync(file.fileno())
    if there > (most if total is None else total):
        _forget(job.part)
        raise DownloadError(f"{job.url} sent more than it should, {there} bytes: try again later.")
    if total is not None and there < total:
        raise _BrokeOffError(_CLOSED)


@contextmanager
def _asking(url: str, wanted: dict[str, str], answer_s: float) -> Iterator[Response]:
    """The server's answer, its body not read yet."""
    import requests  # noqa: PLC0415 - only where something is fetched

    headers = {"User-Agent": "attune", "Accept-Encoding": "identity", **wanted}
    try:
        answer = requests.get(url, headers=headers, stream=True, timeout=answer_s)
    except requests.exceptions.SSLError as error:
        raise DownloadError(
            f"No secure connection to {url} can be made ({_innermost(error)}): look at this machine's clock "
            "and at what stands between it and the network."
        ) from error
    except requests.exceptions.Timeout as error:
        raise DownloadError(f"{url} did not answer within {answer_s:g} s: try again later.") from error
    except requests.exceptions.ConnectionError as error:
        raise DownloadError(
            f"{url} cannot be reached ({_innermost(error)}): look at the network connection and try again."
        ) from error
    except requests.exceptions.RequestException as error:
        raise DownloadError(f"{url} cannot be fetched ({_innermost(error)}): try again later.") from error
    with answer:
        yield answer


def _refuse(answer: Response, url: str) -> None:
    """Answers that bring no file."""
    status = answer.status_code
    if status in (404, 410):
        raise DownloadError(
            f"There is nothing at {url} any more (HTTP {status}): look for a newer version of Attune."
        )
    if status not in (200, 206):
        raise DownloadError(f"{url} was refused (HTTP {status} {answer.reason}): try again later.")
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        raise DownloadError(
            f"A web page came instead of {url}: look whether this network wants you to sign in first."
        )


def _goes_on(answer: Response, there: int) -> bool:
    return answer.headers.get("Content-Range", "").startswith(f"bytes {there}-")


def _chunks(answer: Response) -> Iterator[bytes]:
    """The body as it comes, each piece as soon as it is there, so that a slow server cannot hold a clock."""
    from urllib3.exceptions import HTTPError, ReadTimeoutError  # noqa: PLC0415 - it comes with requests

    while True:
        try:
            chunk = answer.raw.read1(_CHUNK_BYTES, decode_content=False)
        except ReadTimeoutError as error:
            raise _BrokeOffError("nothing came any more") from error
        except (HTTPError, OSError) as error:
            raise _BrokeOffError(_CLOSED) from error
        if not chunk:
            return
        yield chunk


def _begin(part: Path, beginning: _Beginning) -> None:
    """Empty the part; without a strong ETag nothing says later whose beginning it is, so nothing is noted."""
    _forget(part)
    with _writing(part):
        if beginning.etag.startswith('"'):
            _note(part).write_text(json.dumps(asdict(beginning)), encoding="utf-8")
        part.touch()


def _known(job: _Job) -> _Beginning | None:
    try:
        beginning = _Beginning(**json.loads(_note(job.part).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return beginning if beginning.url == job.url and job.part.is_file() else None


def _forget(part: Path) -> None:
    with _writing(part):
        _note(part).unlink(missing_ok=True)
        part.unlink(missing_ok=True)


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DownloadError(
            f"{path} cannot be written ({error.strerror or error}): make room there or change its "
            "permissions, then run the same command again, it goes on with what has come."
        ) from error


def _innermost(error: BaseException) -> str:
    """What lies under the layers of an error of the network, in a few words."""
    while error.__context__ is not None or error.__cause__ is not None:
        error = error.__cause__ or error.__context__ or error
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(words).rstrip(".")
