"""On every page: its language, and word of a program that does not answer any more, by the browser itself."""

from __future__ import annotations

from typing import Final

from attune.dashboard.components.browser_component import browser_component
from attune.dashboard.translations import N_, language
from attune.dashboard.translations import gettext as _

GONE: Final = (
    N_("No connection"),
    N_("Attune does not answer. If it was stopped, start it again: this page goes on by itself."),
)
SILENT: Final = (
    N_("Nothing new"),
    N_("Attune is busy, or this page was asleep. It goes on by itself in a moment."),
)

_show = browser_component("connection", "connection.css", script="connection.js")


def connection_watch() -> None:
    """Watch the connection."""
    _show(
        key="connection",
        data={
            "gone": [_(words) for words in GONE],
            "silent": [_(words) for words in SILENT],
            "language": language(),
        },
    )
