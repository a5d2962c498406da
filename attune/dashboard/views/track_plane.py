"""Tracks on the plane, each a dot in the colour of its mood, and a path over them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import altair as alt

from attune.dashboard.translations import gettext as _
from attune.dashboard.views.chart_axes import COLOURS, Spec, axis_of, chart_of, layered_spec
from attune.dashboard.views.feeling_names import mood_name
from attune.dashboard.views.formatting import NONE
from attune.dashboard.views.statements import ENERGY, PLEASANTNESS
from attune.dashboard.views.track_facts import tempo_text
from attune.dashboard.views.track_names import genre_name, key_name
from core.text import printable
from playback.library.track_facts import PlanePlace, TrackFacts
from playback.library.tracks import TrackRow

HEIGHT: Final = 420  # px
MOST_DOTS: Final = 1_500
"""So many dots a browser draws at once; those of a larger library are thinned out evenly."""

_STYLE: Final = Path(__file__).parents[1] / "assets" / "live_board.css"
MOOD_HUES: Final[Mapping[str, str]] = dict(
    re.findall(r"--at-mood-(\w+): (#[0-9a-f]{6});", _STYLE.read_text(encoding="utf-8"))
)
"""The moods' colours, as on the cards of tracks."""

_GREY: Final = "#7f8594"
_FAINT: Final = 0.13
_REACH: Final = 1.12  # of the scale: a dot at the edge stays whole
_SIDES_AT: Final = 1.05
_DOT, _LARGE_DOT = 60, 150
_HUE: Final = "#6b78ea"


@dataclass(frozen=True, slots=True, eq=False)
class ExploredTrack:
    """A track that is looked at beside others."""

    key: str  # unique on the page
    row: TrackRow
    dropped: bool = False  # it was dropped on the page, and is not of the library

    @property
    def facts(self) -> TrackFacts:
        """What is known of it."""
        return self.row.facts or TrackFacts()

    @property
    def name(self) -> str:
        """Title and artist."""
        return " · ".join(printable(part) for part in (self.row.title, self.row.artist) if part)


def thinned(tracks: Sequence[ExploredTrack], keep: Collection[str] = ()) -> list[ExploredTrack]:
    """Take so many that a browser can draw them, evenly, and those of some keys in any case."""
    step = max(1, -(-len(tracks) // MOST_DOTS))
    return [
        track
        for number, track in enumerate(tracks)
        if number % step == 0 or track.key in keep or track.dropped
    ]


def plane_of_tracks(
    tracks: Sequence[ExploredTrack],
    shown: Collection[str],
    path: Sequence[ExploredTrack],
    ends: tuple[PlanePlace, PlanePlace] | None,
    *,
    pick: str,
    ink: str,
) -> Spec:
    """Draw the plane, as on the page Live: pleasant to the right, lively upward.

    Parameters
    ----------
    tracks
        Those whose place is known are drawn.
    shown
        Keys of those that stand out.
    path
        Tracks that a line leads along.
    ends
        Where the path is to begin and to end; None without one.
    pick
        Name of the selection of a track; it holds its `key`.
    ink
        Colour that stands out from the ground.
    """
    axes = (axis_of({}, (-_REACH, _REACH)), axis_of({}, (-_REACH, _REACH)))
    layers = [*_ground(axes), *_sides(axes, ink)]
    if ends is not None:
        layers.append(_ends(axes, ends))
    if path:
        layers += _path(axes, path, ink)
    dots = [_dot(track, track.key in shown) for track in tracks if track.facts.place is not None]
    # Those that stand out lie on top.
    dots.sort(key=lambda dot: (dot["large"], dot["opacity"]))
    if dots:
        layers.append(_dots(axes, dots, pick))
    return layered_spec(layers, height=HEIGHT)


def _at(axes: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    return {"x": alt.X("x:Q", **axes[0]), "y": alt.Y("y:Q", **axes[1])}


def _ground(axes: Any) -> list[alt.Chart]:
    """The plot and its two axes, as on the page Live."""
    whole = {"x": -_REACH, "x2": _REACH, "y": -_REACH, "y2": _REACH}
    cross = [whole | {"y": 0.0, "y2": 0.0}, whole | {"x": 0.0, "x2": 0.0}]
    ends = {"x2": "x2:Q", "y2": "y2:Q"}
    return [
        chart_of([whole]).mark_rect(cornerRadius=10, fill=_GREY, opacity=0.12).encode(**_at(axes), **ends),
        chart_of(cross).mark_rule(stroke=_GREY, opacity=0.4).encode(**_at(axes), **ends),
    ]


def _sides(axes: Any, ink: str) -> list[alt.Chart]:
    """What the four sides are called, as on the page Live."""
    sides = (
        (0.0, _SIDES_AT, _(ENERGY.high), 0),
        (0.0, -_SIDES_AT, _(ENERGY.low), 0),
        (-_SIDES_AT, 0.0, _(PLEASANTNESS.low), 270),
        (_SIDES_AT, 0.0, _(PLEASANTNESS.high), 90),
    )
    return [
        chart_of([{"x": x, "y": y, "text": text}])
        .mark_text(align="center", baseline="middle", angle=angle, fontSize=13, color=ink, opacity=0.75)
        .encode(**_at(axes), text="text:N")
        for x, y, text, angle in sides
    ]


def _ends(axes: Any, ends: tuple[PlanePlace, PlanePlace]) -> alt.Chart:
    start, end = ends
    values = [{"x": start.pleasantness, "y": start.energy, "x2": end.pleasantness, "y2": end.energy}]
    drawn: alt.Chart = (
        chart_of(values)
        .mark_rule(stroke=_HUE, strokeWidth=14, opacity=0.16, strokeCap="round")
        .encode(**_at(axes), x2="x2:Q", y2="y2:Q")
    )
    return drawn


def _path(axes: Any, path: Sequence[ExploredTrack], ink: str) -> list[alt.Chart]:
    values = [
        {"order": number, "x": place.pleasantness, "y": place.energy, "text": str(number + 1)}
        for number, track in enumerate(path)
        if (place := track.facts.place) is not None
    ]
    base = chart_of(values).encode(**_at(axes))
    return [
        base.mark_line(stroke=_HUE, strokeWidth=2, opacity=0.8).encode(order="order:Q"),
        base.mark_text(fontSize=11, fontWeight="bold", dx=11, dy=-9, color=ink).encode(text="text:N"),
    ]


def _dots(axes: Any, dots: Sequence[Mapping[str, Any]], pick: str) -> alt.Chart:
    drawn: alt.Chart = (
        chart_of(dots)
        .mark_point(filled=True, cursor="pointer", strokeWidth=1.5)
        .encode(
            **_at(axes),
            **COLOURS,
            stroke=alt.Stroke("stroke:N", scale=None),
            size=alt.Size("size:Q", scale=None),
            shape=alt.Shape("shape:N", scale=None),
            tooltip=[
                alt.Tooltip("name:N", title=_("Track")),
                alt.Tooltip("mood:N", title=_("Mood")),
                alt.Tooltip("tempo:N", title=_("Tempo")),
                alt.Tooltip("musical_key:N", title=_("Key")),
                alt.Tooltip("genre:N", title=_("Genre")),
            ],
        )
        .add_params(alt.selection_point(name=pick, fields=["key"]))
    )
    return drawn


def _dot(track: ExploredTrack, shown: bool) -> dict[str, Any]:
    facts, place = track.facts, track.facts.place
    assert place is not None
    return {
        "key": track.key,
        "x": round(place.pleasantness, 3),
        "y": round(place.energy, 3),
        "fill": MOOD_HUES.get(facts.mood, _GREY),
        "stroke": "#ffffff" if track.dropped else "transparent",
        "opacity": 0.95 if shown else _FAINT,
        "shape": "diamond" if track.dropped else "circle",
        "size": _LARGE_DOT if track.dropped else _DOT,
        "large": track.dropped,
        "name": track.name,
        "mood": mood_name(facts.mood) if facts.mood else NONE,
        "tempo": tempo_text(facts.tempo_bpm),
        "musical_key": key_name(facts.key) if facts.key else NONE,
        "genre": ", ".join(genre_name(name) for name, _share in facts.genres) or NONE,
    }
