"""`attune train heads`, `attune evaluate heads`: genre, instruments, GEMS emotions, valence and arousal."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from attune.cli import console
from attune.cli import training_options as options
from models.track.heads import GEMS_HEAD, GENRE_HEAD, INSTRUMENT_HEAD, VA_HEAD

DataOption = Annotated[
    Path,
    typer.Option(help="Folder with jamendo/ and music/: embeddings, tags, listeners' answers, recordings."),
]


class TrackHead(StrEnum):
    """The names of `models.track.heads.TRACK_HEADS`."""

    GENRE = GENRE_HEAD
    INSTRUMENT = INSTRUMENT_HEAD
    GEMS = GEMS_HEAD
    VA = VA_HEAD


HeadOption = Annotated[
    list[TrackHead] | None, typer.Option("--head", help="Which one; by default all. Repeatable.")
]

TRAIN_EXAMPLES: Final = (
    "**Examples**: `attune train heads --data data --run run --out models/weights` · "
    "`attune train heads --data data --run run --out heads --head genre-head`"
)
EVALUATE_EXAMPLES: Final = (
    "**Examples**: `attune evaluate heads --data data --run run` · "
    "`attune evaluate heads --data data --run run --head va-head --json`"
)


def train_heads(
    data: DataOption,
    run: options.RunOption,
    out: Annotated[Path, typer.Option(help="Folder to write <name>.onnx and <name>.json into.")],
    head: HeadOption = None,
    threads: options.ThreadsOption = 1,
) -> None:
    """Train the heads that tell genre, instruments, felt emotions, valence and arousal of music.

    Interrupted, the same command goes on. Felt emotions, valence and arousal build on the mood head of the
    same --run.
    """
    options.require_training()
    from training.track.heads import release  # noqa: PLC0415

    with console.training_progress() as progress:
        records = release.release_heads(
            data,
            run,
            out,
            heads=_names(head),
            threads=threads,
            command=options.command_line(),
            on_progress=progress,
        )
    for name, record in records.items():
        size = (out / f"{name}.onnx").stat().st_size
        console.say(f"Wrote {out / name}.onnx ({size / 1e6:.1f} MB).")
        for figure, value in _overall(record).items():
            console.say(f"  {figure}: {value}")


def evaluate_heads(
    data: DataOption,
    run: options.RunOption,
    head: HeadOption = None,
    weights: Annotated[
        Path | None, typer.Option(help="Folder of the heads; by default those that come with the program.")
    ] = None,
    threads: options.ThreadsOption = 1,
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
) -> None:
    """Measure those heads on music that they did not learn from; what --run lacks is trained."""
    options.require_training()
    from training.track.heads import evaluate  # noqa: PLC0415

    with console.training_progress() as progress:
        found = evaluate.evaluate_heads(
            data, run, heads=_names(head), weights=weights, threads=threads, on_progress=progress
        )
    if as_json:
        console.print_json(found)
        return
    rows = [
        (name, figure, value) for name, record in found.items() for figure, value in _overall(record).items()
    ]
    fields = ("head", "figure", "value")
    records = [dict(zip(fields, row, strict=True)) for row in rows]
    console.print_data(console.DataTable(fields, rows, fields, records), as_csv=as_csv)


def _names(heads: list[TrackHead] | None) -> list[str]:
    return [head.value for head in heads or TrackHead]


_PARTS: Final = (
    "official_test",
    "training_side_alone",
    "by_track",
    "by_segment",
    "by_artist",
    "emotify",
    "examples",
)


def _overall(record: Mapping[str, Any]) -> dict[str, float]:
    """The plain figures of a record, by a name that says where they are from."""
    found: dict[str, float] = {}
    for part in _PARTS:
        for name, value in record.get(part, {}).items():
            figures = value if part == "by_segment" else {"": value}
            for figure, number in figures.items():
                if isinstance(number, int | float):
                    found[" ".join(filter(None, (part, name, figure))).replace("_", " ")] = number
    return found
