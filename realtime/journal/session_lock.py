"""Locks of running sessions: a file beside the journal that the system unlocks when its process is gone."""

from __future__ import annotations

import glob
import os
from collections.abc import Container
from contextlib import suppress
from pathlib import Path
from typing import Final

from core.file_lock import try_lock

_PREFIX: Final = ".session-"
_SUFFIX: Final = ".lock"


class SessionLocks:
    """The locks that one writer holds; hold and test them in a transaction only, so that none is missed.

    Parameters
    ----------
    journal
        File of the journal.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._held: dict[int, int] = {}  # number of a session -> descriptor

    def hold(self, session_id: int) -> None:
        """Hold the lock of a session, also where somebody has removed its file; where none can be had, not.

        Nothing depends on it but whether another program takes the session for one that was broken off.
        """
        path = _path(self._journal, session_id)
        if session_id in self._held:
            if path.exists():
                return
            os.close(self._held.pop(session_id))
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                try_lock(descriptor)
            except OSError:
                os.close(descriptor)
                raise
            self._held[session_id] = descriptor

    def keep(self, running: Container[int]) -> None:
        """Let go of sessions that do not run any more."""
        for session_id in [number for number in self._held if number not in running]:
            os.close(self._held.pop(session_id))
            remove(self._journal, session_id)

    def abandon(self) -> None:
        """Let go of all: those whose sessions have not ended are left for others to find."""
        for descriptor in self._held.values():
            os.close(descriptor)
        self._held.clear()


def numbers(journal: Path) -> tuple[int, ...]:
    """Numbers of the sessions that there are locks of, held or left behind."""
    journal = journal.resolve()  # a link leads to the same journal
    prefix = f"{journal.name}{_PREFIX}"
    found = journal.parent.glob(f"{glob.escape(prefix)}*{_SUFFIX}")
    names = (path.name.removeprefix(prefix).removesuffix(_SUFFIX) for path in found)
    return tuple(int(name) for name in names if name.isdecimal())


def is_held(journal: Path, session_id: int) -> bool | None:
    """Whether a living process holds the lock of a session; None where there is no lock."""
    try:
        descriptor = os.open(_path(journal, session_id), os.O_RDWR)
    except FileNotFoundError:
        return None
    except OSError:
        return True
    try:
        try_lock(descriptor)
    except OSError:  # held, or the file system has no locks: it may well be alive
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def remove(journal: Path, session_id: int) -> None:
    """Remove a lock that nobody holds."""
    with suppress(OSError):
        _path(journal, session_id).unlink()


def _path(journal: Path, session_id: int) -> Path:
    journal = journal.resolve()
    return journal.with_name(f"{journal.name}{_PREFIX}{session_id}{_SUFFIX}")
