"""Desktop notifications of what the autopilot does to the music, where people want them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from core.errors import MusicError
from playback.desktop_notifications import show_notification
from playback.serial_executor import SerialExecutor
from playback.snapshot import MusicRecord, RecordKind

_LOG = logging.getLogger(__name__)
TITLES: Final = {
    RecordKind.SWITCHED: "The music has changed",
    RecordKind.SUGGESTED: "Change the music?",
}


class SwitchNotifier:
    """Shows a notification of each switch and each suggestion, in the background.

    Parameters
    ----------
    wanted
        Whether people want them at this moment.
    """

    def __init__(self, wanted: Callable[[], bool]) -> None:
        self._wanted = wanted
        self._thread = SerialExecutor("attune-notifications")
        self._told = ""

    def take(self, record: MusicRecord) -> None:
        """Take what happened to the music; never waits."""
        if record.kind in TITLES and self._wanted():
            self._thread.post(partial(self._show, TITLES[record.kind], record.reason))

    def close(self) -> None:
        """Show no more."""
        self._thread.close(0.0)

    def _show(self, title: str, text: str) -> None:
        try:
            show_notification(title, text)
        except MusicError as error:
            if str(error) != self._told:  # the same at every switch: once is enough for the log
                _LOG.warning("%s", error)
            self._told = str(error)
