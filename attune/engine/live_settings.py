"""The settings of a running engine: changed by people, kept in their file, and read again from it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from core import paths
from core.errors import SettingsError
from core.setting_info import TakesEffect
from core.settings import SETTINGS, Origin, Settings, SettingsState, checked, read_settings, save_setting

if TYPE_CHECKING:
    from attune.engine.engine import Engine

_LOG = logging.getLogger(__name__)
_UNSAVED: Final = "the change holds only until Attune ends; make its folder writable, then set it again"
_LOCKED: Final = {
    Origin.ENVIRONMENT: "Setting {name!r} is set by {variable} in the environment: change it there.",
    Origin.ARGUMENT: "Setting {name!r} was given when Attune was started: change it there.",
}


class TakesSettings(Protocol):
    """A part of the engine that the settings concern."""

    def set_settings(self, settings: Settings) -> None:
        """Take other settings over while it runs."""


def hand_out(settings: Settings, *parts: TakesSettings | None) -> None:
    """Let parts of the engine, as far as they are there, take other settings over."""
    for part in parts:
        if part is not None:
            part.set_settings(settings)


class LiveSettings:
    """Changes the settings of an engine; any thread may use it.

    Values that the engine was given beside the file and the environment stay as they are.

    Parameters
    ----------
    engine
        It takes changes over at once.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._began_with = engine.settings
        state = read_settings()
        given = _different(state.settings, engine.settings)
        self._given = {name: getattr(engine.settings, name) for name in given}
        self._unsaved: dict[str, Any] = {}
        self._mark = _mark()
        self.state: SettingsState = read_settings(**self._given)
        """All settings, where each comes from, and what is wrong."""
        self.aside: Path | None = None
        """Where a file that could not be read has been kept aside; None where none was."""

    def refresh(self) -> SettingsState:
        """Take over what the file says now, whoever has changed it."""
        with self._lock:
            if self._mark != _mark():
                self._read()
            return self.state

    def change(self, name: str, value: Any) -> None:
        """Set a setting, now and for the next start.

        Parameters
        ----------
        name, value
            Of the setting; None takes it out of the file, so that its default holds.

        Raises
        ------
        SettingsError
            It cannot have this value or is set elsewhere; or it cannot be kept, then it holds for this run.
        """
        with self._lock:
            if (sentence := self.locked(name)) is not None:
                raise SettingsError(sentence)
            wanted = SETTINGS[name].default if value is None else checked(name, value)
            try:
                self.aside = save_setting(name, value, advice=_UNSAVED) or self.aside
                self._unsaved.pop(name, None)
            except SettingsError as error:
                _LOG.warning("%s", error)
                self._unsaved[name] = wanted
                raise
            finally:
                self._read()

    def locked(self, name: str) -> str | None:
        """Why a setting cannot be changed here: one sentence; None where it can."""
        sentence = _LOCKED.get(self.state.origins[name])
        return sentence and sentence.format(name=name, variable=SETTINGS[name].variable)

    def waiting(self) -> Mapping[str, TakesEffect]:
        """The settings that have been changed and do not hold yet, and what they wait for."""
        now, engine = self._engine.settings, self._engine
        since = {TakesEffect.PROGRAM: self._began_with}
        if engine.snapshot().listening:
            since[TakesEffect.LISTENING] = engine.listening_settings
        return {
            name: effect
            for effect, before in since.items()
            for name in _different(before, now)
            if SETTINGS[name].takes_effect is effect
        }

    def _read(self) -> None:
        self._mark = _mark()
        state = read_settings(**self._unsaved | self._given)
        origins = {**state.origins, **dict.fromkeys(self._unsaved, Origin.THIS_RUN)}
        self.state = replace(state, origins=origins)
        if _different(self._engine.settings, state.settings):
            self._engine.set_settings(state.settings)


def _different(one: Settings, other: Settings) -> list[str]:
    return [name for name in SETTINGS if getattr(one, name) != getattr(other, name)]


def _mark() -> object:
    """What changes with every change of the settings file."""
    try:
        found = paths.settings_file().stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
