"""Redaction of secrets (tokens, codes, passwords) in texts that are logged."""

from __future__ import annotations

import re
from typing import Final

REDACTED: Final = "[secret]"  # replaces a secret

_VALUE: Final = r"[\w.~+/%=-]"
_KEY_NAMES: Final = "access_?token|refresh_?token|id_?token|client_?secret|code_?verifier"
# Also names of harmless things, such as an exit code: secret only where a long value follows.
_MAYBE_NAMES: Final = "code|token|password|api_?key"
_WORD_START: Final = "(?:(?<![a-z_])|(?<=%3F)|(?<=%26))"
_EQUALS: Final = r"""(?:\\?["']?\s*(?:=|:|%3D)\s*[bu]?\\?["']?|["']\s*,\s*[bu]?["'])"""

_RULES: Final = (
    # Whole headers of any scheme, up to the end of the quotes or the line.
    (re.compile(rf"((?:proxy-)?authorization{_EQUALS})[^\r\n\"']+", re.IGNORECASE), rf"\1{REDACTED}"),
    (re.compile(rf"\b(bearer(?:\s+|%20|\+)){_VALUE}{{8,}}", re.IGNORECASE), rf"\1{REDACTED}"),
    (re.compile(rf"((?:{_KEY_NAMES}){_EQUALS}){_VALUE}{{4,}}", re.IGNORECASE), rf"\1{REDACTED}"),
    (
        re.compile(rf"{_WORD_START}((?:{_MAYBE_NAMES}){_EQUALS}){_VALUE}{{16,}}", re.IGNORECASE),
        rf"\1{REDACTED}",
    ),
    (re.compile(rf"([?&]state=){_VALUE}{{16,}}"), rf"\1{REDACTED}"),
    # Spotify's tokens and codes by their form, anywhere.
    (re.compile(r"(?<![A-Za-z0-9_-])(?:AQ|BQ)[A-Za-z0-9_-]{30,}"), REDACTED),
)


def redact(text: str) -> str:
    """Replace the secrets in a text.

    Parameters
    ----------
    text
        A log line, the text of an exception, a traceback, an address.

    Returns
    -------
    text
        With `REDACTED` instead of bearer, access and refresh tokens, authorisation headers and codes, code
        verifiers and passwords that are named as such, or have the form of Spotify's.

    Examples
    --------
    >>> redact("POST grant_type=refresh_token&refresh_token=AQD3x1&client_id=0123")
    'POST grant_type=refresh_token&refresh_token=[secret]&client_id=0123'
    """
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
