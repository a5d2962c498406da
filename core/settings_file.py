"""The user's settings file: read, and changed one value at a time; comments and unknown lines in it stay."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Container, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import tomlkit
from tomlkit.exceptions import TOMLKitError

from core import paths
from core.errors import SettingsError
from core.file_lock import locked
from core.files import named_after, replace_atomically, writing
from core.text_files import parse_toml, read_text_file

VERSION: Final = 1
"""Of the form of the settings file; a file without a number is of this version."""

_VERSION_KEY: Final = "version"
_HEAD: Final = f"""\
# What you set in Attune. `attune settings list` shows all settings and what they mean. When one is changed
# there or on the page "Settings", only its line is written: your own lines and comments stay.
{_VERSION_KEY} = {VERSION}
"""


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What the settings file says."""

    text: str  # empty where there is no file
    values: Mapping[str, Any]  # by the names of settings; of a newer Attune's file those known here
    newer: bool = False  # a newer Attune has written it
    kept: tuple[str, ...] = ()  # names in it that are not known here; they stay


def read_settings_file(known: Container[str]) -> SettingsFile:
    """Read the settings file, without judging single values.

    Parameters
    ----------
    known
        Names of all settings.

    Raises
    ------
    SettingsError
        It cannot be read, or is not TOML.
    """
    what = f"The settings file {paths.settings_file()}"
    text = read_text_file(paths.settings_file(), what=what, error_type=SettingsError) or ""
    values = parse_toml(text, what=what, error_type=SettingsError)
    version = values.pop(_VERSION_KEY, VERSION)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise SettingsError(f"{what} has a wrong {_VERSION_KEY}: write {_VERSION_KEY} = {VERSION}.")
    if version <= VERSION:
        return SettingsFile(text, values)
    kept = tuple(name for name in values if name not in known)
    known_values = {name: value for name, value in values.items() if name not in kept}
    return SettingsFile(text, known_values, True, kept)


def change_settings_file(name: str, value: Any, *, known: Container[str], advice: str) -> Path | None:
    """Write one value into the settings file, as it stands now; what else it says stays.

    Several programs may do so at once: none undoes what another has written.

    Parameters
    ----------
    name
        Of the setting.
    value
        As TOML holds it; None takes the setting out.
    known
        Names of all settings.
    advice
        What to do where it cannot be written.

    Returns
    -------
    aside
        Where a file that could not be read is kept now; None where there was none.

    Raises
    ------
    SettingsError
        It cannot be written; what was there is as it was.
    """
    path = Path(os.path.realpath(paths.settings_file()))  # a link stays one
    aside = None
    with writing(f"The settings file {paths.settings_file()}", error_type=SettingsError, advice=advice):
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.with_name(f".{path.name}.lock")):
            try:
                before = read_settings_file(known).text
            except SettingsError:
                before = ""
                if path.is_file():
                    aside = _free_name(path)
            text = changed_text(before, name, value)
            if aside is None and text == before:
                return None
            with replace_atomically(path) as part:
                part.write_bytes(text.encode())
                if aside is not None:
                    path.replace(aside)
    return aside


def changed_text(text: str, name: str, value: Any) -> str:
    """The text of a settings file with one value in it set, or taken out where it is None.

    Parameters
    ----------
    text
        Valid TOML, empty for a new file.
    name, value
        Of the setting.
    """
    wanted = tomllib.loads(text) if text.strip() else tomllib.loads(_HEAD)
    if value is None:
        if name not in wanted:
            return text
        del wanted[name]
    else:
        wanted[name] = value
    try:
        document = tomlkit.parse(text if text.strip() else text + _HEAD)
        if value is None:
            del document[name]
        else:
            document[name] = value
        changed = tomlkit.dumps(document)
        if tomllib.loads(changed) == wanted:
            return changed
    except (TOMLKitError, ValueError):
        pass  # valid TOML that the library cannot edit: its values are kept, its comments are not
    return tomlkit.dumps(wanted)


def _free_name(path: Path) -> Path:
    endings = (".bak" if number == 1 else f".bak{number}" for number in count(1))
    return next(place for ending in endings if not (place := named_after(path, ending)).exists())
