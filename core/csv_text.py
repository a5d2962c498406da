"""CSV for people: the one place where it is written, so that no spreadsheet calculates a text."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import Any, Final, TextIO

from core.text import printable

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write_csv_rows(file: TextIO, rows: Iterable[Sequence[Any]]) -> None:
    r"""Write rows: numbers as they are, nothing for None.

    Titles, names and notes come from outside, and a spreadsheet takes a text that begins with ``=``, ``+``,
    ``-`` or ``@`` for a formula: it gets an apostrophe before it, by which the spreadsheet knows it for text.

    Parameters
    ----------
    file
        Opened with ``newline=""``.
    rows
        Of cells: text, numbers or None.

    Examples
    --------
    >>> import sys
    >>> write_csv_rows(sys.stdout, [("=1+1", -1.5, None)])
    '=1+1,-1.5,
    """
    csv.writer(file, lineterminator="\n").writerows(map(_cell, row) for row in rows)


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if "\r" in value:  # the writer leaves it unquoted, and for others it ends a row
        value = printable(value)
    return f"'{value}" if value.startswith(_FORMULA) else value
