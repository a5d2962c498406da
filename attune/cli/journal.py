"""`attune journal`: what was recorded, listed, exported or deleted."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from attune.cli import console
from core.errors import JournalError
from core.settings import load_settings
from realtime.journal import Journal, SessionRow

app = console.command_app()


@app.command(epilog="**Examples**: `attune journal sessions` · `attune journal sessions --json`")
def sessions(as_json: console.JsonFlag = False, as_csv: console.CsvFlag = False) -> None:
    """List what was recorded, newest last; moments are in ISO 8601 and UTC."""
    with open_journal() as journal:
        found = journal.sessions()
    columns = ("session", "started", "ended", "source", "model")
    rows = [(row.id, row.started_at, row.ended_at, row.source_name, row.model) for row in found]
    table = console.table_of(SessionRow, found, columns, rows)
    console.print_data(table, as_json=as_json, as_csv=as_csv)


@app.command(
    epilog="**Examples**: `attune journal export decisions.csv` · "
    "`attune journal export one.parquet --session 3 --overwrite` · `attune journal export - | less`",
)
def export(
    file: Annotated[str, typer.Argument(help="Where to write: `.csv`, `.parquet`, or `-` to print CSV.")],
    session: Annotated[int | None, typer.Option(help="Only this session.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Write all decisions to a table."""
    with open_journal() as journal:
        if file == "-":
            _print_export(journal, session)
            return
        match Path(file).suffix.lower():
            case ".csv":
                journal.export_csv(Path(file), session, overwrite=overwrite)
            case ".parquet":
                journal.export_parquet(Path(file), session, overwrite=overwrite)
            case _:
                raise JournalError(f"{file!r} is neither .csv nor .parquet: name such a file, or `-`.")
    console.say(f"Wrote {file}.")


def _print_export(journal: Journal, session: int | None) -> None:
    with tempfile.TemporaryDirectory(prefix="attune-") as folder:
        table = Path(folder, "journal.csv")
        journal.export_csv(table, session)
        with table.open(encoding="utf-8", newline="") as lines:
            sys.stdout.writelines(lines)
        sys.stdout.flush()


@app.command(epilog="**Examples**: `attune journal clear` · `attune journal clear --yes`")
def clear(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete all sessions from the journal."""
    if not yes:
        typer.confirm("Delete all recorded sessions for good?", abort=True)
    with open_journal() as journal:
        journal.delete_all()
    console.say("The journal is empty.")


def open_journal() -> Journal:
    """The journal of this profile, whether a program writes to it or not."""
    settings = load_settings()
    return Journal(settings.journal_path, retention_days=settings.retention_days)
