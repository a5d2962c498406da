"""Download of one file over HTTP: resumed after a break, moved to its place only when complete."""

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
from core.files import named_after

if TYPE_CHECKING:
    from requests import Response

_LOG = logging.getLogger(__name__)
_CHUNK_BYTES: Final = 65_536
_CLOSED: Final = "the connection was closed"
Progress = Callable[[int, int | None], None]
"""Called with the bytes received so far and the bytes in all; None where the server does not say."""


@dataclass(frozen=True, slots=True)
class DownloadSettings:
    """Timeouts and limits of a download."""

    answer_s: float = 30.0  # longest wait for a connection, or for the next bytes
    whole_s: float = 1800.0  # longest time of the whole download
    tries: int = 4  # number of connections, if they break
    pause_s: float = 1.0  # before the second connection; doubled before each further one
    most_bytes: int = 100_000_000  # largest file that is accepted


@dataclass(frozen=True, slots=True)
class _PartInfo:
    """What the partial file on the disk belongs to."""

    url: str
    etag: str


@dataclass(frozen=True, slots=True)
class _DownloadJob:
    """One call of `download`."""

    url: str
    part: Path
    settings: DownloadSettings
    give_up_at: float
    on_progress: Progress


class _InterruptedError(Exception):
    """The connection ended too early, or the partial file belongs to another version of the file."""


def download(
    url: str,
    path: Path,
    *,
    settings: DownloadSettings | None = None,
    on_progress: Progress = lambda _done, _total: None,
) -> None:
    """Download a file; an old file stays in place until the new one is complete.

    The partial file is `<name>.part` in the same folder. This call or a later one resumes it while the server
    has the same content (a strong ETag, with Range and If-Range: RFC 9110, 13.1.5 and 14); else the download
    begins again.

    Parameters
    ----------
    url
        Address.
    path
        Destination; its folder is made.
    settings
        Timeouts and limits.
    on_progress
        See `Progress`.

    Raises
    ------
    DownloadError
        There is no network, the server refuses, sends a web page or too much, or breaks off too often, it
        takes too long, or the file cannot be written.
    """
    settings = settings or DownloadSettings()
    part = named_after(path, ".part")
    job = _DownloadJob(url, part, settings, time.monotonic() + settings.whole_s, on_progress)
    with _writing(part):
        part.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(settings.tries):
        try:
            _receive(job)
            break
        except _InterruptedError as error:
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
        _info_file(part).unlink(missing_ok=True)


def _receive(job: _DownloadJob) -> None:
    """One connection: append as much of the file as comes."""
    known = _part_info(job)
    received = job.part.stat().st_size if known else 0
    wanted = {"Range": f"bytes={received}-", "If-Range": known.etag} if known else {}
    with _request(job.url, wanted, job.settings.answer_s) as response:
        if response.status_code == 416 and known:
            _delete_part(job.part)
            raise _InterruptedError("what was there is longer than the file")
        _check_response(response, job.url)
        etag = response.headers.get("ETag", "")
        if response.status_code == 206:
            if known is None or etag != known.etag or not _resumes(response, received):
                _delete_part(job.part)
                raise _InterruptedError("the server has another file now")
        else:
            received = 0
            _start_part(job.part, _PartInfo(job.url, etag))
        length = response.headers.get("Content-Length", "")
        _write(job, response, received, received + int(length) if length.isdecimal() else None)


def _write(job: _DownloadJob, response: Response, received: int, total: int | None) -> None:
    """Append the body to the partial file."""
    most = job.settings.most_bytes
    if (total or 0) > most:
        _delete_part(job.part)
        raise DownloadError(
            f"{job.url} has {total} bytes, more than the {most} that are taken: it is another file than this "
            "program knows; look for a newer version of Attune."
        )
    with _writing(job.part), job.part.open("ab") as file:
        job.on_progress(received, total)
        for chunk in _chunks(response):
            file.write(chunk)
            received += len(chunk)
            if received > (most if total is None else total):
                break
            job.on_progress(received, total)
            if time.monotonic() > job.give_up_at:
                raise DownloadError(
                    f"Fetching {job.url} took longer than {job.settings.whole_s:g} s ({received} bytes have "
                    "come): run the same command again, it goes on with them."
                )
        file.flush()
        os.fsync(file.fileno())
    if received > (most if total is None else total):
        _delete_part(job.part)
        raise DownloadError(f"{job.url} sent more than it should, {received} bytes: try again later.")
    if total is not None and received < total:
        raise _InterruptedError(_CLOSED)


@contextmanager
def _request(url: str, wanted: dict[str, str], answer_s: float) -> Iterator[Response]:
    """The server's response, its body not read yet."""
    import requests  # noqa: PLC0415 - only where something is fetched

    headers = {"User-Agent": "attune", "Accept-Encoding": "identity", **wanted}
    try:
        response = requests.get(url, headers=headers, stream=True, timeout=answer_s)
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
    with response:
        yield response


def _check_response(response: Response, url: str) -> None:
    """Raise for responses without the file."""
    status = response.status_code
    if status in (404, 410):
        raise DownloadError(
            f"There is nothing at {url} any more (HTTP {status}): look for a newer version of Attune."
        )
    if status not in (200, 206):
        raise DownloadError(f"{url} was refused (HTTP {status} {response.reason}): try again later.")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise DownloadError(
            f"A web page came instead of {url}: look whether this network wants you to sign in first."
        )


def _resumes(response: Response, received: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {received}-")


def _chunks(response: Response) -> Iterator[bytes]:
    """The body in pieces as they arrive, so that the time limit holds with a slow server."""
    from urllib3.exceptions import HTTPError, ReadTimeoutError  # noqa: PLC0415 - it comes with requests

    while True:
        try:
            chunk = response.raw.read1(_CHUNK_BYTES, decode_content=False)
        except ReadTimeoutError as error:
            raise _InterruptedError("nothing came any more") from error
        except (HTTPError, OSError) as error:
            raise _InterruptedError(_CLOSED) from error
        if not chunk:
            return
        yield chunk


def _start_part(part: Path, info: _PartInfo) -> None:
    """Start an empty partial file, resumable only with a strong ETag."""
    _delete_part(part)
    with _writing(part):
        if info.etag.startswith('"'):
            _info_file(part).write_text(json.dumps(asdict(info)), encoding="utf-8")
        part.touch()


def _part_info(job: _DownloadJob) -> _PartInfo | None:
    try:
        info = _PartInfo(**json.loads(_info_file(job.part).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return info if info.url == job.url and job.part.is_file() else None


def _delete_part(part: Path) -> None:
    with _writing(part):
        _info_file(part).unlink(missing_ok=True)
        part.unlink(missing_ok=True)


def _info_file(part: Path) -> Path:
    return named_after(part, ".json")


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
    """The root cause of a network error, in a few words."""
    while error.__context__ is not None or error.__cause__ is not None:
        error = error.__cause__ or error.__context__ or error
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(words).rstrip(".")
