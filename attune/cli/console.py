"""What all commands print with: the two consoles, errors, tables, JSON, CSV, progress and durations."""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any, Final

import typer
from rich.console import Console, ConsoleDimensions, ConsoleOptions
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

from core.csv_text import write_csv_rows
from core.stop_signals import TerminatedError
from core.text import encodable, printable, printable_lines

_NO_LIMIT: Final = 1_000_000


def _only_one(context: typer.Context, param: typer.CallbackParam, asked: bool) -> bool:
    if asked and any(context.params.get(name) for name in {"as_json", "as_csv"} - {param.name}):
        raise typer.BadParameter("choose one of --json and --csv.")
    return asked


JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.", callback=_only_one)]
CsvFlag = Annotated[bool, typer.Option("--csv", help="Print CSV instead of text.", callback=_only_one)]


class _UncutConsole(Console):
    """As wide as the terminal; where there is none, so wide that nothing is wrapped or cut."""

    @property
    def size(self) -> ConsoleDimensions:
        """How wide what is printed may be, and how high a terminal is."""
        size = super().size
        return size if self.is_terminal else ConsoleDimensions(_NO_LIMIT, size.height)

    @size.setter
    def size(self, size: tuple[int, int]) -> None:
        self._width, self._height = size

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Show what a terminal would obey, whoever prints it: also live views, bars and Rich's own errors."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable_lines(segment.text))


out: Console = _UncutConsole(emoji=False)
err: Console = _UncutConsole(stderr=True, emoji=False)


@dataclass(frozen=True, slots=True)
class DataTable:
    """What a command lists."""

    # For people: headings, and a row of cells for each thing.
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    # For programs: names in snake_case, and the values of each thing by them.
    fields: Sequence[str]
    records: Sequence[Mapping[str, Any]]


def command_app() -> typer.Typer:
    """A Typer for one command, or for one group of commands."""
    return typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")


def say(sentence: str | Text, style: str = "") -> None:
    """Print a sentence on one line of standard output."""
    _print_line(out, sentence, style)


def note(sentence: str | Text, style: str = "yellow") -> None:
    """Print a sentence on one line of standard error."""
    _print_line(err, sentence, style)


def say_error(sentence: str) -> None:
    """Print what went wrong on one line of standard error."""
    _print_line(err, assemble(("Error:", "bold red"), f" {sentence}"), "")


def _print_line(console: Console, sentence: str | Text, style: str) -> None:
    text = printable(sentence) if isinstance(sentence, str) else sentence
    console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def assemble(*parts: str | tuple[str, str] | Text) -> Text:
    """One text of several, as `Text.assemble`, on one line whatever a part from outside holds."""
    return Text.assemble(*map(_printable_part, parts))


def _printable_part(part: str | tuple[str, str] | Text) -> str | tuple[str, str] | Text:
    match part:
        case str():
            return printable(part)
        case (str(text), style):
            return printable(text), style
        case _:
            return part


def table_of(
    kind: type[Any], things: Iterable[Any], columns: Sequence[str] = (), rows: Sequence[Sequence[Any]] = ()
) -> DataTable:
    """A table of dataclasses, for programs with all that they hold."""
    return DataTable(columns, rows, [field.name for field in fields(kind)], [asdict(one) for one in things])


def print_data(table: DataTable, *, as_json: bool = False, as_csv: bool = False) -> None:
    """Print what is listed: as JSON, as CSV, or for people."""
    if as_json:
        print_json(table.records)
    elif as_csv:
        print_csv([table.fields, *([record[name] for name in table.fields] for record in table.records)])
    else:
        print_table(table.columns, table.rows)


def print_json(value: Any) -> None:
    """Print one line of JSON in ASCII, which any terminal and pipe can take."""
    sys.stdout.write(json.dumps(_plain(value), allow_nan=False) + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    """The same as JSON can hold it: text that is text, and null for what is no number."""
    match value:
        case str():
            return encodable(value)
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {encodable(str(name)): _plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value


def print_csv(rows: Iterable[Sequence[Any]]) -> None:
    """Print rows of CSV: numbers as they are, true and false, nothing for None, JSON for what is nested."""
    write_csv_rows(sys.stdout, ([_csv_cell(value) for value in row] for row in rows))
    sys.stdout.flush()


def _csv_cell(value: Any) -> Any:
    match value:
        case str():
            return printable(value)
        case bool() | Mapping() | list() | tuple():
            return json.dumps(_plain(value))
        case _:
            return value


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "") -> None:
    """Print a table for people: yes for True, nothing for False and None.

    On a terminal long cells are folded; in a pipe each row is one line, however long.
    """
    if out.is_terminal:
        table = Table(title=Text(printable(title)) if title else None)
    else:
        table = Table(title=Text(printable(title)) if title else None, box=None, pad_edge=False)
        table.title_justify = "left"
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=not out.is_terminal)
    for row in rows:
        table.add_row(*map(_cell, row))
    out.print(table)


def _cell(value: Any) -> Text:
    if isinstance(value, Text):
        return value
    if isinstance(value, bool):
        return Text("yes" if value else "")
    return Text("" if value is None else printable(str(value)))


def duration_text(seconds: float, *, decimals: int = 0) -> str:
    """Write a duration.

    Parameters
    ----------
    seconds
        Not negative.
    decimals
        Digits after the point.

    Examples
    --------
    >>> duration_text(62), duration_text(62.5, decimals=2), duration_text(3723)
    ('1:02', '1:02.50', '1:02:03')
    """
    minutes, rest = divmod(round(seconds, decimals), 60)
    hours, minutes = divmod(int(minutes), 60)
    width = 3 + decimals if decimals else 2
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{head}:{rest:0{width}.{decimals}f}"


def drawable(symbol: str, plain: str) -> str:
    """The symbol where the terminal's encoding has it, else what stands for it."""
    try:
        symbol.encode(out.encoding)
    except (UnicodeEncodeError, LookupError):
        return plain
    return symbol


@contextmanager
def interruptible(sentence: str = "") -> Iterator[None]:
    """Leave with exit code 128 + number at a stop signal, Ctrl-C is 130; the sentence says what is kept."""
    try:
        yield
    except (KeyboardInterrupt, TerminatedError) as end:
        if sentence:
            note(sentence, style="")
        raise typer.Exit(int(end.code or 0) if isinstance(end, TerminatedError) else 130) from None


def progress(*columns: ProgressColumn, disable: bool = False) -> Progress:
    """A bar on standard error that vanishes at the end; only on a terminal.

    Parameters
    ----------
    columns
        What stands behind the bar.
    disable
        Show none here either.
    """
    name = TextColumn(
        "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
    )
    return Progress(
        name, BarColumn(), *columns, console=err, transient=True, disable=disable or not err.is_terminal
    )


@contextmanager
def sound_progress(name: str, total_s: float | None = None) -> Iterator[Callable[..., None]]:
    """A bar for one sound that is analysed.

    Parameters
    ----------
    name
        What stands before the bar.
    total_s
        Seconds of sound, where they are known before.

    Yields
    ------
    Callable
        To be called with the seconds done and, where they are known by then, those in all.
    """
    with progress(TimeElapsedColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task(printable(name), total=total_s)

        def report(done_s: float, known_s: float | None = None) -> None:
            bar.update(task, completed=done_s, total=known_s)

        yield report


@contextmanager
def training_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for what takes steps of several names, and above it what trainings log.

    Yields
    ------
    Callable
        Takes the name of the step, what is done of it and all of it.
    """
    with progress(TimeRemainingColumn()) as bar, _training_log_shown():
        task = bar.add_task("starting", total=None)

        def report(name: str, done: int, total: int) -> None:
            if bar.tasks[0].description != name:
                bar.reset(task, description=name)
            bar.update(task, completed=done, total=total)

        yield report


class _ConsoleHandler(logging.Handler):
    """Prints log lines on the console of the bar, which so stays whole."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            err.print(self.format(record), highlight=False, markup=False, soft_wrap=True)
        except Exception:  # noqa: BLE001 - a line that cannot be shown must not end a training
            self.handleError(record)


@contextmanager
def _training_log_shown() -> Iterator[None]:
    log, handler = logging.getLogger("training"), _ConsoleHandler(logging.INFO)
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
