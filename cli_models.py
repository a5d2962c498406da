"""The terminal's commands for weight files: `attune models`."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli_shared import JsonFlag, print_json
from core import paths
from core.errors import AttuneError, WeightsError
from models import assets
from models.runtime import load_session

__all__ = ["add_commands", "models_app"]

models_app = typer.Typer(help="Which weights there are; fetch others.", no_args_is_help=True)

_out = Console()
_err = Console(stderr=True)


class Fetchable(StrEnum):
    """What can be fetched; the names of `assets.FETCHABLE`."""

    YAMNET = "yamnet"


class State(StrEnum):
    """How a weight file is."""

    INTACT = "intact"
    ABSENT = "not fetched"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class _Row:
    """One weight file in the list; `problem` is a sentence on what is wrong with it."""

    name: str
    state: State
    version: str = ""
    size_bytes: int | None = None
    licence: str = ""
    source: str = ""
    where: str = ""
    problem: str = ""


def add_commands(app: typer.Typer) -> None:
    """Add every command of this module to the program's."""
    app.add_typer(models_app, name="models")


@models_app.command(name="list", epilog="**Examples**: `attune models list` · `attune models list --json`")
def list_command(as_json: JsonFlag = False) -> None:
    """List all weight files: version, size, licence, where they lie, and whether they are intact."""
    rows = [*map(_row, assets.assets()), *map(_fetched_row, assets.FETCHABLE)]
    if as_json:
        print_json([asdict(row) for row in rows])
    else:
        _print_rows(rows)
    if any(row.state is State.UNUSABLE for row in rows):
        raise typer.Exit(1)


def _print_rows(rows: Sequence[_Row]) -> None:
    table = Table("name", "version", "size", "licence", "state")
    for row in rows:
        size = "" if row.size_bytes is None else decimal(row.size_bytes)
        table.add_row(*map(escape, (row.name, row.version, size, row.licence, row.state)))
    _out.print(table)
    for folder in dict.fromkeys(str(Path(row.where).parent) for row in rows if row.where):
        names = ", ".join(row.name for row in rows if row.where and str(Path(row.where).parent) == folder)
        _out.print(f"[dim]{escape(names)}: in {escape(folder)}[/]", highlight=False, soft_wrap=True)
    for row in rows:
        if row.state is State.ABSENT:
            _out.print(
                f"[dim]{row.name}: `attune models fetch {row.name}` brings it[/]",
                highlight=False,
                soft_wrap=True,
            )
        elif row.problem:
            _err.print(f"[bold red]Error:[/] {escape(row.problem)}", highlight=False, soft_wrap=True)


@models_app.command(
    name="fetch", epilog="**Examples**: `attune models fetch yamnet` · `attune models fetch yamnet --force`"
)
def fetch_command(
    name: Annotated[Fetchable, typer.Argument(help="What to fetch.", metavar="NAME")],
    force: Annotated[bool, typer.Option("--force", help="Fetch it again even if it is there.")] = False,
) -> None:
    """Fetch Google's own YAMNet (15 MB), to use it instead of the embedded student. Ctrl-C stops."""
    from models.mood.official import fetch_official  # noqa: PLC0415 - only where something is fetched

    if not force and _is_there(name):
        _say_use(name, f"{name} is there already; --force fetches it again.")
        return
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    try:
        with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as progress:
            task = progress.add_task(f"Fetching {name}", total=None)
            path = fetch_official(
                on_progress=lambda done, total: progress.update(task, completed=done, total=total)
            )
    except KeyboardInterrupt:
        _err.print("Stopped: the same command goes on with what has come.", highlight=False)
        raise typer.Exit(130) from None
    _say_use(name, f"Fetched {path}: it answers as the reference YAMNet does.")


def _say_use(name: str, sentence: str) -> None:
    _out.print(escape(sentence), highlight=False, soft_wrap=True)
    _out.print(
        f'To use it, write mood_backbone = "{name}" into {escape(str(paths.settings_file()))}, '
        f"or set ATTUNE_MOOD_BACKBONE={name}.",
        highlight=False,
        soft_wrap=True,
    )


def _is_there(name: str) -> bool:
    try:
        assets.locate(name)
    except WeightsError:
        return False
    return True


def _row(asset: assets.Asset) -> _Row:
    row = _Row(
        asset.name,
        State.INTACT,
        size_bytes=asset.size_bytes,
        licence=asset.licence,
        source=asset.source,
    )
    try:
        path = assets.locate(asset.name)
        return replace(row, version=_version(asset, path), where=str(path))
    except AttuneError as error:
        return replace(row, state=State.UNUSABLE, problem=str(error))


def _fetched_row(name: str) -> _Row:
    try:
        asset = assets.fetched(name)
    except AttuneError as error:
        return _Row(name, State.UNUSABLE, problem=str(error))
    return _Row(name, State.ABSENT) if asset is None else _row(asset)


def _version(asset: assets.Asset, path: Path) -> str:
    """Graphs of ours say it; those of a package have the package's."""
    if asset.package is not None:
        return importlib.metadata.version(asset.package)
    return load_session(path, threads=1).metadata.get("version", "") if path.suffix == ".onnx" else ""
