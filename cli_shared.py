"""What the commands for makers of models share: options, JSON, and what goes on while they run."""

from __future__ import annotations

import json
import logging
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TimeRemainingColumn

from core.errors import ModelError

__all__ = [
    "Branches",
    "BudgetOption",
    "DataOption",
    "EncoderOption",
    "JamendoOption",
    "JsonFlag",
    "MoodRunOption",
    "NoiseOption",
    "QuadrantsOption",
    "RunOption",
    "ThreadsOption",
    "command_line",
    "pairs",
    "print_json",
    "progress",
    "training_module",
]

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
DataOption = Annotated[Path, typer.Option(help="Folder with manifest.csv and emobox_folds.csv.")]
NoiseOption = Annotated[
    Path | None, typer.Option(help="Folder with esc10.tar and emotify.tar; by default there is no noise.")
]
EncoderOption = Annotated[
    Path | None, typer.Option(help="Folder of the frozen encoder; by default the project's compact one.")
]
RunOption = Annotated[Path, typer.Option(help="Folder of checkpoints, features and heads; gone on with.")]
JamendoOption = Annotated[
    Path, typer.Option(help="Folder with MTG-Jamendo's embeddings, tags and official split.")
]
QuadrantsOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder of clips in four quadrants, on which moods are looked at from outside; by default none."
    ),
]
MoodRunOption = Annotated[Path, typer.Option(help="Folder of the trainings; kept and gone on with.")]
ThreadsOption = Annotated[int, typer.Option(min=1, help="Threads of torch.")]
BudgetOption = Annotated[float, typer.Option(min=0.001, help="Share of the training steps; 1 is all.")]


class Branches(StrEnum):
    """What the emotion network is made of."""

    HYBRID = "hybrid"
    POOLED = "pooled"
    ENCODER = "encoder"
    SPECTROGRAM = "spectrogram"


def command_line() -> str:
    """The command as it was given, for records; of a whole path only its last part, not where it lies."""
    words = []
    for word in sys.argv[1:]:
        name, equals, value = word.rpartition("=")
        words.append(name + equals + (Path(value).name if Path(value).is_absolute() else value))
    return shlex.join(["attune", *words])


def pairs(option: str, given: list[str], form: str = "name=value") -> dict[str, str]:
    """Options of the form NAME=VALUE."""
    found = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not (name and separator and value):
            raise typer.BadParameter(f"{text!r} is not of the form {form}.", param_hint=option)
        found[name] = value
    return found


def print_json(value: Any) -> None:
    """One line of JSON on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def training_module() -> Any:
    """The module that trains, or one sentence on the library that it lacks."""
    try:
        from models.training.emotion import train  # noqa: PLC0415 - no door starts with training
    except ModuleNotFoundError as error:
        raise ModelError(
            f"The library {error.name!r} is missing: run `pip install -e '.[train]' -c constraints.txt`."
        ) from error
    return train


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """What goes on, on standard error: a bar, on a terminal only, and above it what trainings log."""
    console = Console(stderr=True)
    with (
        Progress(
            *Progress.get_default_columns()[:2],
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        ) as bar,
        _log_shown(console),
    ):
        task = bar.add_task("starting", total=None)

        def tell(what: str, done: int, total: int) -> None:
            if bar.tasks[0].description != escape(what):
                bar.reset(task, description=escape(what))
            bar.update(task, completed=done, total=total)

        yield tell


class _Shown(logging.Handler):
    """Prints log lines as they are; a bar below them stays whole, for it is drawn on the same console."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._console.print(self.format(record), highlight=False, markup=False, soft_wrap=True)
        except Exception:  # noqa: BLE001 - a line that cannot be shown must not end a training
            self.handleError(record)


@contextmanager
def _log_shown(console: Console) -> Iterator[None]:
    """Show what the modules of training log, from INFO on, while it lasts."""
    log, shown = logging.getLogger("models.training"), _Shown(console)
    level = log.level
    log.addHandler(shown)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(shown)
        log.setLevel(level)
