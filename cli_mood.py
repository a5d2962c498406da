"""The terminal's command for the mood of music: `attune mood`."""

from __future__ import annotations

import csv
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from cli_shared import JsonFlag, print_json
from core.errors import AttuneError, AudioDecodeError
from core.settings import Settings, load_settings
from models.audio import SUPPORTED_SUFFIXES
from models.mood.file_tags import write_moods
from models.mood.groups import MOODS
from models.mood.result import CSV_COLUMNS, MoodResult, csv_rows, plain, present, ranked
from models.mood.tagger import MoodTagger, load_tagger

__all__ = ["add_commands"]

_out = Console(emoji=False)
_err = Console(stderr=True, emoji=False)
_MOOD_WIDTH: Final = max(map(len, MOODS))


class Device(StrEnum):
    """What the network runs on."""

    CPU = "cpu"
    CUDA = "cuda"


def add_commands(app: typer.Typer) -> None:
    """Add every command of this module to the program's."""
    app.command(
        name="mood",
        epilog="**Examples**: `attune mood song.mp3` · `attune mood --timeline -k 5 song.mp3` · "
        "`attune mood --json music/ > moods.jsonl` · `attune mood --csv -k 59 music/ > moods.csv` · "
        "`attune mood --write-tags music/`",
    )(mood)


def mood(
    files: Annotated[
        list[Path], typer.Argument(help="Audio files, and folders to look through.", metavar="FILE...")
    ],
    theme: Annotated[
        bool, typer.Option("--theme", "--mood", help="The mood of the whole; what is shown by default.")
    ] = False,
    timeline: Annotated[bool, typer.Option("--timeline", help="The mood over time, every 0.96 s.")] = False,
    top_k: Annotated[
        int, typer.Option("-k", "--top-k", min=1, max=59, help="How many of the tags, the likeliest first.")
    ] = 3,
    device: Annotated[
        Device | None, typer.Option(help="What the network runs on; by default the setting `provider`.")
    ] = None,
    cuda: Annotated[bool, typer.Option("--cuda", help="The same as --device cuda.")] = False,
    as_json: JsonFlag = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print one table: a row for each tag.")] = False,
    write_tags: Annotated[
        bool,
        typer.Option(
            "--write-tags", help="Write the likely tags of the whole into the files' own field MOOD, too."
        ),
    ] = False,
) -> None:
    """Tell the mood of music: 59 tags and eight plain moods, as a whole or over time. Ctrl-C stops."""
    if as_json and as_csv:
        raise typer.BadParameter("choose one of --json and --csv.", param_hint="--csv")
    if cuda and device is Device.CPU:
        raise typer.BadParameter("it contradicts --device cpu.", param_hint="--cuda")
    parts = {"theme": theme or not timeline, "timeline": timeline}
    settings = load_settings(provider="cuda" if cuda else device and device.value)
    tagger = load_tagger(
        backbone=settings.mood_backbone,
        head=settings.mood_head,
        threads=settings.threads,
        provider=settings.provider,
    )
    if as_csv:
        _print_csv([CSV_COLUMNS])
    failed = 0
    try:
        found = list(_found(files))
        for number, path in enumerate(found, start=1):
            try:
                if isinstance(path, AttuneError):
                    raise path
                which = f"{number}/{len(found)} {path.name}" if len(found) > 1 else path.name
                result = _analyse(tagger, path, settings, which)
                _show(result, top_k, parts, as_json=as_json, as_csv=as_csv)
                if write_tags:
                    _write_tags(path, result, top_k)
            except AttuneError as error:
                failed += 1
                _say(_err, f"[bold red]Error:[/] {_legible(str(error))}")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if failed:
        raise typer.Exit(1)


def _found(given: Sequence[Path]) -> Iterator[Path | AttuneError]:
    """Files as they were given, and those in folders in the order of their names; what is wrong besides."""
    for path in given:
        if not path.is_dir():
            yield path
            continue
        problems: list[OSError] = []
        inside: list[Path] = []
        for folder, folders, names in os.walk(path, onerror=problems.append):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            inside += [
                Path(folder, name)
                for name in sorted(names)
                if Path(name).suffix.lower() in SUPPORTED_SUFFIXES and not name.startswith(".")
            ]
        yield from inside
        yield from (
            AudioDecodeError(
                f"The folder {error.filename} cannot be read ({error.strerror}): it was left out."
            )
            for error in problems
        )
        if not inside and not problems:
            yield AudioDecodeError(f"There is no sound file in the folder {path}: name another.")


def _analyse(tagger: MoodTagger, path: Path, settings: Settings, which: str) -> MoodResult:
    columns = (
        TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis")),
        BarColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as progress:
        task = progress.add_task(_legible(which), total=None)
        return tagger.analyse(
            path,
            name=str(path),
            max_minutes=settings.max_file_minutes,
            on_progress=lambda done_s, total_s: progress.update(task, completed=done_s, total=total_s),
        )


def _show(result: MoodResult, top_k: int, parts: dict[str, bool], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        print_json(plain(result, top_k, **parts))
    elif as_csv:
        _print_csv(csv_rows(result, top_k, **parts))
    else:
        _print_words(result, top_k, **parts)
    for notice in result.notices:
        _say(_err, f"[yellow]{_legible(notice)}[/]")


def _print_words(result: MoodResult, top_k: int, *, theme: bool, timeline: bool) -> None:
    _say(_out, f"[bold]{_legible(result.name)}[/]  [dim]{_clock(result.duration_s)}[/]")
    if result.silent:
        _say(_out, "  none: it is silent")
        return
    if theme:
        shares = result.mean_shares
        heard = [("music", shares.music), ("singing", shares.singing), ("speech", shares.speech)]
        moods = sorted(zip(MOODS, result.theme_moods, strict=True), key=lambda pair: -pair[1])
        for word, pairs in (
            ("theme", ranked(result.theme, top_k)),
            ("moods", moods[:3]),
            ("heard", heard),
        ):
            _say(_out, f"  [dim]{word}[/]  {_percents(pairs)}")
    if timeline:
        _print_timeline(result, top_k)


def _print_timeline(result: MoodResult, top_k: int) -> None:
    """Line by line: an hour has 3 750 of them, and a table of the terminal's would take seconds."""
    times = [_clock(start_s) for start_s in result.starts_s]
    wide = max(len("from"), len(times[-1]))
    _say(_out, f"  [dim]{'from':>{wide}}  {'mood':{_MOOD_WIDTH}}  tags[/]")
    for time, row, moods in zip(times, result.timeline, result.moods, strict=True):
        tags = _percents(ranked(row, top_k))
        mood_word = MOODS[int(moods.argmax())] if tags else "silent"
        _say(_out, f"  [dim]{time:>{wide}}[/]  {mood_word:{_MOOD_WIDTH}}  {tags}".rstrip())


def _write_tags(path: Path, result: MoodResult, top_k: int) -> None:
    """Nothing is written of a silent file: it has no mood."""
    moods = present(result, top_k)
    if moods:
        before = write_moods(path, moods)
        instead = f", instead of {_legible(', '.join(before))}" if before and before != moods else ""
        _say(_err, f"[dim]Wrote {', '.join(moods)} into {_legible(str(path))}{instead}.[/]")


def _print_csv(rows: Iterable[Sequence[str | float]]) -> None:
    csv.writer(sys.stdout, lineterminator="\n").writerows(rows)
    sys.stdout.flush()


def _percents(pairs: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {value:.0%}" for name, value in pairs)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(100 * seconds), 6000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest / 100:05.2f}" if hours else f"{minutes}:{rest / 100:05.2f}"


def _legible(text: str) -> str:
    """On one line and free of orders to the terminal, whatever a file's name holds."""
    return escape("".join("\N{REPLACEMENT CHARACTER}" if _hidden(sign) else sign for sign in text))


def _hidden(sign: str) -> bool:
    return unicodedata.category(sign) in {"Cc", "Cs"}


def _say(console: Console, markup: str) -> None:
    console.print(markup, highlight=False, soft_wrap=True)
