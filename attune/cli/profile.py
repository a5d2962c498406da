"""`attune profile`: all that is told of a track, as text, JSON, CSV or tags in the files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer

from attune.cli import console
from attune.cli.sound_inputs import FilesArgument, SoundInput, sound_inputs
from core.errors import AttuneError, TagsError
from core.settings import Settings, load_settings
from core.text import percent
from core.track_labels import written
from models.mood.file_tags import TagField, write_tags
from models.mood.result import present_tags
from models.mood.song_names import SongNames, read_song_names
from models.mood.tagger import configured_tagger
from models.track.profile import LabelProbabilities, TrackProfile, TrackProfiler, load_profiler
from models.track.profile_export import (
    CSV_COLUMNS,
    TIMELINE_COLUMNS,
    profile_cells,
    profile_dict,
    timeline_rows,
)

app = console.command_app()

_TAGGED: Final = 3  # moods and genres written into a file at most
_SURE: Final = 0.5  # confidence from which tempo and key are
_FIELD_NAMES: Final = {
    TagField.BPM: "the tempo",
    TagField.KEY: "the key",
    TagField.MOOD: "moods",
    TagField.GENRE: "genres",
}


class _Form(NamedTuple):
    """How profiles are printed."""

    as_json: bool
    as_csv: bool
    timeline: bool


@app.command(
    epilog="**Examples**: `attune profile song.mp3` · `attune profile --json --timeline song.mp3` · "
    "`attune profile --csv music/ > tracks.csv` · `attune profile --write-tags music/`",
)
def profile(
    files: FilesArgument,
    timeline: Annotated[
        bool,
        typer.Option(
            "--timeline", help="With --json also beats and every moment; with --csv a row for every moment."
        ),
    ] = False,
    top_k: Annotated[
        int, typer.Option("-k", "--top-k", min=1, max=20, help="How many genres, instruments and tags.")
    ] = 3,
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
    write_tags: Annotated[
        bool,
        typer.Option(
            "--write-tags",
            help="Write tempo and key (from 50 % confidence on), moods and genres into the files' own tags, "
            "where they hold none.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="With --write-tags: replace what the tags hold already.")
    ] = False,
) -> None:
    """Tell tempo, key, loudness, genre, instruments, feelings and mood of music. Ctrl-C stops."""
    if overwrite and not write_tags:
        raise typer.BadParameter("it goes with --write-tags.", param_hint="--overwrite")
    settings = load_settings()
    profiler = load_profiler(configured_tagger(settings))
    if as_csv:
        console.print_csv([TIMELINE_COLUMNS if timeline else CSV_COLUMNS])
    form = _Form(as_json, as_csv, timeline)
    failed, told = False, set[str]()
    with console.interruptible():
        inputs = list(sound_inputs(files))
        for number, sound in enumerate(inputs, start=1):
            try:
                if isinstance(sound, AttuneError):
                    raise sound
                prefix = f"{number}/{len(inputs)} " if len(inputs) > 1 else ""
                names = read_song_names(sound.content)
                found = _profiled(profiler, sound, settings, prefix)
                _print(found, names, top_k, form)
                # What is wrong with this machine, not with the file, is told once.
                for notice in found.notices:
                    if notice not in told:
                        console.note(notice)
                    told.add(notice)
                if write_tags:
                    _write_tags(sound, found, overwrite=overwrite)
            except AttuneError as error:
                failed = True
                console.say_error(str(error))
                if isinstance(sound, SoundInput):
                    row = {"file": sound.name, "error": str(error)}
                    if as_json:
                        console.print_json(row)
                    elif as_csv and not timeline:
                        _print_row(row)
    if failed:
        raise typer.Exit(1)


def _print(found: TrackProfile, names: SongNames, top_k: int, form: _Form) -> None:
    if form.as_json:
        console.print_json(profile_dict(found, names, top_k, timeline=form.timeline))
    elif form.as_csv and form.timeline:
        console.print_csv(timeline_rows(found))
    elif form.as_csv:
        _print_row(profile_cells(found, names, top_k))
    else:
        _print_words(found, names, top_k)


def _profiled(profiler: TrackProfiler, sound: SoundInput, settings: Settings, prefix: str) -> TrackProfile:
    with console.sound_progress(f"{prefix}{Path(sound.name).name}") as report:
        return profiler.profile(
            sound.content,
            name=sound.name,
            max_minutes=settings.max_file_minutes,
            on_progress=report,
        )


def _print_row(cells: dict[str, Any]) -> None:
    console.print_csv([[cells.get(name) for name in CSV_COLUMNS]])


def _print_words(found: TrackProfile, names: SongNames, top_k: int) -> None:
    duration = console.duration_text(found.duration_s, decimals=2)
    song = " - ".join(filter(None, (names.artist, names.title)))
    console.say(console.assemble((found.name, "bold"), f"  {song}" if song else "", "  ", (duration, "dim")))
    mood = found.mood
    if not mood.has_music:
        console.say(f"  none: it is {mood.no_mood}" if mood.silent else "  none: no music was heard")
    rows = (
        ("tempo", _tempo(found)),
        ("key", "" if found.key is None else f"{found.key_name} ({percent(found.key.confidence)})"),
        ("loudness", "" if found.loudness_lufs is None else f"{found.loudness_lufs:.1f} LUFS"),
        ("genre", _shares(found.genres, top_k)),
        ("instruments", _shares(found.instruments, top_k)),
        ("feelings", _shares(found.emotions, top_k)),
        ("place", _place(found)),
        ("mood", _mood(found, top_k)),
    )
    for word, text in rows:
        if text:
            console.say(console.assemble("  ", (f"{word:11}", "dim"), f"  {text}"))


def _tempo(found: TrackProfile) -> str:
    rhythm = found.rhythm
    if rhythm is None or rhythm.tempo_bpm is None:
        return ""
    half, double = rhythm.alternatives_bpm or (rhythm.tempo_bpm / 2.0, rhythm.tempo_bpm * 2.0)
    return f"{rhythm.tempo_bpm:.1f} BPM ({percent(rhythm.confidence)}; else {half:.1f} or {double:.1f})"


def _shares(found: LabelProbabilities | None, top_k: int) -> str:
    return (
        ""
        if found is None
        else ", ".join(f"{written(name)} {percent(value)}" for name, value in found.top(top_k))
    )


def _place(found: TrackProfile) -> str:
    if found.valence is None or found.arousal is None:
        return ""
    return f"pleasantness {found.valence:+.2f}, energy {found.arousal:+.2f}"


def _mood(found: TrackProfile, top_k: int) -> str:
    if not found.mood.has_music:
        return ""
    return f"{found.mood.mood}; {', '.join(present_tags(found.mood, top_k))}"


def _write_tags(sound: SoundInput, found: TrackProfile, *, overwrite: bool) -> None:
    path = sound.content
    if isinstance(path, bytes):
        raise TagsError("What comes through standard input has no file for tags: leave --write-tags out.")
    values = tag_values(found)
    if not values:
        console.note(f"Nothing was written into {path}: nothing musical is known of it.", style="dim")
        return
    before = write_tags(path, values, overwrite=overwrite)
    written = [field for field in values if overwrite or field not in before]
    kept = [field for field in values if field not in written]
    parts = (
        [f"Wrote {', '.join('; '.join(values[field]) for field in written)} into {path}"] if written else []
    )
    if kept:
        held = ", ".join(f"{_FIELD_NAMES[field]} ({'; '.join(before[field])})" for field in kept)
        parts.append(f"{path} keeps {held}")
    replaced = [field for field in written if before.get(field, values[field]) != list(values[field])]
    if replaced:
        parts[0] += f", instead of {', '.join('; '.join(before[field]) for field in replaced)}"
    console.note(f"{'; '.join(parts)}.", style="dim")


def tag_values(found: TrackProfile) -> dict[TagField, list[str]]:
    """What is written into a file's tags: the tempo as a whole number, the key as DJs write it (``C#m``).

    Tempo and key stand there only where they are more likely right than wrong.
    """
    values: dict[TagField, list[str]] = {}
    rhythm, key = found.rhythm, found.key
    if found.tempo_bpm is not None and rhythm is not None and rhythm.confidence >= _SURE:
        values[TagField.BPM] = [f"{found.tempo_bpm:.0f}"]
    if key is not None and key.confidence >= _SURE:
        values[TagField.KEY] = [f"{key.tonic}{'m' if key.mode == 'minor' else ''}"]
    if found.mood.has_music:
        values[TagField.MOOD] = present_tags(found.mood, _TAGGED)
    if found.genres is not None:
        values[TagField.GENRE] = [written(genre) for genre in found.genres.present(_TAGGED)]
    return values
