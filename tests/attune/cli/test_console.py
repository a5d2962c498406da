"""What commands print with: whatever a text from outside holds, it orders the terminal nothing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pytest
from rich.text import Text

from attune.cli import console

NAME = "Echo\x1b[2J\r\nline\t\x9b\u202e\udce9[red]"
SHOWN = r"Echo\x1b[2J\r\nline\t\x9b\u202e\xe9[red]"


@pytest.mark.parametrize(
    "show",
    [
        lambda: console.say(NAME),
        lambda: console.say(console.assemble((NAME, "bold"), Text(": "), NAME)),
        lambda: console.note(NAME),
        lambda: console.say_error(NAME),
        lambda: console.print_table(("name",), [(NAME,)], title=NAME),
    ],
)
def test_a_text_from_outside_is_shown_on_one_line(
    capsys: pytest.CaptureFixture[str], show: Callable[[], None]
) -> None:
    show()
    captured = capsys.readouterr()
    assert SHOWN in captured.out + captured.err


def test_what_is_not_printed_by_us_is_shown_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    console.out.print(Text("a\x1b[2J\udce9"), markup=False)
    assert capsys.readouterr().out == "a\\x1b[2J\\xe9\n"


def test_programs_get_text_that_they_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_json({NAME: [NAME, (NAME,)]})
    out = capsys.readouterr().out
    name = NAME.replace("\udce9", "\\xe9")
    assert json.loads(out) == {name: [name, [name]]}
    assert out.isascii()
    console.print_csv([("name",), (NAME,)])
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [["name"], [SHOWN]]
