"""Files that clients send: in memory, never from a path of theirs, with a name that is safe to show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final

from fastapi import UploadFile

from attune.api.limits import MEGABYTE, ServerLimits
from attune.api.problems import HttpProblem
from core.text import printable

_MAX_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a request."""

    name: str  # printable, without folders, at most 200 characters; says nothing on this machine's disk
    content: bytes


async def read_upload(file: UploadFile, limits: ServerLimits) -> Upload:
    """Read an uploaded file, and let go of it.

    The body of the request was bounded while it came in (`attune/api/body_limits.py`).

    Raises
    ------
    HttpProblem
        413: the file is larger than `limits.max_upload_bytes`. 422: it is empty.
    """
    name = file_name(file.filename)
    try:
        content = await file.read(limits.max_upload_bytes + 1)
    finally:
        await file.close()
    if len(content) > limits.max_upload_bytes:
        allowed = f"{limits.max_upload_bytes / MEGABYTE:g} MB"
        raise HttpProblem(413, f"{name} is larger than the {allowed} that are taken: send a shorter file.")
    if not content:
        raise HttpProblem(422, f"{name} is empty: send a sound file.")
    return Upload(name, content)


def file_name(name: str | None) -> str:
    r"""The last part of a client's file name, as it can be shown.

    Examples
    --------
    >>> file_name("../../etc/passwd"), file_name("C:\\music\\song.mp3"), file_name("")
    ('passwd', 'song.mp3', 'upload')
    """
    last = PurePosixPath(PureWindowsPath(name or "").name).name
    return printable(last)[-_MAX_NAME:] or "upload"
