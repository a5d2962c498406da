"""Files by path or URL, on disks and in object stores (fsspec), and what is wrong with them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import fsspec
from fsspec.core import url_to_fs

from attune.catalog.schema import ErrorKind
from core.errors import CatalogError
from core.text import printable

MOST_MB: Final = 500
"""The largest file that is fetched into memory, in MB; files on disks are read piece by piece."""

# What storages call the change of a file; the first that is there tells one version from another.
_VERSIONS: Final = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated")
# Errors of libraries that may not be there, by the names of their classes.
_CREDENTIALS: Final = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"}
    | {"TokenRetrievalError", "SSOError", "DefaultCredentialsError", "ClientAuthenticationError"}
)
_UNREACHABLE: Final = frozenset(
    {"EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"}
    | {"ClientConnectorError", "ClientConnectionError", "ServerTimeoutError", "ServerDisconnectedError"}
    | {"ClientConnectorDNSError", "HTTPClientError", "FSTimeoutError", "ProxyConnectionError"}
)
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM})


@dataclass(frozen=True, slots=True)
class _Fault:
    """What can be wrong with a storage."""

    is_meant: Callable[[Exception, set[str]], bool]  # by an error, with the classes of it and its causes
    sentence: str
    kind: ErrorKind = ErrorKind.STORAGE


# The first that is meant counts.
_FAULTS: Final = (
    _Fault(
        lambda error, _: isinstance(error, ImportError),
        "{name} is in a storage whose library is missing ({reason}): install it.",
    ),
    _Fault(
        lambda _, names: bool(names & _CREDENTIALS),
        "{name} needs credentials and none are usable ({reason}): set them as for the tools of that storage, "
        "such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a profile for s3; for what is public set "
        """FSSPEC_{scheme}='{{"anon": true}}'.""",
    ),
    # Before what is missing: of a server that is gone, files are said to be missing.
    _Fault(
        lambda error, names: bool(names & _UNREACHABLE) or isinstance(error, ConnectionError | TimeoutError),
        "The storage of {name} cannot be reached ({reason}): check the network and the address.",
    ),
    _Fault(
        lambda error, _: isinstance(error, FileNotFoundError | NotADirectoryError),
        "There is no {name}: check the name.",
        ErrorKind.MISSING,
    ),
    _Fault(
        lambda error, _: isinstance(error, PermissionError) or getattr(error, "errno", None) in _REFUSED,
        "{name} may not be read ({reason}): check its permissions, and the credentials in use.",
    ),
    _Fault(
        lambda error, _: isinstance(error, ValueError) and "rotocol" in str(error),
        "{name} is in a storage of an unknown kind: use s3://, gs://, abfs://, https:// or a path.",
    ),
    _Fault(lambda _error, _names: True, "{name} cannot be read ({reason}): try again."),
)

Answer = TypeVar("Answer")


class StorageError(CatalogError):
    """A file or a folder cannot be had from where it is stored; `kind` says whether another try may help."""

    def __init__(self, message: str, kind: ErrorKind) -> None:
        super().__init__(message)
        self.kind = kind


def is_remote(location: str) -> bool:
    """Whether it is a URL, not a path."""
    scheme, separator, _ = location.partition("://")
    return bool(separator) and scheme.isascii() and scheme.replace("+", "").isalnum() and scheme != "file"


def local_path(location: str) -> Path:
    """The path of what is not remote."""
    return Path(location.removeprefix("file://"))


def file_system(location: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it.

    Listings are not kept, since they would fill the memory.

    Raises
    ------
    StorageError
        The kind of storage is unknown, needs a library that is missing, or cannot be opened.
    """

    def opened() -> tuple[Any, str]:
        system, path = url_to_fs(location, use_listings_cache=False)
        return system, path

    return attempt(location, opened)


def version_of(facts: Mapping[str, Any]) -> str:
    """Text that changes whenever a file does, of what its storage says of it; empty where that is nothing."""
    mark = next((facts[name] for name in _VERSIONS if facts.get(name)), None)
    if mark is None:
        return ""
    return f"{facts.get('size') or 0} {str(mark).strip(chr(34))}"


def version_of_path(path: str | os.DirEntry[str]) -> tuple[str, int | None]:
    """The same of a file on a disk, and its size in bytes; empty and None where there is none."""
    try:
        status = path.stat() if isinstance(path, os.DirEntry) else os.stat(path)  # noqa: PTH116 - of a text
    except (OSError, ValueError):
        return "", None
    return f"{status.st_size} {status.st_mtime_ns}", status.st_size


def fetch(location: str) -> Path | bytes:
    """What a sound is decoded from: its path where it is on a disk, else its content.

    Raises
    ------
    StorageError
        It is not there, too large, or cannot be fetched.
    """
    if not is_remote(location):
        path = local_path(location)
        attempt(location, path.stat)
        return path
    system, inside = file_system(location)

    def content() -> bytes:
        limit = MOST_MB * 1_000_000
        with system.open(inside, "rb", cache_type="readahead") as file:
            found: bytes = file.read(limit + 1)
        if len(found) > limit:
            raise StorageError(
                f"{printable(location)} is larger than {MOST_MB} MB: store it compressed, or in parts.",
                ErrorKind.SOUND,
            )
        return found

    return attempt(location, content)


def check_reachable(location: str) -> None:
    """Make sure that the storage of a file answers; whether the file is there does not matter.

    Raises
    ------
    StorageError
        It does not, or wants other credentials.
    """
    system, inside = file_system(location)
    try:
        attempt(location, lambda: system.info(inside))
    except StorageError as error:
        if error.kind is not ErrorKind.MISSING:
            raise


def attempt(location: str, action: Callable[[], Answer]) -> Answer:
    """Do something with a storage, and turn what goes wrong into one sentence.

    Parameters
    ----------
    location
        What the sentence names.
    action
        Does it.

    Raises
    ------
    StorageError
        In place of the exceptions of the storage's library.
    """
    try:
        return action()
    except StorageError:
        raise
    except Exception as error:  # each library has exceptions of its own
        raise StorageError(*_described(printable(location), error)) from error


def _described(name: str, error: Exception) -> tuple[str, ErrorKind]:
    """One sentence on an error, and its kind."""
    names = {kind.__name__ for cause in _chain(error) for kind in type(cause).__mro__}
    fault = next(fault for fault in _FAULTS if fault.is_meant(error, names))
    scheme = name.partition("://")[0].upper()
    return fault.sentence.format(name=name, reason=_reason(error), scheme=scheme), fault.kind


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return printable(str(text).strip().splitlines()[0].rstrip("."))[:300]


def open_text(location: str) -> Any:
    """Open a file of text in UTF-8, with or without its mark, to be read line by line.

    Raises
    ------
    StorageError
        It cannot be opened.
    """
    return attempt(location, lambda: fsspec.open(location, "rt", encoding="utf-8-sig", newline="").open())
