"""`attune corrections`: what people corrected of what was said, listed and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from attune.cli import console
from attune.cli.journal import open_journal
from core.errors import JournalError
from core.text import pluralize
from models.resample import SAMPLE_RATE_HZ
from realtime.journal.corrections import CorrectionRow

app = console.command_app()

_NONE = "Nothing was corrected yet: the page Live has a button for it."
_FIELDS = (
    "id",
    "session_id",
    "from_clock",
    "to_clock",
    "from_s",
    "to_s",
    "said",
    "meant",
    "windows",
    "wall_time",
)


@app.command("list", epilog="**Examples**: `attune corrections list` · `attune corrections list --json`")
def list_corrections(as_json: console.JsonFlag = False, as_csv: console.CsvFlag = False) -> None:
    """List what was corrected, newest last.

    `learnt from` says whether your voice can learn from it: others than you may have spoken.
    """
    with open_journal() as journal:
        found = journal.corrections()
    if not (found or as_json or as_csv):
        console.say(_NONE)
        return
    records = [
        {name: getattr(row, name) for name in _FIELDS if hasattr(row, name)}
        | {
            "id": _id(row),
            "from_s": row.from_clock / SAMPLE_RATE_HZ,
            "to_s": row.to_clock / SAMPLE_RATE_HZ,
        }
        for row in found
    ]
    rows = [(_id(row), _moment(row), _said(row), _meant(row), row.windows > 0) for row in found]
    table = console.DataTable(("id", "corrected", "said", "was", "learnt from"), rows, _FIELDS, records)
    console.print_data(table, as_json=as_json, as_csv=as_csv)


@app.command(epilog="**Examples**: `attune corrections undo` · `attune corrections undo 3:128000 3:176000`")
def undo(
    which: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID",
            help="As `attune corrections list` says; without one, the newest.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Take corrections back: nothing of them is left, but for what your voice learnt.

    On the page Your voice it is fitted again without them.
    """
    with open_journal() as journal:
        wanted = _chosen(journal.corrections(), which or [])
        for row in wanted:
            journal.undo_correction(row.session_id, row.from_clock)
    for row in wanted:
        console.say(f"Taken back: {_moment(row)}, {_meant(row)}, not {_said(row)}.")


@app.command(epilog="**Examples**: `attune corrections clear` · `attune corrections clear --yes`")
def clear(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take all corrections back; what was recorded otherwise stays."""
    if not yes:
        typer.confirm("Take all corrections back for good?", abort=True)
    with open_journal() as journal:
        count = journal.clear_corrections()
    were = "was" if count == 1 else "were"
    console.say(f"{pluralize(count, 'correction')} {were} taken back." if count else _NONE)


def _chosen(known: Sequence[CorrectionRow], ids: Sequence[str]) -> list[CorrectionRow]:
    """The corrections of these ids, the newest without any; all of them are known before one is touched."""
    if not known:
        raise JournalError(_NONE)
    by_id = {_id(row): row for row in known}
    if not ids:
        return [known[-1]]
    for one in ids:
        if one not in by_id:
            raise JournalError(
                f"There is no correction {one!r}: `attune corrections list` says which there are."
            )
    return [by_id[one] for one in dict.fromkeys(ids)]


def _id(row: CorrectionRow) -> str:
    return f"{row.session_id}:{row.from_clock}"


def _moment(row: CorrectionRow) -> str:
    return f"{datetime.fromisoformat(row.wall_time).astimezone():%Y-%m-%d %H:%M}"


def _said(row: CorrectionRow) -> str:
    return row.said or "unsure"


def _meant(row: CorrectionRow) -> str:
    return row.meant or "just talking"
