"""The journal of this program: opened when it is first needed, and one that cannot be opened is reported."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

from core.errors import JournalError
from core.settings import Settings
from realtime.journal import Journal
from realtime.snapshot import Snapshot

_LOG = logging.getLogger(__name__)


class JournalAccess:
    """Holds the one journal; any thread may use it.

    Parameters
    ----------
    settings
        Whether there is a journal, where, and for how long it keeps what it holds.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._journal: Journal | None = None
        self._opened_with: object = None
        self._problem = ""
        self._closed = False

    def set_settings(self, settings: Settings) -> None:
        """Take other settings over, from the next time on that the journal is opened anew."""
        self._settings = settings

    def open(self, *, anew: bool = False) -> Journal | None:
        """The journal; None where settings switch it off, it cannot be opened, or all is closed.

        Parameters
        ----------
        anew
            Nobody records now: one that the settings have changed is closed and opened again.
        """
        with self._lock:
            settings = self._settings
            if anew and self._journal is not None and self._opened_with != _of_journal(settings):
                self._journal.close()
                self._journal = None
            if self._journal is None and settings.journal and not self._closed:
                try:
                    self._journal = Journal(settings.journal_path, retention_days=settings.retention_days)
                    self._problem, self._opened_with = "", _of_journal(settings)
                except JournalError as error:
                    self._problem = str(error)
                    _LOG.warning("%s", error)
            return self._journal

    def report(self, snapshot: Snapshot) -> Snapshot:
        """Put into a snapshot what is wrong with the journal; never waits."""
        journal = self._journal
        if journal is None:
            return replace(snapshot, journal_error=self._problem)
        return replace(snapshot, journal_error=journal.error, journal_notice=journal.notice)

    def close(self) -> None:
        """Write what waits, and close it."""
        with self._lock:
            self._closed = True
            if self._journal is not None:
                self._journal.close()
                self._journal = None


def _of_journal(settings: Settings) -> object:
    return settings.journal, settings.journal_path, settings.retention_days
