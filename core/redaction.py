"""Owns what is secret in a text: tokens, codes and passwords are blotted out of whatever is logged."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["BLOT", "redact"]

BLOT: Final = "[secret]"
"""What stands in a secret's place."""

_VALUE: Final = r"[\w.~+/%=-]"
_NAMES: Final = "access_?token|refresh_?token|id_?token|client_?secret|code_?verifier"
# Words that stand for harmless things, too (an exit code): secret only where a long value follows.
_DOUBTFUL: Final = "code|token|password|api_?key"
_BEGINS: Final = "(?:(?<![a-z_])|(?<=%3F)|(?<=%26))"
_IS: Final = r"""(?:\\?["']?\s*(?:=|:|%3D)\s*[bu]?\\?["']?|["']\s*,\s*[bu]?["'])"""

_RULES: Final = (
    # Whole headers, whatever the scheme; the value ends where its quotes or its line do.
    (re.compile(rf"((?:proxy-)?authorization{_IS})[^\r\n\"']+", re.IGNORECASE), rf"\1{BLOT}"),
    (re.compile(rf"\b(bearer(?:\s+|%20|\+)){_VALUE}{{8,}}", re.IGNORECASE), rf"\1{BLOT}"),
    (re.compile(rf"((?:{_NAMES}){_IS}){_VALUE}{{4,}}", re.IGNORECASE), rf"\1{BLOT}"),
    (re.compile(rf"{_BEGINS}((?:{_DOUBTFUL}){_IS}){_VALUE}{{16,}}", re.IGNORECASE), rf"\1{BLOT}"),
    (re.compile(rf"([?&]state=){_VALUE}{{16,}}"), rf"\1{BLOT}"),
    # Spotify's own tokens and codes by their looks, wherever they stand.
    (re.compile(r"(?<![A-Za-z0-9_-])(?:AQ|BQ)[A-Za-z0-9_-]{30,}"), BLOT),
)


def redact(text: str) -> str:
    """Blot out what is secret in a text.

    Parameters
    ----------
    text
        A log line, the text of an exception, a traceback, an address.

    Returns
    -------
    text
        The same with `BLOT` for every bearer token, access or refresh token, authorisation header,
        authorisation code, code verifier, and password that is named as such or looks like one of Spotify.

    Examples
    --------
    >>> redact("POST grant_type=refresh_token&refresh_token=AQD3x1&client_id=0123")
    'POST grant_type=refresh_token&refresh_token=[secret]&client_id=0123'
    """
    for pattern, blotted in _RULES:
        text = pattern.sub(blotted, text)
    return text
