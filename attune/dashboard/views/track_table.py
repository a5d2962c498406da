"""The table of tracks: a row each, sorted by any column, and how far their analysis has come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from markupsafe import Markup

from attune.dashboard.translations import N_, language, ngettext
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.feeling_names import mood_name
from attune.dashboard.views.formatting import clock_text
from attune.dashboard.views.html import render
from attune.dashboard.views.mood_timeline import borders_text, timeline_words
from attune.dashboard.views.mood_words import class_words, tag_words
from models.mood.mood_scale import MOODS
from models.mood.result import SILENT, MoodResult, top_tags
from models.mood.result_store import TrackAnalysis
from models.mood.uploaded_track import TrackState, UploadedTrack

FEW: Final = 6  # rows that are shown before the table is unfolded: the timelines stand close below it
_TOP_TAGS: Final = 3
_ALL: Final = "all"
_NOBREAK: Final = "\N{NO-BREAK SPACE}"
_COLUMNS: Final = {
    "title": N_("Title"),
    "length": N_("Length"),
    "mood": N_("Mood"),
    "tags": N_("Top tags"),
    "music": N_("Heard"),
}
_SORT_KEYS: Final[dict[str, Callable[[UploadedTrack, MoodResult], Any]]] = {
    "title": lambda track, __: (track.title or track.name).casefold(),
    "length": lambda __, result: result.duration_s,
    "mood": lambda __, result: (
        int(result.theme_moods.argmax()) if result.has_music else len(MOODS),
        -float(result.theme_moods.max()),
    ),
    "tags": lambda __, result: [mood_name(name) for name, ___ in top_tags(result.theme, _TOP_TAGS)],
    "music": lambda __, result: result.music_share,
}

_cells: WeakKeyDictionary[TrackAnalysis, dict[str, dict[str, Any]]] = WeakKeyDictionary()
"""By language, what a row shows of an analysis: it never changes, and the table is drawn twice a second."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything that the table draws."""

    tracks: Sequence[UploadedTrack]  # in the order in which they came
    chosen: Sequence[str] = ()  # keys of those whose timelines are shown
    # Name of a column, with a minus before it for the other way round; empty for the order of coming.
    sort: str = ""


def _in_order(listing: Listing) -> list[UploadedTrack]:
    """Sort the tracks: those with a result as asked, then the others as they came."""
    by = listing.sort.removeprefix("-")
    if by not in _SORT_KEYS:
        return list(listing.tracks)
    done = [(track, track.analysis.result) for track in listing.tracks if track.analysis is not None]
    done.sort(key=lambda pair: _SORT_KEYS[by](*pair), reverse=listing.sort.startswith("-"))
    return [track for track, _ in done] + [track for track in listing.tracks if track.analysis is None]


def progress(tracks: Sequence[UploadedTrack]) -> dict[str, float]:
    """How far each track is that is being analysed, and all together, 0 to 1; -1 where nobody knows."""
    shares = {
        track.key: -1.0 if track.progress is None else round(track.progress, 3)
        for track in tracks
        if track.state is TrackState.WORKING
    }
    ended = sum(not track.open for track in tracks)
    if ended < len(tracks):
        shares[_ALL] = round((ended + sum(max(0.0, share) for share in shares.values())) / len(tracks), 3)
    return shares


def summary(tracks: Sequence[UploadedTrack]) -> str:
    """Say in one line how many there are and how far they are."""
    states = [track.state for track in tracks]
    done, failed, cancelled = (
        states.count(state) for state in (TrackState.DONE, TrackState.FAILED, TrackState.CANCELLED)
    )
    to_go = sum(track.open for track in tracks)
    analysed = ngettext("{done} of {count} analysed", "{done} of {count} analysed", len(tracks))
    others = (
        (ngettext("{count} to go", "{count} to go", to_go), to_go),
        (ngettext("{count} failed", "{count} failed", failed), failed),
        (ngettext("{count} cancelled", "{count} cancelled", cancelled), cancelled),
    )
    parts = [words.format(count=count) for words, count in others if count]
    return ", ".join([analysed.format(done=done, count=len(tracks)), *parts])


def track_table(listing: Listing) -> Markup:
    """Draw all tracks, one row each; what moves while they are analysed is told by `progress` instead."""
    return render(
        "track_table",
        tracks=[
            (track, track.key in listing.chosen, _cells_of(track.analysis) if track.analysis else None)
            for track in _in_order(listing)
        ],
        heads={name: _head(name, _(words), listing.sort) for name, words in _COLUMNS.items()},
        any_open=any(track.open for track in listing.tracks),
        any_cancelled=any(track.state is TrackState.CANCELLED for track in listing.tracks),
        summary=summary(listing.tracks),
        few=FEW,
    )


def _head(name: str, words: str, sort: str) -> dict[str, str]:
    """A column's head: its words, how it is sorted, and how a press sorts it next."""
    if sort == name:
        order, arrow, following = "ascending", "▲", f"-{name}"
    elif sort == f"-{name}":
        order, arrow, following = "descending", "▼", ""
    else:
        order, arrow, following = "none", "↕", name
    return {"name": name, "words": words, "order": order, "arrow": arrow, "next": following}


def _cells_of(analysis: TrackAnalysis) -> dict[str, Any]:
    known = _cells.setdefault(analysis, {})
    if language() not in known:
        result = analysis.result
        tags = (tag_words(result.theme, _TOP_TAGS) or _(result.no_mood)).replace(" ", _NOBREAK)
        heard = class_words(result.mean_class_scores)
        known[language()] = {
            "length": clock_text(result.duration_s),
            "mood": result.mood,
            "no_mood": _(result.no_mood),
            "borders": borders_text(result),
            "timeline": timeline_words(result),
            # A name stays in one line with its figure.
            "tags": tags.replace(f",{_NOBREAK}", ", "),
            "heard": heard,
            "most": heard.split(", ")[0] or _(SILENT),
            "scores": asdict(result.mean_class_scores),
        }
    return known[language()]
