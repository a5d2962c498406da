"""Published CSV tables as they are: columns with spaces and capitals, and cells that are no numbers."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from core.errors import DataError

Row = Mapping[str, str]
"""Cells by the plain name of their column."""


def plain(column: str) -> str:
    """The name of a column in lower case, with one underscore for each gap.

    Examples
    --------
    >>> plain(" valence_ max_mean"), plain("track id"), plain("Arousal(mean)")
    ('valence_max_mean', 'track_id', 'arousal_mean')
    """
    letters = "".join(letter if letter.isalnum() else " " for letter in column.lower())
    return "_".join(letters.split())


def read_table(path: Path) -> tuple[tuple[str, ...], list[Row]]:
    """Names of the columns, and the rows; a row of another length has only the cells that it has.

    Raises
    ------
    DataError
        The file cannot be read, is no CSV in UTF-8, or is empty.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.reader(lines, skipinitialspace=True)
            columns = tuple(plain(column) for column in next(reader, ()))
            rows: list[Row] = [
                dict(zip(columns, map(str.strip, cells), strict=False)) for cells in reader if any(cells)
            ]
    except OSError as error:
        raise DataError(f"The table {path} cannot be read ({error.strerror}): name a CSV.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"The table {path} is no CSV in UTF-8 ({error}): save it as that.") from error
    if not columns:
        raise DataError(f"The table {path} is empty: its first line must name the columns.")
    return columns, rows


def read_columns(path: Path) -> tuple[str, ...]:
    """Names of the columns alone; none where the file is no CSV."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            return tuple(plain(column) for column in next(csv.reader(lines, skipinitialspace=True), ()))
    except (OSError, UnicodeDecodeError, csv.Error):
        return ()


def number(cell: str | None) -> float | None:
    """The finite number in a cell; None where there is none."""
    try:
        value = float(cell or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
