"""The preferences in force, saved in the background whenever they change."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from core.errors import AttuneError
from playback.preferences.preferences import Preferences
from playback.serial_executor import SerialExecutor


class PreferencesKeeper:
    """Holds the `current` preferences, and the `problem` that they could not be read or saved, else empty.

    Any thread may change them.

    Parameters
    ----------
    preferences, problem
        What people decided before, or why that could not be read.
    save, executor
        Saves changed preferences, and where it is called.
    """

    def __init__(
        self,
        preferences: Preferences,
        *,
        save: Callable[[Preferences], None],
        executor: SerialExecutor,
        problem: str = "",
    ) -> None:
        self.current = preferences
        self.problem = problem
        self._lock = threading.Lock()
        self._save = save
        self._executor = executor

    def update(self, change: Callable[[Preferences], Preferences]) -> tuple[Preferences, Preferences]:
        """Put changed preferences in force and have them saved; returns those before, and those now."""
        with self._lock:
            before = self.current
            now = change(before)
            if now != before:
                self.current = now
                self._executor.post(partial(self._save_now, now))
            return before, now

    def _save_now(self, preferences: Preferences) -> None:
        try:
            self._save(preferences)
            self.problem = ""
        except AttuneError as error:
            self.problem = f"{error} What you changed holds until the program ends."
        except Exception as error:
            self.problem = (
                f"Your choices for the music could not be saved ({type(error).__name__}), and hold until the "
                "program ends: see its log."
            )
            raise
