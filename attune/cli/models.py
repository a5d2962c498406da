"""`attune models`: which weight files there are, and how to fetch others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.progress import DownloadColumn, TimeRemainingColumn

from attune.cli import console
from core import paths
from core.errors import AttuneError, WeightsError
from models import assets
from models.runtime import load_session

app = console.command_app()


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


@app.command(name="list", epilog="**Examples**: `attune models list` · `attune models list --json`")
def list_command(as_json: console.JsonFlag = False, as_csv: console.CsvFlag = False) -> None:
    """List all weight files: version, size, licence, where they lie, and whether they are intact."""
    rows = [*map(_row, assets.assets()), *map(_fetched_row, assets.FETCHABLE)]
    cells = [
        (row.name, row.version, row.size_bytes and decimal(row.size_bytes), row.licence, row.state)
        for row in rows
    ]
    columns = ("name", "version", "size", "licence", "state")
    table = console.table_of(_Row, rows, columns, cells)
    console.print_data(table, as_json=as_json, as_csv=as_csv)
    if not (as_json or as_csv):
        _print_notes(rows)
    if any(row.state is State.UNUSABLE for row in rows):
        raise typer.Exit(1)


def _print_notes(rows: Sequence[_Row]) -> None:
    """Where they lie, what brings those that are absent, and what is wrong."""
    for folder in dict.fromkeys(str(Path(row.where).parent) for row in rows if row.where):
        names = ", ".join(row.name for row in rows if row.where and str(Path(row.where).parent) == folder)
        console.say(f"{names}: in {folder}", style="dim")
    for row in rows:
        if notes := _notes(row):
            console.say(f"{row.name}: {'; '.join(notes)}", style="dim")
        if row.problem:
            console.say_error(row.problem)


def _notes(row: _Row) -> list[str]:
    notes = ["for training alone"] if row.for_training else []
    return [*notes, f"`attune models fetch {row.name}` brings it"] if row.state is State.ABSENT else notes


@app.command(
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
    with (
        console.interruptible("Stopped: the same command goes on with what has come."),
        console.progress(DownloadColumn(), TimeRemainingColumn()) as progress,
    ):
        task = progress.add_task(f"Fetching {name}", total=None)
        done = _fetch(name, given, lambda done, total: progress.update(task, completed=done, total=total))
    _say_use(name, done)


def _fetch(name: Fetchable, given: Path | None, on_progress: Callable[[int, int | None], None]) -> str:
    """Fetch it, and say what there is now."""
    from models.fetch import fetch_pinned_file  # noqa: PLC0415 - only where something is fetched
    from models.mood.google_yamnet import fetch_google_yamnet  # noqa: PLC0415

    if name is Fetchable.YAMNET:
        path = fetch_google_yamnet(given=given, on_progress=on_progress)
        return f"Fetched {path}: it answers as the reference YAMNet does."
    path = fetch_pinned_file(name, given=given, on_progress=on_progress)
    return f"Fetched {path}: size and SHA-256 are those of {assets.PINNED_FILES[name].title}."


def _say_use(name: Fetchable, sentence: str) -> None:
    console.say(sentence)
    use = (
        "It is for training alone: the program itself never opens it."
        if name in assets.PINNED_FILES
        else f'To use it, write mood_backbone = "{name}" into {paths.settings_file()}, '
        f"or set ATTUNE_MOOD_BACKBONE={name}."
    )
    console.say(use)


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
        return replace(row, version=_version(path), where=str(path))
    except AttuneError as error:
        return replace(row, state=State.UNUSABLE, problem=str(error))


def _fetched_row(name: str) -> _Row:
    try:
        asset = assets.fetched_asset(name)
    except AttuneError as error:
        return _Row(name, State.UNUSABLE, problem=str(error))
    if asset is None:
        return _Row(name, State.ABSENT, for_training=name in assets.PINNED_FILES)
    return _row(asset)


def _version(path: Path) -> str:
    """Only graphs say it."""
    return load_session(path, threads=1).metadata.get("version", "") if path.suffix == ".onnx" else ""
