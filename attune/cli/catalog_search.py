"""`attune catalog search` and `words`: tracks of a catalogue, by words or by a sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import TimeRemainingColumn

from attune.catalog import check_extra
from attune.cli import console
from attune.cli.track_options import key_name, span
from core.settings import load_settings
from core.text import percent
from core.track_labels import genre_label, written

if TYPE_CHECKING:
    from attune.catalog.search import CatalogMatch

_FIELDS = (
    *("score", "fits", "location", "title", "artist", "duration_s", "tempo_bpm", "key", "mood", "genres"),
    *("instruments", "pleasantness", "energy"),
)
_COLUMNS = ("title", "artist", "length", "BPM", "key", "mood", "genres", "location")
_GENRES = 3
_DIGITS = 6  # of probabilities, which are float32


def search(
    catalog: Annotated[
        Path, typer.Option("--catalog", metavar="DIR", help="Folder that `attune catalog analyse` wrote to.")
    ],
    text: Annotated[
        str,
        typer.Argument(
            metavar="[WORDS]", help="What is looked for, such as `calm piano`.", show_default=False
        ),
    ] = "",
    like: Annotated[
        str, typer.Option(metavar="FILE", help="Instead of words: path or URL of a sound to be resembled.")
    ] = "",
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=10_000, help="How many tracks.")] = 10,
    tempo: Annotated[
        str, typer.Option(metavar="LOW,HIGH", help="Only with a tempo from LOW to HIGH BPM.")
    ] = "",
    duration: Annotated[
        str, typer.Option(metavar="LOW,HIGH", help="Only from LOW to HIGH seconds long.")
    ] = "",
    energy: Annotated[
        str, typer.Option(metavar="LOW,HIGH", help="Only with an energy from LOW to HIGH, -1 to 1.")
    ] = "",
    key: Annotated[list[str] | None, typer.Option(help="Only in this key, such as `C# minor`.")] = None,
    mood: Annotated[list[str] | None, typer.Option(help="Only where this mood leads, of the eight.")] = None,
    genre: Annotated[list[str] | None, typer.Option(help="Only of this genre.")] = None,
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
) -> None:
    """Find tracks of a catalogue by words, or by a sound that is to be resembled.

    `no`, `not` and `without` leave out what follows. `attune catalog words` lists the words.
    """
    if bool(text) == bool(like):
        raise typer.BadParameter("give either words or --like FILE.", param_hint="WORDS")
    check_extra()
    from attune.catalog.query import parse_query  # noqa: PLC0415 - an extra
    from attune.catalog.search import CatalogFilter, search_like, search_words  # noqa: PLC0415

    wanted = CatalogFilter(
        tempo_bpm=span("--tempo", tempo),
        duration_s=span("--duration", duration),
        energy=span("--energy", energy),
        keys=frozenset(key_name("--key", one) for one in key or ()),
        moods=frozenset(one.strip().lower() for one in mood or ()),
        genres=frozenset(map(genre_label, genre or ())),
    )
    terms = parse_query(text) if text else ()
    settings = load_settings(journal=False)
    with console.interruptible(), console.progress(TimeRemainingColumn()) as progress:
        task = progress.add_task("Searching", total=None)

        def show(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total)

        if terms:
            found = search_words(catalog, terms, settings, limit=limit, wanted=wanted, on_rows=show)
        else:
            found = search_like(catalog, like, settings, limit=limit, wanted=wanted, on_rows=show)
    console.print_data(_listing(found), as_json=as_json, as_csv=as_csv)
    if not found and not (as_json or as_csv):
        console.note("No track fits: ask for less.")


def words(as_json: console.JsonFlag = False, as_csv: console.CsvFlag = False) -> None:
    """List the words that music can be searched by."""
    check_extra()
    from attune.catalog.query import WORDS  # noqa: PLC0415 - an extra

    rows = sorted((str(word.kind), word.text) for word in WORDS)
    fields = ("kind", "word")
    records = [dict(zip(fields, row, strict=True)) for row in rows]
    console.print_data(console.DataTable(fields, rows, fields, records), as_json=as_json, as_csv=as_csv)


def _listing(found: Sequence[CatalogMatch]) -> console.DataTable:
    by_words = bool(found and found[0].fits)
    return console.DataTable(
        ("fits" if by_words else "like", *_COLUMNS),
        [(_score(one), *_cells(one)) for one in found],
        _FIELDS,
        [_record(one) for one in found],
    )


def _record(one: CatalogMatch) -> dict[str, object]:
    return {name: _rounded(value) for name, value in asdict(one).items()}


def _rounded(value: object) -> object:
    match value:
        case float():
            return round(value, _DIGITS)
        case dict():
            return {name: _rounded(inner) for name, inner in value.items()}
        case _:
            return value


def _score(one: CatalogMatch) -> str:
    """How well each word fits, or how alike it sounds."""
    return ", ".join(f"{word} {percent(share)}" for word, share in one.fits.items()) or percent(one.score)


def _cells(one: CatalogMatch) -> tuple[object, ...]:
    return (
        one.title,
        one.artist,
        None if one.duration_s is None else console.duration_text(one.duration_s),
        None if one.tempo_bpm is None else f"{one.tempo_bpm:.0f}",
        one.key,
        one.mood,
        ", ".join(written(name) for name in list(one.genres)[:_GENRES]),
        one.location,
    )
