"""Small text files that people edit, read by one set of rules; whatever is wrong with one is named."""

from __future__ import annotations

import codecs
import stat
import tomllib
from pathlib import Path
from typing import Any, Final

from core.errors import AttuneError

MAX_BYTES: Final = 1_000_000  # of one file

_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NULL: Final = b"\0"  # every other byte of English in UTF-16, where its mark is missing


def read_text_file(path: Path, *, what: str, error_type: type[AttuneError], advice: str = "") -> str | None:
    """Read a file; None where there is none.

    Parameters
    ----------
    path
        The file.
    what
        Beginning of the sentence on what is wrong: which file it is.
    error_type
        The error to raise.
    advice
        What to do; unset says how the file is mended.

    Raises
    ------
    AttuneError
        Of the given type: it is a folder or a device, may not be read, is too large, or no UTF-8.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "not a file"
            raise error_type(f"{what} is {kind}: {advice or 'rename or remove it'}.")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        mine = isinstance(error, PermissionError)
        remedy = advice or ("change its permissions" if mine else "rename or remove it")
        raise error_type(f"{what} cannot be read ({reason}): {remedy}.") from error
    return decode_text(content, what=what, error_type=error_type, advice=advice)


def decode_text(content: bytes, *, what: str, error_type: type[AttuneError], advice: str = "") -> str:
    """The text of such a file.

    Parameters
    ----------
    content
        Of the file; a mark of UTF-8 at its start, as editors of Windows write it, is left out.
    what, error_type, advice
        As in `read_text_file`.

    Raises
    ------
    AttuneError
        Of the given type: it is too large, or no UTF-8.
    """
    if len(content) > MAX_BYTES:
        raise error_type(f"{what} is larger than {MAX_BYTES:,} bytes: {advice or 'correct or remove it'}.")
    remedy = advice or "save it as UTF-8"
    if content.startswith(_UTF_16) or _NULL in content[:2]:
        raise error_type(f'{what} is UTF-16 text ("Unicode" in old editors of Windows): {remedy}.')
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise error_type(f"{what} is not UTF-8 text (line {line}): {remedy}.") from error


def parse_toml(text: str, *, what: str, error_type: type[AttuneError]) -> dict[str, Any]:
    """What a text says in TOML.

    Parameters
    ----------
    text
        Of the file.
    what, error_type
        As in `read_text_file`.

    Raises
    ------
    AttuneError
        Of the given type: it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise error_type(f"{what} is not TOML (nested too deep): correct it.") from error
    except ValueError as error:  # also a number with too many digits, which is no TOMLDecodeError
        reason = " ".join(str(error).split())
        raise error_type(f"{what} is not TOML ({reason}): correct it.") from error
