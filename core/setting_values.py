"""What values of settings are turned into, and which texts are refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator

from core import paths

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_CLIENT_ID: Final = re.compile("[0-9a-f]{32}", re.IGNORECASE)
_HOST: Final = re.compile(r"[\w.:%-]*")
_TOPIC: Final = re.compile("[^/+#\\0]+(/[^/+#\\0]+)*")


def _expand_home(given: object) -> object:
    """Replace `~` by the home folder, as a shell does; a name that is no UTF-8 is a path as well."""
    if not isinstance(given, str | Path):
        return given
    if "\0" in str(given):
        raise ValueError("no path has a null character")
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise ValueError(str(error)) from error


def _find_fetched(given: object) -> object:
    """Replace the name `yamnet` by the fetched file; a file of the user's of that name is `./yamnet`."""
    return _expand_home(paths.weights_dir() / f"{given}.onnx" if given == "yamnet" else given)


def _check_client_id(given: str) -> str:
    if given and not _CLIENT_ID.fullmatch(given):
        raise ValueError("a client id has 32 hexadecimal digits")
    return given.lower()


def _check_address(address: str) -> str:
    """Require encryption, because tokens are sent there."""
    parts = urlsplit(address)
    if not parts.hostname or not (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    ):
        raise ValueError("it must begin with https://, or be an http:// address of this machine")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("it must be a plain address, without name, query or fragment")
    return address.rstrip("/")


def _check_host(given: str) -> str:
    if not _HOST.fullmatch(host := given.strip()):
        raise ValueError("it is a host name or an address, without mqtt:// before it")
    return host


def _check_topic(given: str) -> str:
    if not _TOPIC.fullmatch(given):
        raise ValueError("it is the beginning of an MQTT topic, without + and #")
    return given


FilePath = Annotated[Path, BeforeValidator(_expand_home)]
OptionalPath = Annotated[Path | None, BeforeValidator(_expand_home)]
FetchedPath = Annotated[Path | None, BeforeValidator(_find_fetched)]
"""An ONNX file, or the name of fetched weights."""
ClientId = Annotated[str, AfterValidator(_check_client_id)]
WebAddress = Annotated[str, AfterValidator(_check_address)]
HostName = Annotated[str, AfterValidator(_check_host)]
Topic = Annotated[str, AfterValidator(_check_topic)]
