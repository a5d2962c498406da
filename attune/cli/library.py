"""`attune library`: the user's own music, indexed for the local player, and playlists made of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from rich.progress import MofNCompleteColumn, TimeRemainingColumn

from attune.cli import console
from attune.cli.track_listing import track_listing
from attune.cli.track_options import key_name, span
from attune.engine.engine import Engine
from core import paths
from core.errors import MusicError
from core.settings import load_settings
from core.text import pluralize
from core.track_labels import genre_label
from models.mood.tagger import configured_tagger
from playback.library.m3u import write_m3u
from playback.library.plane_path import DEFAULT_LENGTH, LENGTHS, parse_place, path_between
from playback.library.playlists import lists_of
from playback.library.scan import Scanned
from playback.library.similar import similar_rows
from playback.library.track_filter import TrackFilter, wanted_rows
from playback.library.tracks import Library, TrackRow, forget_library, read_library

app = console.command_app()

_SCAN_AGAIN: Final = "run `attune library scan` once more, which hears what is missing"

M3uOption = Annotated[
    Path | None, typer.Option("--m3u", metavar="FILE", help="Write the playlist for other players, too.")
]


@app.command(
    epilog="**Examples**: `attune library scan ~/Music` · `attune library scan` · "
    "`attune library scan --retry ~/Music`"
)
def scan(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Where your music lies; by default the setting `music_folder`, or the last one.",
            readable=False,  # the scan says so better
        ),
    ] = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try files again that could not be read before.")
    ] = False,
    as_json: console.JsonFlag = False,
) -> None:
    """Hear what is new or changed in a folder; Ctrl-C stops, and the next time goes on there."""
    settings = load_settings(journal=False)
    folder = folder or settings.music_folder or read_library(paths.library_file()).folder
    if folder is None:
        raise MusicError("No music folder is known yet: name one, `attune library scan FOLDER`.")
    kept = "" if as_json else "Stopped: what was heard is kept, and the next scan goes on there."
    with (
        console.interruptible(kept),
        closing(Engine(settings)) as engine,
        console.progress(MofNCompleteColumn(), TimeRemainingColumn()) as progress,
    ):
        task = progress.add_task("Looking through the folder", total=None)
        done = engine.library.scan(
            folder,
            lambda done, total: progress.update(task, description="Hearing", completed=done, total=total),
            retry=retry,
        )
    if as_json:
        console.print_json(asdict(done) | {"folder": str(done.folder)})
    else:
        _print_scan(done)


@app.command(
    epilog="**Examples**: `attune library show` · `attune library show --tracks --csv` · "
    "`attune library show --tempo 90,120 --key 'A minor' --mood calm --genre jazz --energy -1,0`"
)
def show(
    tracks: Annotated[
        bool, typer.Option("--tracks", help="List the tracks; so does each of the next five.")
    ] = False,
    tempo: Annotated[
        str, typer.Option(metavar="LOW,HIGH", help="Only with a tempo from LOW to HIGH BPM.")
    ] = "",
    key: Annotated[list[str] | None, typer.Option(help="Only in this key, such as `C# minor`.")] = None,
    mood: Annotated[list[str] | None, typer.Option(help="Only where this mood leads.")] = None,
    genre: Annotated[list[str] | None, typer.Option(help="Only of this genre.")] = None,
    energy: Annotated[
        str, typer.Option(metavar="LOW,HIGH", help="Only with an energy from LOW to HIGH, -1 to 1.")
    ] = "",
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
) -> None:
    """Say which folder was indexed, which playlists it gives, and what is wrong with which files.

    With `--csv`, the playlists. With `--tracks` or a filter, the tracks that fit it.
    """
    wanted = TrackFilter(
        tempo_bpm=span("--tempo", tempo),
        keys=frozenset(key_name("--key", one) for one in key or ()),
        moods=frozenset(one.lower() for one in mood or ()),
        genres=frozenset(map(genre_label, genre or ())),
        energy=span("--energy", energy),
    )
    library = read_library(paths.library_file())
    if tracks or wanted != TrackFilter():
        rows = wanted_rows(_indexed(library).playable, wanted)
        console.print_data(track_listing(rows), as_json=as_json, as_csv=as_csv)
        if not rows and not (as_json or as_csv):
            console.note(_none_fits(library))
        return
    _show_playlists(library, as_json=as_json, as_csv=as_csv)


@app.command(
    epilog="**Examples**: `attune library like song.mp3` · "
    "`attune library like song.mp3 -n 30 --m3u like.m3u8`"
)
def like(
    file: Annotated[Path, typer.Argument(help="A sound file, of the library or not.", readable=False)],
    count: Annotated[int, typer.Option("-n", "--number", min=1, max=1000, help="How many tracks.")] = 10,
    m3u: M3uOption = None,
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
) -> None:
    """Find the tracks of your music that sound most like a file."""
    library = _indexed(read_library(paths.library_file()))
    path = file.expanduser().absolute()
    known = next((row.embedding for row in library.playable if row.path == path), None)
    if known is None:
        settings = load_settings()
        with console.interruptible():
            heard = configured_tagger(settings).embed(path, max_minutes=settings.max_file_minutes)
        if not heard.mood.has_music:
            raise MusicError(f"{file} holds no music, so nothing is like it: name a piece of music.")
        known = heard.mean.astype(np.float16)
    found = similar_rows(known, [row for row in library.playable if row.path != path], count)
    if not found:
        raise MusicError(f"No track of {library.folder} was compared: {_SCAN_AGAIN}.")
    _list_and_write([row for row, _ in found], m3u, [share for _, share in found], as_json, as_csv)


@app.command(
    epilog="**Examples**: `attune library path --from sad --to happy` · "
    "`attune library path --from -0.4,0.2 --to calm --length 20 --m3u evening.m3u8`"
)
def path(
    start: Annotated[
        str, typer.Option("--from", metavar="PLACE", help="Where it begins: an emotion, or `x,y`.")
    ],
    end: Annotated[str, typer.Option("--to", metavar="PLACE", help="Where it leads.")],
    length: Annotated[
        int, typer.Option("--length", min=LENGTHS[0], max=LENGTHS[1], help="How many tracks.")
    ] = DEFAULT_LENGTH,
    m3u: M3uOption = None,
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
) -> None:
    """Make a playlist that leads from one place on the plane to another.

    A place is the name of an emotion, or pleasantness and energy from -1 to 1, such as `-0.5,0.2`.
    """
    begin, goal = parse_place(start), parse_place(end)
    library = _indexed(read_library(paths.library_file()))
    rows = path_between(library.playable, begin, goal, length)
    if not rows:
        raise MusicError(f"The place of no track of {library.folder} is known: {_SCAN_AGAIN}.")
    if len(rows) < length:
        console.note(f"Only {pluralize(len(rows), 'track')} could be used: that is all whose place is known.")
    _list_and_write(rows, m3u, None, as_json, as_csv)


@app.command(epilog="**Examples**: `attune library forget` · `attune library forget --yes`")
def forget(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete what is known of your music on this machine; the music itself is not touched."""
    if not yes:
        typer.confirm("Forget all that was heard of your music? Your files stay.", abort=True)
    count = forget_library(paths.library_file())
    were = "was" if count == 1 else "were"
    console.say(f"{pluralize(count, 'file')} {were} forgotten; your music was not touched.")


def _show_playlists(library: Library, *, as_json: bool, as_csv: bool) -> None:
    lists = list(lists_of(library).playlists.values())
    fields = ("uri", "name", "tracks")
    records = [{name: getattr(one, name) for name in fields} for one in lists]
    problems = [row for row in library.rows if row.problem]
    faults = [row for row in library.rows if row.fault]
    if as_json:
        console.print_json(
            {
                "folder": str(library.folder) if library.folder is not None else None,
                "files": len(library.rows),
                "playable": len(library.playable),
                "hours": round(_hours(library), 2),
                "playlists": records,
                "problems": [{"file": str(row.path), "problem": row.problem} for row in problems],
                "faults": [{"file": str(row.path), "fault": row.fault} for row in faults],
            }
        )
        return
    rows = [(one.name, one.tracks, one.uri) for one in lists]
    table = console.DataTable(("playlist", "tracks", "address"), rows, fields, records)
    folder = str(_indexed(library).folder)
    if as_csv:
        console.print_data(table, as_csv=True)
        return
    unreadable = f", {pluralize(len(problems), 'file')} that cannot be read" if problems else ""
    tracks = f"{pluralize(len(library.playable), 'track')}, {_hours(library):.1f} hours{unreadable}."
    console.say(console.assemble((folder, "bold"), f": {tracks}"))
    console.print_data(table)
    for row in (*problems, *faults):
        console.note(f"{row.path}: {row.problem or row.fault}")


def _indexed(library: Library) -> Library:
    """The library, where there is one."""
    if library.folder is None:
        raise MusicError("No music folder was indexed yet: run `attune library scan FOLDER` with yours.")
    return library


def _none_fits(library: Library) -> str:
    if any(row.facts is not None for row in library.playable):
        return "No track fits: ask for less."
    return f"Of no track tempo, key and the like are known: {_SCAN_AGAIN}."


def _list_and_write(
    rows: Sequence[TrackRow],
    m3u: Path | None,
    similarities: Sequence[float] | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    console.print_data(track_listing(rows, similarities), as_json=as_json, as_csv=as_csv)
    if m3u is not None:
        write_m3u(rows, m3u)
        console.note(f"Wrote {pluralize(len(rows), 'track')} into {m3u}.", style="dim")


def _print_scan(done: Scanned) -> None:
    if done.notice:
        console.note(done.notice)
    for fault in done.faults:
        console.note(fault)
    counts = {
        "heard": done.heard - done.unreadable,
        "known already": done.unchanged,
        "known under another name": done.moved,
        "gone": done.removed,
        "unreadable (`attune library show` says why)": done.unreadable,
    }
    parts = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    console.say(f"{done.folder}: {pluralize(done.files, 'file')}; {parts}.")


def _hours(library: Library) -> float:
    return sum(row.duration_s or 0.0 for row in library.playable) / 3600.0
