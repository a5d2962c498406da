"""The terminal's commands for the user's own music: `attune library`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli_shared import JsonFlag, print_json
from core import paths
from core.errors import MusicError
from core.settings import load_settings
from core.words import counted
from engine import Engine
from playback.library import Library, forget_library, read_library
from playback.local_lists import lists_of
from playback.scan import Scanned

__all__ = ["add_commands", "library_app"]

library_app = typer.Typer(help="Your own music, indexed by mood for the local player.", no_args_is_help=True)

_out = Console(emoji=False)
_err = Console(stderr=True, emoji=False)


def add_commands(app: typer.Typer) -> None:
    """Add every command of this module to the program's."""
    app.add_typer(library_app, name="library")


@library_app.command(
    epilog="**Examples**: `attune library scan ~/Music` · `attune library scan` · "
    "`attune library scan --retry ~/Music`"
)
def scan(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Where your music lies; by default the setting `music_folder`, or the last one."),
    ] = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try files again that could not be read before.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Hear what is new or changed in a folder; Ctrl-C stops, and the next time goes on there."""
    settings = load_settings(journal=False)
    folder = folder or settings.music_folder or read_library(paths.library_file()).folder
    if folder is None:
        raise MusicError("No music folder is known yet: name one, `attune library scan FOLDER`.")
    engine = Engine(settings)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    try:
        with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as progress:
            task = progress.add_task("Looking through the folder", total=None)

            def tell(done: int, total: int) -> None:
                progress.update(task, description="Hearing", completed=done, total=total)

            done = engine.scan_library(folder, tell, retry=retry)
    except KeyboardInterrupt:
        if not as_json:
            _say(_err, "Stopped: what was heard is kept, and the next scan goes on there.")
        raise typer.Exit(130) from None
    finally:
        engine.close()
    if as_json:
        print_json(_plain_scan(done))
    else:
        _print_scan(done)


@library_app.command(epilog="**Examples**: `attune library show` · `attune library show --json`")
def show(as_json: JsonFlag = False) -> None:
    """Say which folder was indexed, which playlists it gives, and which files cannot be read."""
    library = read_library(paths.library_file())
    lists = lists_of(library).playlists.values()
    problems = [row for row in library.rows if row.problem]
    if as_json:
        print_json(
            {
                "folder": str(library.folder) if library.folder is not None else None,
                "files": len(library.rows),
                "playable": len(library.playable),
                "hours": round(_hours(library), 2),
                "playlists": [{"uri": one.uri, "name": one.name, "tracks": one.tracks} for one in lists],
                "problems": [{"file": str(row.path), "problem": row.problem} for row in problems],
            }
        )
        return
    if library.folder is None:
        raise MusicError("No music folder was indexed yet: run `attune library scan FOLDER` with yours.")
    _say(_out, f"[bold]{escape(_plain(library.folder))}[/]: {_tracks(library)}")
    table = Table("playlist", "tracks", "address")
    for one in lists:
        table.add_row(escape(one.name), str(one.tracks), escape(one.uri))
    _out.print(table)
    for row in problems:
        _say(_err, f"[yellow]{escape(_plain(row.path))}: {escape(row.problem)}[/]")


@library_app.command(epilog="**Examples**: `attune library forget` · `attune library forget --yes`")
def forget(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete what is known of your music on this machine; the music itself is not touched."""
    if not yes:
        typer.confirm("Forget all that was heard of your music? Your files stay.", abort=True)
    count = forget_library(paths.library_file())
    were = "was" if count == 1 else "were"
    _say(_out, f"{counted(count, 'file')} {were} forgotten; your music was not touched.")


def _print_scan(done: Scanned) -> None:
    if done.notice:
        _say(_err, f"[yellow]{escape(done.notice)}[/]")
    parts = [
        f"{count} {what}"
        for count, what in (
            (done.heard - done.unreadable, "heard"),
            (done.unchanged, "known already"),
            (done.moved, "known under another name"),
            (done.removed, "gone"),
            (done.unreadable, "unreadable (`attune library show` says why)"),
        )
        if count
    ]
    _say(_out, f"{escape(_plain(done.folder))}: {counted(done.files, 'file')}; {', '.join(parts)}.")


def _plain_scan(done: Scanned) -> dict[str, Any]:
    return asdict(done) | {"folder": _plain(done.folder)}


def _tracks(library: Library) -> str:
    unreadable = len(library.rows) - len(library.playable)
    beside = f", {counted(unreadable, 'file')} that cannot be read" if unreadable else ""
    return f"{counted(len(library.playable), 'track')}, {_hours(library):.1f} hours{beside}."


def _hours(library: Library) -> float:
    return sum(row.duration_s or 0.0 for row in library.playable) / 3600.0


def _plain(path: Path) -> str:
    """A path as text that a terminal may be given, whatever its bytes are."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in str(path))


def _say(console: Console, markup: str) -> None:
    console.print(markup, highlight=False, soft_wrap=True)
