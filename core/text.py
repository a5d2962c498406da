"""Text for people: what a number is counted in, and text from outside made safe to show and to store."""

from __future__ import annotations

import re
from typing import Final

_SURROGATES: Final = "\ud800-\udfff"
_LONE: Final = re.compile(f"[{_SURROGATES}]")
_HIDDEN: Final = re.compile(  # control characters, breaks of lines, what turns the direction of a line
    f"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u206f{_SURROGATES}]"
)
_NAMED: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(text: str) -> str:
    r"""Text from outside as it may be shown: on one line, and nothing that a terminal or a page obeys.

    Control characters, what turns the direction of writing, and bytes that are no UTF-8 become visible
    escapes. Only for people: a path that has to be opened again, or a name to be found again, stays as it is.

    Parameters
    ----------
    text
        Such as a file's name, a title, the name of a device, a message of a server.

    Examples
    --------
    >>> printable("Echo\x1b[2J")
    'Echo\\x1b[2J'
    >>> printable("caf\udce9.mp3")
    'caf\\xe9.mp3'
    """
    return _HIDDEN.sub(_escape, text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines, which stay lines."""
    return "\n".join(map(printable, text.split("\n")))


def encodable(text: str) -> str:
    r"""Text as UTF-8 can hold it: lone surrogates become visible escapes, all else stays.

    For what is stored or sent and never opened again, such as JSON and the text columns of a database.

    Parameters
    ----------
    text
        Such as a file's name that is no UTF-8, as Python holds it.

    Examples
    --------
    >>> encodable("caf\udce9\n")
    'caf\\xe9\n'
    """
    return _LONE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python holds a byte that is no UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"


def percent(share: float) -> str:
    r"""A share, 0 to 1, without decimals; no line breaks before the sign.

    Examples
    --------
    >>> percent(0.816)
    '82\xa0%'
    """
    return f"{100.0 * share:.0f}\N{NO-BREAK SPACE}%"


def decimal(value: float, decimals: int = 1) -> str:
    """A number with at most so many decimals.

    Examples
    --------
    >>> decimal(4.0), decimal(0.25, 2)
    ('4', '0.25')
    """
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def pluralize(number: int, thing: str) -> str:
    """A number with its noun, whose plural ends in s.

    Parameters
    ----------
    number
        Of things.
    thing
        The noun in the singular.

    Examples
    --------
    >>> pluralize(1, "file"), pluralize(2, "file")
    ('1 file', '2 files')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
