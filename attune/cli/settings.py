"""`attune settings`: what can be set, what it stands at and why, and how to change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from attune.cli import console
from core import paths
from core.setting_info import SettingInfo, SettingKind
from core.settings import SETTINGS, Origin, SettingsState, checked, read_settings, save_setting

app = console.command_app()

_NOTHING_CHANGED = "make its folder writable and try again; nothing was changed"

Name = Annotated[str, typer.Argument(help="Name of the setting, such as `threshold`.", metavar="NAME")]


@dataclass(frozen=True, slots=True)
class _Row:
    """One setting in the list; a problem is a sentence on why its value is not used."""

    name: str
    value: Any
    unit: str
    origin: Origin
    default: Any
    low: float | None
    high: float | None
    choices: Sequence[str]
    title: str
    explanation: str
    takes_effect: str
    variable: str
    problem: str


@app.command(name="list", epilog="**Examples**: `attune settings list` · `attune settings list --json`")
def list_command(as_json: console.JsonFlag = False, as_csv: console.CsvFlag = False) -> None:
    """List all settings: what each stands at, where that comes from, and what it does."""
    state = read_settings()
    rows = [_row(name, state) for name in SETTINGS]
    cells = [
        (row.name, _text(SETTINGS[row.name], row.value), row.origin, _what_it_does(SETTINGS[row.name]))
        for row in rows
    ]
    table = console.table_of(_Row, rows, ("setting", "value", "from", "what it does"), cells)
    console.print_data(table, as_json=as_json, as_csv=as_csv)
    if not (as_json or as_csv):
        console.say(f"The file is {paths.settings_file()}.", style="dim")
        if state.kept:
            console.say(_kept(state.kept), style="dim")
    _fail_where_wrong(state)


@app.command(epilog="**Examples**: `attune settings get threshold` · `attune settings get threshold --json`")
def get(name: Name, as_json: console.JsonFlag = False) -> None:
    """Print what a setting stands at; nothing where it is not set."""
    _info(name)
    state = read_settings()
    row = _row(name, state)
    if as_json:
        console.print_json(console.table_of(_Row, [row], ()).records[0])
    else:
        console.say(_plain_text(row.value))
    _fail_where_wrong(state, only=name)


@app.command(
    name="set",
    epilog="**Examples**: `attune settings set threshold 0.8` · `attune settings set journal off` · "
    "`attune settings set device 'USB microphone'`",
    context_settings={"ignore_unknown_options": True},  # a value may begin with a minus sign
)
def set_command(
    name: Name,
    value: Annotated[str, typer.Argument(help="Its new value.", metavar="VALUE")],
    as_json: console.JsonFlag = False,
) -> None:
    """Change a setting and keep it; your comments in the file stay."""
    info = _info(name)
    if info.optional and not value.strip():
        unset(name, as_json)
        return
    checked(name, value)
    _save(name, value)
    wanted = getattr(read_settings().settings, name)
    _report(info, as_json)
    if info.kind is SettingKind.PATH and isinstance(wanted, Path) and not wanted.exists():
        console.note(f"There is no {wanted} yet.")


@app.command(epilog="**Examples**: `attune settings unset threshold`")
def unset(name: Name, as_json: console.JsonFlag = False) -> None:
    """Take a setting out of the file, so that its default holds again."""
    info = _info(name)
    _save(name, None)
    _report(info, as_json)


def _info(name: str) -> SettingInfo:
    if name not in SETTINGS:
        checked(name, None)  # raises, and says which one was meant
    return SETTINGS[name]


def _save(name: str, value: str | None) -> None:
    aside = save_setting(name, value, advice=_NOTHING_CHANGED)
    if aside is not None:
        console.note(f"The file could not be read, so a new one was begun; the old one is kept as {aside}.")


def _report(info: SettingInfo, as_json: bool) -> None:
    """Say what it stands at now, and where something else goes before the file."""
    state = read_settings()
    row = _row(info.name, state)
    if as_json:
        console.print_json(console.table_of(_Row, [row], ()).records[0])
    else:
        default = " (its default)" if row.origin is Origin.DEFAULT else ""
        console.say(f"{info.name} is {_text(info, row.value) or 'not set'}{default}.")
    if row.origin is Origin.ENVIRONMENT:
        console.note(
            f"{info.variable} in the environment goes before the file, so the change does not show yet."
        )


def _row(name: str, state: SettingsState) -> _Row:
    info = SETTINGS[name]
    return _Row(
        name,
        _plain(getattr(state.settings, name)),
        info.unit if info.unit != "%" else "",
        state.origins[name],
        _plain(info.default),
        info.low,
        info.high,
        info.choices,
        info.title,
        info.explanation,
        info.takes_effect,
        info.variable,
        state.problems.get(name, ""),
    )


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _plain_text(value: Any) -> str:
    """A value as the file has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return "" if value is None else str(value)


def _text(info: SettingInfo, value: Any) -> str:
    """A value with its unit; a share stays what is typed and stands in the file."""
    text = _plain_text(value)
    return f"{text} {info.unit}" if text and info.unit and info.unit != "%" else text


def _what_it_does(info: SettingInfo) -> str:
    allowed = f"{info.allowed[0].upper()}{info.allowed[1:]}." if info.allowed else ""
    return f"{info.explanation} {allowed}".strip()


def _kept(names: Sequence[str]) -> str:
    return f"A newer Attune has written {', '.join(names)} into it: that is kept, and not used here."


def _fail_where_wrong(state: SettingsState, *, only: str | None = None) -> None:
    """Say what is wrong, and end with exit code 1 where something is."""
    problems = [state.file_problem, *(said for name, said in state.problems.items() if only in {None, name})]
    for sentence in filter(None, problems):
        console.say_error(sentence)
    if any(problems):
        raise typer.Exit(1)
