"""The charts of the page "History": a calendar, shares over time, and one day with its music."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import altair as alt

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.chart_axes import COLOURS, Labels, Spec, axis_of, chart_of, layered_spec
from attune.dashboard.views.feeling_colours import colour_of
from attune.dashboard.views.feeling_names import feeling_name
from attune.dashboard.views.formatting import (
    capitalized,
    day_text,
    percent,
    short_month,
    short_weekday,
    time_text,
)
from attune.dashboard.views.history_mix import Mix, Statement, total
from attune.dashboard.views.statements import UNSURE
from core.text import printable
from realtime.journal.days import Span, local_moment
from realtime.journal.history import Played
from realtime.journal.schema import QUARTER_S

AS_TABLE: Final = N_("The same as a table")
"""What the table below a chart is called."""

_NOTHING_HEARD: Final = N_("Nothing heard")
_MUSIC_LABEL, _VOICE_LABEL = N_("Music"), N_("Voice")
_UNKNOWN_PLAYLIST: Final = N_("Music")

HALF_A_YEAR: Final = 27
"""Weeks that a narrow screen has room for."""

_GREY: Final = "#7f8594"  # stands out from both grounds
_UNSURE_OPACITY: Final = 0.3
_EMPTY_OPACITY: Final = 0.14
_FAINTEST: Final = 0.35
_MUSIC_HUE: Final = "#6b78ea"
_DAY_S: Final = 86_400
# Heights of the day's chart, in per cent of the shares: how much voice there was, and what played.
_VOICE_TOP, _VOICE_BOTTOM = -8.0, -30.0
_MUSIC_TOP, _MUSIC_BOTTOM = -38.0, -58.0
_WIDTH: Final = "(scale('x', datum.x2) - scale('x', datum.x))"  # of a playlist's block, in pixels
_SHORT_MIN: Final = 360  # a day of which no more is drawn has every hour marked


# Calendar


def calendar(
    days: Sequence[date], heard: Sequence[Mix], chosen: date, *, whole_year: bool, pick: str, ink: str
) -> Spec:
    """Draw a cell for each day: coloured as what was felt most, the stronger the more voice was heard.

    Parameters
    ----------
    days, heard
        The days of a month or a year, in order, and what was heard in each.
    chosen
        The day that is marked.
    whole_year
        Whether they are those of a year: a row for each day of the week, and a column for each week.
    pick
        Name of the selection of a day; it holds its `date`.
    ink
        Colour that stands out from the ground.
    """
    most_s = max((mix.voice_s for mix in heard), default=0.0)
    cells = [
        {
            **_cell(days[0], day, whole_year=whole_year),
            **_look(day, mix, most_s, ink if day == chosen else "transparent"),
        }
        for day, mix in zip(days, heard, strict=True)
    ]
    weeks = (days[-1] - _monday(days[0])).days // 7 + 1
    if whole_year:
        starts = [day for day in days if day.day == 1]
        months = {(day - _monday(days[0])).days // 7: short_month(day.month) for day in starts}
        x = axis_of(months, (0, max(weeks, HALF_A_YEAR)), align="left")
        y = axis_of({row + 0.43: short_weekday(row) for row in (0, 2, 4)}, (7, 0), align="right")
        height = 190
    else:
        x = axis_of({column + 0.47: short_weekday(column) for column in range(7)}, (0, 7), orient="top")
        y = axis_of({}, (weeks, 0))
        height = 52 * weeks
    base = chart_of(cells)
    rects = base.mark_rect(cornerRadius=3, cursor="pointer", strokeWidth=2.5).encode(
        x=alt.X("x:Q", **x),
        x2="x2:Q",
        y=alt.Y("y:Q", **y),
        y2="y2:Q",
        **COLOURS,
        stroke=alt.Stroke("stroke:N", scale=None),
        tooltip=[
            alt.Tooltip("day:N", title=_("Day")),
            alt.Tooltip("heard:N", title=_("Heard")),
            alt.Tooltip("voice:N", title=_("Voice")),
            alt.Tooltip("most:N", title=_("Most often")),
            alt.Tooltip("unsure:N", title=_("Unsure")),
        ],
    )
    layers = [rects.add_params(alt.selection_point(name=pick, fields=["date"]))]
    if not whole_year:
        numbers = base.mark_text(align="left", baseline="middle", fontSize=12, color=ink).encode(
            x="x:Q", y="number_y:Q", text="number:N"
        )
        layers.append(numbers)
    return layered_spec(layers, height=height)


def _cell(first: date, day: date, *, whole_year: bool) -> dict[str, float]:
    week, weekday = (day - _monday(first)).days // 7, day.weekday()
    if whole_year:
        return {"x": week, "x2": week + 0.86, "y": weekday, "y2": weekday + 0.86}
    return {"x": weekday, "x2": weekday + 0.94, "y": week + 0.36, "y2": week + 0.94, "number_y": week + 0.2}


def _look(day: date, mix: Mix, most_s: float, edge: str) -> dict[str, Any]:
    leading = mix.leading
    strength = _FAINTEST + (1.0 - _FAINTEST) * (mix.voice_s / most_s) ** 0.5 if mix.voice_s else 0.0
    if leading is None:
        strength = strength * _UNSURE_OPACITY * 2.0
    return {
        "date": day.isoformat(),
        "number": str(day.day),
        "day": day_text(day),
        "fill": _GREY if leading is None else colour_of(leading),
        "opacity": round(max(strength, _EMPTY_OPACITY), 3),
        "stroke": edge,
        "heard": time_text(mix.heard_s) if mix.heard_s else _(_NOTHING_HEARD),
        "voice": time_text(mix.voice_s),
        "most": _(UNSURE) if leading is None else capitalized(feeling_name(leading)),
        "unsure": percent(mix.unsure_share),
    }


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


# Shares over time


@dataclass(frozen=True, slots=True)
class Column:
    """What was heard in one step of time."""

    start: float  # where it lies
    end: float
    label: str
    mix: Mix


def shares_over_days(
    days: Sequence[date], heard: Sequence[Mix], statement: Statement, *, whole_year: bool
) -> Spec:
    """Draw how much of the voice was what: a column for each week of a year, or for each day of a month."""
    steps = _weeks(days, heard) if whole_year else zip(map(day_text, days), heard, strict=True)
    columns = [Column(at, at + 0.86, label, mix) for at, (label, mix) in enumerate(steps)]
    ends = (0, max(len(columns), HALF_A_YEAR if whole_year else 0))
    if whole_year:
        months = {(day - _monday(days[0])).days // 7: short_month(day.month) for day in days if day.day == 1}
        x = axis_of(months, ends, align="left")
    else:
        x = axis_of({day.day - 0.57: str(day.day) for day in days if day.day % 5 == 1}, ends)
    return layered_spec([_stacks(columns, statement, x, _percents({}, bottom=0))], height=150)


def _weeks(days: Sequence[date], heard: Sequence[Mix]) -> Iterator[tuple[str, Mix]]:
    by_week: dict[date, list[Mix]] = {}
    for day, mix in zip(days, heard, strict=True):
        by_week.setdefault(_monday(day), []).append(mix)
    for monday, parts in by_week.items():
        yield _("Week of {day}").format(day=day_text(monday)), total(parts)


def day_river(
    span: Span,
    steps: Sequence[Span],
    heard: Sequence[Mix],
    music: Sequence[Played],
    statement: Statement,
    ink: str,
) -> Spec:
    """Draw a day: shares of the voice, below them how much voice there was, and what played.

    Parameters
    ----------
    span
        The day.
    steps, heard
        The quarters of an hour or the hours of the day, and what was heard in each.
    music
        What played in it.
    statement
        What is shown of the voice.
    ink
        Colour that stands out from the ground.
    """
    columns = [
        Column(_minutes(span, step.first), _minutes(span, step.until), _step_label(step), mix)
        for step, mix in zip(steps, heard, strict=True)
    ]
    start, end = _visible(columns, sorted({*_hours(span, 3), _minutes(span, span.until)}))
    hours = _hours(span, 1 if end - start <= _SHORT_MIN else 3)
    x = axis_of({at: hour for at, hour in hours.items() if start <= at <= end}, (start, end), grid=True)
    labels = {
        (_VOICE_TOP + _VOICE_BOTTOM) / 2: _(_VOICE_LABEL),
        (_MUSIC_TOP + _MUSIC_BOTTOM) / 2: _(_MUSIC_LABEL),
    }
    y = _percents(labels, bottom=_MUSIC_BOTTOM)
    layers = [_stacks(columns, statement, x, y), _amounts(columns)]
    if music:
        layers += _music_lane(span, music, ink)
    return layered_spec(layers, height=300)


def _stacks(
    columns: Sequence[Column], statement: Statement, x: dict[str, Any], y: dict[str, Any]
) -> alt.Chart:
    values = [row for column in columns if column.mix.voice_s for row in _stack(column, statement)]
    drawn: alt.Chart = (
        chart_of(values)
        .mark_rect()
        .encode(
            x=alt.X("x:Q", **x),
            x2="x2:Q",
            y=alt.Y("y:Q", **y),
            y2="y2:Q",
            **COLOURS,
            tooltip=[
                alt.Tooltip("when:N", title=_("When")),
                alt.Tooltip("what:N", title=_("What")),
                alt.Tooltip("share:N", title=_("Share")),
                alt.Tooltip("voice:N", title=_("Voice")),
            ],
        )
    )
    return drawn


def _stack(column: Column, statement: Statement) -> Iterator[dict[str, Any]]:
    """The parts of one column, from below; what is unsure lies on top."""
    mix, below = column.mix, 0.0
    parts = [
        (capitalized(feeling_name(feeling)), colour_of(feeling), 1.0, mix.by_feeling.get(feeling, 0.0))
        for feeling in statement.feelings
    ]
    for what, fill, opacity, seconds in (*parts, (_(UNSURE), _GREY, _UNSURE_OPACITY, mix.unsure_s)):
        share = seconds / mix.voice_s
        if share <= 0.0:
            continue
        yield {
            "x": column.start,
            "x2": column.end,
            "y": round(100.0 * below, 2),
            "y2": round(100.0 * (below + share), 2),
            "fill": fill,
            "opacity": opacity,
            "when": column.label,
            "what": what,
            "share": percent(share),
            "voice": time_text(mix.voice_s),
        }
        below += share


def _amounts(columns: Sequence[Column]) -> alt.Chart:
    """How much voice there was in each step; the tallest fills its row."""
    most_s = max((column.mix.voice_s for column in columns), default=0.0)
    values = [
        {
            "x": column.start,
            "x2": column.end,
            "y": _VOICE_BOTTOM,
            "y2": _VOICE_BOTTOM + (_VOICE_TOP - _VOICE_BOTTOM) * column.mix.voice_s / most_s,
            "when": column.label,
            "voice": time_text(column.mix.voice_s),
            "heard": time_text(column.mix.heard_s),
        }
        for column in columns
        if column.mix.voice_s
    ]
    drawn: alt.Chart = (
        chart_of(values)
        .mark_rect(fill=_GREY, opacity=0.75)
        .encode(
            x="x:Q",
            x2="x2:Q",
            y="y:Q",
            y2="y2:Q",
            tooltip=[
                alt.Tooltip("when:N", title=_("When")),
                alt.Tooltip("voice:N", title=_("Voice")),
                alt.Tooltip("heard:N", title=_("Heard")),
            ],
        )
    )
    return drawn


def _music_lane(span: Span, music: Sequence[Played], ink: str) -> list[alt.Chart]:
    values = []
    for number, one in enumerate(music):
        start = (one.start - span.start).total_seconds() / 60.0
        end = (one.end - span.start).total_seconds() / 60.0
        name = printable(one.playlist) or _(_UNKNOWN_PLAYLIST)
        values.append(
            {
                "x": start,
                "x2": end,
                "y": _MUSIC_BOTTOM,
                "y2": _MUSIC_TOP,
                "middle": (_MUSIC_TOP + _MUSIC_BOTTOM) / 2,
                "opacity": 0.32 if number % 2 else 0.2,
                "name": name,
                "when": _times(one.start.astimezone(), one.end.astimezone()),
                "why": printable(one.reason),
            }
        )
    base = chart_of(values).encode(
        tooltip=[
            alt.Tooltip("name:N", title=_("Playlist")),
            alt.Tooltip("when:N", title=_("When")),
            alt.Tooltip("why:N", title=_("Why")),
        ]
    )
    blocks = base.mark_rect(cornerRadius=4, fill=_MUSIC_HUE, stroke=_MUSIC_HUE, strokeWidth=1).encode(
        x="x:Q", x2="x2:Q", y="y:Q", y2="y2:Q", opacity=alt.Opacity("opacity:Q", scale=None)
    )
    names = base.mark_text(
        align="left",
        baseline="middle",
        dx=6,
        fontSize=12,
        color=ink,
        limit=alt.ExprRef(f"{_WIDTH} - 10"),
        opacity=alt.ExprRef(f"{_WIDTH} > 36 ? 1 : 0"),
    ).encode(x="x:Q", y="middle:Q", text="name:N")
    return [blocks, names]


def _minutes(span: Span, quarter: int) -> float:
    return (quarter - span.first) * QUARTER_S / 60.0


def _visible(columns: Sequence[Column], marks: Sequence[float]) -> tuple[float, float]:
    """The marks of the axis between which something was heard."""
    heard = [column for column in columns if column.mix.heard_s]
    if not heard:
        return marks[0], marks[-1]
    start = max((mark for mark in marks if mark <= heard[0].start), default=marks[0])
    return start, min((mark for mark in marks if mark >= heard[-1].end), default=marks[-1])


def _step_label(step: Span) -> str:
    return _times(local_moment(step.first), local_moment(step.until))


def _times(begin: datetime, end: datetime) -> str:
    return _("{begin} to {end}").format(begin=f"{begin:%H:%M}", end=f"{end:%H:%M}")


def _hours(span: Span, every: int) -> Labels:
    """Where every so many hour of the clock begins, which on some days is not every 60 minutes."""
    moments = {quarter: local_moment(quarter) for quarter in range(span.first, span.until)}
    return {
        _minutes(span, quarter): f"{at:%H:%M}"
        for quarter, at in moments.items()
        if at.minute == 0 and at.hour % every == 0
    }


def _percents(labels: Labels, *, bottom: float) -> dict[str, Any]:
    return axis_of(
        {**{share: percent(share / 100) for share in (0, 50, 100)}, **labels}, (bottom, 100), align="right"
    )
