"""The terminal's commands for weight files: `attune models`."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
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
    WHISPER = "whisper"


class State(StrEnum):
    """How a weight file is."""

    INTACT = "intact"
    ABSENT = "not fetched"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class _Row:
    """One weight file in the list.

    `problem` is a sentence on what is wrong with it; `for_training` says that training alone uses it.
    """

    name: str
    state: State
    version: str = ""
    size_bytes: int | None = None
    licence: str = ""
    source: str = ""
    where: str = ""
    problem: str = ""
    for_training: bool = False


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
        if notes := _notes(row):
            _out.print(f"[dim]{escape(row.name)}: {'; '.join(notes)}[/]", highlight=False, soft_wrap=True)
        if row.problem:
            _err.print(f"[bold red]Error:[/] {escape(row.problem)}", highlight=False, soft_wrap=True)


def _notes(row: _Row) -> list[str]:
    notes = ["for training alone"] if row.for_training else []
    return [*notes, f"`attune models fetch {row.name}` brings it"] if row.state is State.ABSENT else notes


@models_app.command(
    name="fetch",
    epilog="**Examples**: `attune models fetch yamnet` · `attune models fetch yamnet --force` · "
    "`attune models fetch whisper --from model.bin`",
)
def fetch_command(
    name: Annotated[Fetchable, typer.Argument(help="What to fetch: yamnet or whisper.", metavar="NAME")],
    force: Annotated[bool, typer.Option("--force", help="Fetch it again even if it is there.")] = False,
    given: Annotated[
        Path | None, typer.Option("--from", help="Take this file instead of the public address.")
    ] = None,
) -> None:
    """Fetch weights of others. Ctrl-C stops; the same command goes on.

    - yamnet: Google's own YAMNet (15 MB), to use it instead of the embedded student
    - whisper: Whisper base (145 MB), the teacher of the emotion model's encoder, for training alone
    """
    if not force and given is None and _is_there(name):
        _say_use(name, f"{name} is there already; --force fetches it again.")
        return
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    try:
        with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as progress:
            task = progress.add_task(f"Fetching {name}", total=None)
            said = _fetch(name, given, lambda done, total: progress.update(task, completed=done, total=total))
    except KeyboardInterrupt:
        _err.print("Stopped: the same command goes on with what has come.", highlight=False)
        raise typer.Exit(130) from None
    _say_use(name, said)


def _fetch(name: Fetchable, given: Path | None, on_progress: Callable[[int, int | None], None]) -> str:
    """Fetch it, and say what there is now."""
    from models.fetch import fetch_pinned  # noqa: PLC0415 - only where something is fetched
    from models.mood.official import fetch_official  # noqa: PLC0415

    if name is Fetchable.YAMNET:
        path = fetch_official(given=given, on_progress=on_progress)
        return f"Fetched {path}: it answers as the reference YAMNet does."
    path = fetch_pinned(name, given=given, on_progress=on_progress)
    return f"Fetched {path}: size and SHA-256 are those of {assets.PINNED[name].title}."


def _say_use(name: Fetchable, sentence: str) -> None:
    _out.print(escape(sentence), highlight=False, soft_wrap=True)
    use = (
        "It is for training alone: the program itself never opens it."
        if name in assets.PINNED
        else f'To use it, write mood_backbone = "{name}" into {paths.settings_file()}, '
        f"or set ATTUNE_MOOD_BACKBONE={name}."
    )
    _out.print(escape(use), highlight=False, soft_wrap=True)


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
        for_training=asset.for_training,
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
    if asset is None:
        return _Row(name, State.ABSENT, for_training=name in assets.PINNED)
    return _row(asset)


def _version(asset: assets.Asset, path: Path) -> str:
    """Graphs of ours say it; those of a package have the package's."""
    if asset.package is not None:
        return importlib.metadata.version(asset.package)
    return load_session(path, threads=1).metadata.get("version", "") if path.suffix == ".onnx" else ""
