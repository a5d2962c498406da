"""`attune bench`: how fast the models are on this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.progress import TaskProgressColumn, TimeElapsedColumn

from attune.cli import console

app = console.command_app()


@app.command(
    epilog="**Examples**: `attune bench emotion` · `attune bench emotion --embedded-only` · "
    "`attune bench emotion --threads 1 --json`",
)
def emotion(
    threads: Annotated[int, typer.Option(min=1, max=16, help="Threads of each model.")] = 2,
    repeats: Annotated[int, typer.Option(min=3, max=1000, help="Timed rounds.")] = 30,
    embedded_only: Annotated[
        bool, typer.Option("--embedded-only", help="Time the embedded model alone; needs no torch.")
    ] = False,
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
) -> None:
    """Time one 3-second window: the embedded model, the full-size hybrid, and transformers."""
    from training.speed.emotion import run  # noqa: PLC0415 - it may bring torch, which no door starts with

    figures = _measure(run, threads=threads, repeats=repeats, embedded_only=embedded_only)
    _print_figures(figures, as_json=as_json, as_csv=as_csv)


@app.command(
    epilog="**Examples**: `attune bench mood` · `attune bench mood --threads 1 --json` · "
    "`attune bench mood --hours 3`",
)
def mood(
    threads: Annotated[int, typer.Option(min=1, max=16, help="Threads of each pipeline.")] = 2,
    repeats: Annotated[int, typer.Option(min=1, max=1000, help="Timed rounds.")] = 5,
    hours: Annotated[
        float, typer.Option(min=0.0, max=4.0, help="Also the peak memory of a file so long; takes minutes.")
    ] = 0.0,
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
) -> None:
    """Time a 4-minute MP3 from file to theme, beside the same in eager torch."""
    from training.speed.mood import peak_of_hours, run  # noqa: PLC0415 - it may bring torch

    figures = _measure(run, threads=threads, repeats=repeats)
    if hours:
        with console.progress(TimeElapsedColumn()) as progress:
            progress.add_task(f"Hearing {hours:g} hours", total=None)
            figures |= {"hours": hours, "peak_memory_mb": peak_of_hours(hours)}
    _print_figures(figures, as_json=as_json, as_csv=as_csv)


def _measure(run: Callable[..., dict[str, Any]], **arguments: Any) -> dict[str, Any]:
    with console.progress(TimeElapsedColumn(), TaskProgressColumn()) as progress:
        task = progress.add_task("Measuring", total=None)  # the models are made ready before the first round
        return run(
            **arguments, on_round=lambda done, total: progress.update(task, completed=done, total=total)
        )


def _print_figures(figures: dict[str, Any], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        console.print_json(figures)
        return
    known = {name: value for name, value in figures.items() if value is not None}
    table = console.DataTable(
        ("figure", "value"),
        [(name, f"{value:.2f}" if isinstance(value, float) else value) for name, value in known.items()],
        ("figure", "value"),
        [{"figure": name, "value": value} for name, value in known.items()],
    )
    console.print_data(table, as_csv=as_csv)
