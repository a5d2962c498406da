"""CSV for people: text from outside is no formula, whoever writes the table, and numbers stay numbers."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.cli import console
from core.csv_text import write_csv_rows

CELLS = st.one_of(st.text(max_size=8), st.integers(), st.floats(allow_nan=False), st.none())


def written(*rows: tuple[object, ...]) -> list[list[str]]:
    file = io.StringIO(newline="")
    write_csv_rows(file, rows)
    return list(csv.reader(io.StringIO(file.getvalue(), newline="")))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_text_that_a_spreadsheet_would_calculate_is_shielded(start: str) -> None:
    text = f'{start}HYPERLINK("http://x", "y")'
    assert written((text, f"a{text}")) == [[f"'{text}", f"a{text}"]]


def test_a_carriage_return_is_shown() -> None:
    assert written(("\r=1", "a\rb", "a\nb")) == [[r"\r=1", r"a\rb", "a\nb"]]


def test_numbers_stay_numbers() -> None:
    assert written((-1.5, -3, 0.25, None)) == [["-1.5", "-3", "0.25", ""]]


@given(st.lists(CELLS, min_size=1, max_size=4))
def test_no_text_begins_a_formula_and_every_row_is_one(row: list[object]) -> None:
    (cells,) = written(
        tuple(row),
    )
    for value, cell in zip(row, cells, strict=True):
        if isinstance(value, str):
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
            assert cell in (value, f"'{value}") or "\r" in value
        else:
            assert cell == ("" if value is None else str(value))


def test_what_commands_print_is_shielded_too(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_csv([("title", "gain"), ("=1+1", -1), ("\t=1", 2)])
    assert capsys.readouterr().out == "title,gain\n'=1+1,-1\n\\t=1,2\n"
