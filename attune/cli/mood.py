"""`attune mood`: what music sounds like, as a whole and over time."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer

from attune.cli import console
from attune.cli.sound_inputs import FilesArgument, SoundInput, sound_inputs
from core.errors import AttuneError, TagsError
from core.settings import Settings, load_settings
from core.text import percent
from models.mood.file_tags import write_moods
from models.mood.mood_scale import MOODS
from models.mood.result import (
    CSV_COLUMNS,
    NO_MUSIC,
    SILENT,
    MoodResult,
    csv_rows,
    present_tags,
    to_dict,
    top_tags,
)
from models.mood.tagger import MoodTagger, configured_tagger

app = console.command_app()

_MOOD_WIDTH: Final = max(map(len, MOODS))


class ComputeDevice(StrEnum):
    """What the network runs on."""

    CPU = "cpu"
    CUDA = "cuda"


@app.command(
    epilog="**Examples**: `attune mood song.mp3` · `attune mood --timeline -k 5 song.mp3` · "
    "`attune mood --json music/ > moods.jsonl` · `attune mood --csv -k 59 music/ > moods.csv` · "
    "`attune mood --write-tags music/` · `curl -s URL | attune mood -`",
)
def mood(
    files: FilesArgument,
    theme: Annotated[
        bool, typer.Option("--theme", "--mood", help="The mood of the whole; what is shown by default.")
    ] = False,
    timeline: Annotated[bool, typer.Option("--timeline", help="The mood over time, every 0.96 s.")] = False,
    top_k: Annotated[
        int, typer.Option("-k", "--top-k", min=1, max=59, help="How many of the tags, the likeliest first.")
    ] = 3,
    device: Annotated[
        ComputeDevice | None,
        typer.Option(help="What the network runs on; by default the setting `provider`."),
    ] = None,
    cuda: Annotated[bool, typer.Option("--cuda", help="The same as --device cuda.")] = False,
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
    write_tags: Annotated[
        bool,
        typer.Option(
            "--write-tags", help="Write the likely tags of the whole into the files' own field MOOD, too."
        ),
    ] = False,
) -> None:
    """Tell the mood of music: 59 tags and eight plain moods, as a whole or over time. Ctrl-C stops."""
    if cuda and device is ComputeDevice.CPU:
        raise typer.BadParameter("it contradicts --device cpu.", param_hint="--cuda")
    parts = {"theme": theme or not timeline, "timeline": timeline}
    settings = load_settings(provider="cuda" if cuda else device and device.value)
    tagger = configured_tagger(settings)
    if as_csv:
        console.print_csv([CSV_COLUMNS])
    failed = False
    with console.interruptible():
        inputs = list(sound_inputs(files))
        for number, sound in enumerate(inputs, start=1):
            try:
                if isinstance(sound, AttuneError):
                    raise sound
                prefix = f"{number}/{len(inputs)} " if len(inputs) > 1 else ""
                result = _analyse(tagger, sound, settings, prefix)
                if as_json:
                    console.print_json(to_dict(result, top_k, **parts))
                elif as_csv:
                    console.print_csv(csv_rows(result, top_k, **parts))
                else:
                    _print_words(result, top_k, **parts)
                for notice in result.notices:
                    console.note(notice)
                if write_tags:
                    _write_tags(sound, result, top_k)
            except AttuneError as error:
                failed = True
                console.say_error(str(error))
    if failed:
        raise typer.Exit(1)


def _analyse(tagger: MoodTagger, sound: SoundInput, settings: Settings, prefix: str) -> MoodResult:
    with console.sound_progress(f"{prefix}{Path(sound.name).name}") as report:
        return tagger.analyse(
            sound.content,
            name=sound.name,
            max_minutes=settings.max_file_minutes,
            on_progress=report,
        )


def _print_words(result: MoodResult, top_k: int, *, theme: bool, timeline: bool) -> None:
    duration = _time(result.duration_s)
    console.say(console.assemble((result.name, "bold"), "  ", (duration, "dim")))
    if result.silent:
        console.say("  none: it is silent")
        return
    if theme:
        scores = result.mean_class_scores
        heard = [("music", scores.music), ("singing", scores.singing), ("speech", scores.speech)]
        rows = [("heard", heard)]
        if result.has_music:
            moods = sorted(zip(MOODS, result.theme_moods.tolist(), strict=True), key=lambda pair: -pair[1])
            rows = [("theme", top_tags(result.theme, top_k)), ("moods", moods[:3]), *rows]
        else:
            console.say("  none: no music was heard")
        for word, pairs in rows:
            console.say(console.assemble("  ", (word, "dim"), f"  {_percentages(pairs)}"))
    if timeline:
        _print_timeline(result, top_k)


def _print_timeline(result: MoodResult, top_k: int) -> None:
    """Line by line: an hour has 3 750 of them, and a table of the terminal's would take seconds."""
    times = [_time(start_s) for start_s in result.starts_s]
    width = max(len("from"), len(times[-1]))
    console.say(f"  {'from':>{width}}  {'mood':{_MOOD_WIDTH}}  tags", style="dim")
    rows = zip(times, result.timeline, result.moods, result.music_shares, strict=True)
    for time, row, moods, music in rows:
        tags = _percentages(top_tags(row, top_k))
        mood_word = MOODS[int(moods.argmax())] if tags else SILENT if np.isnan(music) else NO_MUSIC
        line = f"  {mood_word:{_MOOD_WIDTH}}  {tags}".rstrip()
        console.say(console.assemble("  ", (f"{time:>{width}}", "dim"), line))


def _write_tags(sound: SoundInput, result: MoodResult, top_k: int) -> None:
    """Nothing is written of what holds no music: it has no mood."""
    path = sound.content
    if isinstance(path, bytes):
        raise TagsError("What comes through standard input has no file for tags: leave --write-tags out.")
    moods = present_tags(result, top_k)
    if moods:
        before = write_moods(path, moods)
        instead = f", instead of {', '.join(before)}" if before and before != moods else ""
        console.note(f"Wrote {', '.join(moods)} into {path}{instead}.", style="dim")
    else:
        console.note(f"Nothing was written into {path}: it has no mood.", style="dim")


def _percentages(pairs: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {percent(value)}" for name, value in pairs)


def _time(seconds: float) -> str:
    return console.duration_text(seconds, decimals=2)
