"""What happened to the music and why, as a table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.feeling_colours import background_of, feeling_named
from attune.dashboard.views.formatting import capitalized, moment
from attune.dashboard.views.html import render
from playback.snapshot import MusicRecord, RecordKind
from realtime.journal.history import MusicEvent

_HEADS: Final = (N_("Time"), N_("What"), N_("Heard"), N_("Playlist"), N_("Why"))
_KINDS: Final = {
    RecordKind.SWITCHED: N_("Switched"),
    RecordKind.SUGGESTED: N_("Suggested"),
    RecordKind.HELD_BACK: N_("Held back"),
    RecordKind.FAILED: N_("Failed"),
    RecordKind.USER: N_("You"),
    RecordKind.UNDONE: N_("Undone"),
}


def music_history(records: Sequence[MusicRecord], now_s: float) -> Markup:
    """Draw the table.

    Parameters
    ----------
    records
        Newest first.
    now_s
        Unix time.
    """
    drawn = [_drawn(record, now_s) for record in records]
    return render("music_history", records=drawn, heads=(*_HEADS, N_("Outcome")))


def journal_music(events: Sequence[MusicEvent]) -> Markup:
    """Draw what the journal knows of it, of one day.

    Parameters
    ----------
    events
        In the order in which they are to be read.
    """
    return render("music_history", records=[_drawn_event(event) for event in events], heads=_HEADS)


def _drawn_event(event: MusicEvent) -> dict[str, Any]:
    at, feeling = event.at.astimezone(), feeling_named(event.feeling)
    return {
        "moment": f"{at:%H:%M}",
        "datetime": at.isoformat(timespec="seconds"),
        "kind": _(_KINDS[RecordKind(event.kind)])
        if event.kind in set(RecordKind)
        else capitalized(event.kind),
        "css_class": event.kind.replace(" ", "-"),
        "feeling": feeling,
        "hue": background_of(feeling) if feeling is not None else "",
        "playlist": event.playlist,
        "reason": event.reason,
    }


def _drawn(record: MusicRecord, now_s: float) -> dict[str, Any]:
    return {
        "moment": moment(record.at_s, now_s),
        "datetime": f"{dt.datetime.fromtimestamp(record.at_s):%Y-%m-%dT%H:%M:%S}",
        "kind": _(_KINDS[record.kind]),
        "css_class": record.kind.replace(" ", "-"),
        "feeling": record.feeling,
        "hue": background_of(record.feeling) if record.feeling is not None else "",
        "playlist": None if record.playlist is None else record.playlist.name,
        "reason": _(record.reason),
        "outcome": record.outcome,
    }
