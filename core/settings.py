"""Reads the settings: from arguments, the environment and the user's file, each value with its origin."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from core import paths
from core.errors import SettingsError
from core.setting_info import SettingKind
from core.settings_file import SettingsFile, change_settings_file, read_settings_file
from core.settings_model import ENERGY_THRESHOLD, PLEASANTNESS_THRESHOLD, SETTINGS, Settings
from core.text import encodable

__all__ = [
    "ENERGY_THRESHOLD",
    "PLEASANTNESS_THRESHOLD",
    "SETTINGS",
    "Origin",
    "Settings",
    "SettingsState",
    "checked",
    "load_settings",
    "read_settings",
    "save_setting",
]

_SHOWN: Final = 100  # characters of a wrong value that are repeated


class Origin(StrEnum):
    """Where the value of a setting comes from."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    THIS_RUN = "this run"  # changed, but the file cannot be written
    ARGUMENT = "argument"  # of the command line, or of the program that uses this one


@dataclass(frozen=True, slots=True)
class SettingsState:
    """All settings, where each comes from, and what is wrong."""

    settings: Settings
    origins: Mapping[str, Origin]
    # By the setting, or by what the file calls it: one sentence on a value that is not used.
    problems: Mapping[str, str]
    file_problem: str = ""  # one sentence where the whole file cannot be used
    # See `SettingsFile`.
    newer: bool = False
    kept: tuple[str, ...] = ()


class _OneValue(Settings):
    """Settings from nothing but what it is given, to try a value."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        *_args: PydanticBaseSettingsSource,
        **_sources: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only arguments."""
        return (init_settings,)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings.

    Parameters
    ----------
    **overrides
        Fields from the command line; those that are None are ignored.

    Raises
    ------
    SettingsError
        A field is unknown or out of range, or the TOML file cannot be read or is none.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = {str(one["loc"][0]): one for one in error.errors()}
        state = read_settings(**given)
        # What a newer Attune means by a value is not for this one to judge: its default holds.
        blamed = [name for name in wrong if not (state.newer and state.origins.get(name) is Origin.FILE)]
        if not blamed:
            return state.settings
        name = next((name for name in blamed if name in given), blamed[0])
        elsewhere = f"on the command line, in ATTUNE_{name.upper()} or " if name in SETTINGS else ""
        raise _refusal(wrong[name], f"Correct it {elsewhere}in {paths.settings_file()}.") from error


def read_settings(**given: Any) -> SettingsState:
    """Read the settings; where a value cannot be used, its default holds and a sentence says why.

    Parameters
    ----------
    **given
        Valid values that go before those of the environment and the file.
    """
    file, file_problem = SettingsFile("", {}), ""
    try:
        file = read_settings_file(SETTINGS)
    except SettingsError as error:
        file_problem = str(error)
    values: dict[str, Any] = {}
    origins = dict.fromkeys(SETTINGS, Origin.DEFAULT)
    problems: dict[str, str] = {}
    sources = ((Origin.FILE, file.values), (Origin.ENVIRONMENT, EnvSettingsSource(Settings)()))
    for origin, found in sources:
        for name, value in found.items():
            if name not in SETTINGS:
                problems[name] = f"{_unknown(name)} It is ignored; correct it in {paths.settings_file()}."
                continue
            remedy = (
                f"Correct or remove {SETTINGS[name].variable} in the environment."
                if origin is Origin.ENVIRONMENT
                else f"Correct it in {paths.settings_file()}."
            )
            origins[name] = origin
            problems.pop(name, None)
            try:
                values[name] = checked(name, value, remedy=remedy)
            except SettingsError as error:
                values.pop(name, None)
                problems[name] = str(error)
    values |= given
    origins |= dict.fromkeys(given, Origin.ARGUMENT)
    settings = Settings.model_construct(**values)
    return SettingsState(settings, origins, problems, file_problem, file.newer, file.kept)


def checked(name: str, value: Any, *, remedy: str = "") -> Any:
    """The value of a setting as `Settings` holds it.

    Parameters
    ----------
    name, value
        Of the setting; the value may be a text.
    remedy
        A sentence on what to do about a wrong one.

    Raises
    ------
    SettingsError
        There is no such setting, or it cannot have this value.
    """
    if name not in SETTINGS:
        raise SettingsError(_unknown(name))
    try:
        return getattr(_OneValue(**{name: value}), name)
    except ValidationError as error:
        raise _refusal(error.errors()[0], remedy) from error


def save_setting(name: str, value: Any, *, advice: str = "see to that and try again") -> Path | None:
    """Keep a value in the settings file; see `change_settings_file`.

    Parameters
    ----------
    name, value
        Of the setting; None takes it out of the file, so that its default holds.
    advice
        What to do where the file cannot be written.

    Raises
    ------
    SettingsError
        There is no such setting, it cannot have this value, or the file cannot be written.
    """
    if name not in SETTINGS or value is not None:
        value = _written(name, value, checked(name, value))
    return change_settings_file(name, value, known=SETTINGS, advice=advice)


def _written(name: str, given: Any, value: Any) -> Any:
    """A value as the file is to hold it; a path as it was typed, so that `~` and `yamnet` stay."""
    if SETTINGS[name].kind is SettingKind.PATH:
        value = str(given)
        if not value.startswith("~") and (name, value) != ("mood_backbone", "yamnet"):
            value = str(Path(value).absolute())
    if isinstance(value, str) and encodable(value) != value:
        raise SettingsError(f"Setting {name!r} cannot be {_shown(value)}: no text file holds such a name.")
    return value


def _refusal(wrong: Mapping[str, Any], remedy: str) -> SettingsError:
    name = ".".join(str(part) for part in wrong["loc"])
    info = SETTINGS.get(name.partition(".")[0])
    if wrong["type"] == "extra_forbidden":
        return SettingsError(f"{_unknown(name)} {remedy}".strip())
    reason = wrong["msg"].rstrip(".").removeprefix("Value error, ")
    if info is not None and wrong["type"].startswith(("greater_than", "less_than")):
        reason = info.allowed
    said = f"Setting {_shown(name)} cannot be {_shown(wrong.get('input'))}: {reason}."
    return SettingsError(f"{said} {remedy}".strip())


def _unknown(name: str) -> str:
    alike = get_close_matches(name, SETTINGS, n=1)
    return f"There is no setting {_shown(name)}{f': did you mean {alike[0]!r}?' if alike else '.'}"


def _shown(value: object) -> str:
    text = f"so long a {type(value).__name__}"
    with suppress(ValueError):  # Python writes no number of more than 4300 digits
        text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
