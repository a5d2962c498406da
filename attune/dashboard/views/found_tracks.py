"""Tracks that were found, as a list: their order, what they are called, what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup

from attune.dashboard.translations import gettext as _
from attune.dashboard.translations import ngettext
from attune.dashboard.views.feeling_names import mood_name
from attune.dashboard.views.formatting import clock_text, percent
from attune.dashboard.views.html import render
from attune.dashboard.views.track_facts import tempo_text
from attune.dashboard.views.track_names import genre_name, key_name
from attune.dashboard.views.track_plane import MOOD_HUES, ExploredTrack

MOST_LISTED: Final = 100


def found_tracks(tracks: Sequence[ExploredTrack], similarities: Sequence[float] | None = None) -> Markup:
    """Draw the first hundred.

    Parameters
    ----------
    tracks
        In their order.
    similarities
        How much each sounds like what was asked for, 0 to 1.
    """
    shares = similarities if similarities is not None else [None] * len(tracks)
    rows = [_row(track, share) for track, share in zip(tracks[:MOST_LISTED], shares, strict=False)]
    more = len(tracks) - len(rows)
    return render(
        "found_tracks",
        rows=rows,
        more=ngettext("and {count} more", "and {count} more", more).format(count=more) if more else "",
        nothing=_("No track fits: ask for less."),
    )


def _row(track: ExploredTrack, share: float | None) -> dict[str, Any]:
    facts, row = track.facts, track.row
    details = [
        tempo_text(facts.tempo_bpm) if facts.tempo_bpm is not None else "",
        key_name(facts.key) if facts.key else "",
        ", ".join(genre_name(name) for name, _share in facts.genres[:2]),
    ]
    return {
        "title": row.title,
        "artist": row.artist,
        "length": "" if row.duration_s is None else clock_text(row.duration_s),
        "mood": mood_name(facts.mood) if facts.mood else "",
        "hue": MOOD_HUES.get(facts.mood, ""),
        "details": [text for text in details if text],
        "share": "" if share is None else percent(share),
    }
