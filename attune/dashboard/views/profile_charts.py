"""The charts of one track: emotions as a radar, instruments as bars, its way over the plane."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import altair as alt
import numpy as np

from attune.dashboard.translations import gettext as _
from attune.dashboard.views.chart_axes import Spec, axis_of, chart_of, layered_spec
from attune.dashboard.views.formatting import capitalized, clock_text, decimal, percent
from attune.dashboard.views.mood_timeline import time_marks
from attune.dashboard.views.statements import ENERGY, PLEASANTNESS
from attune.dashboard.views.track_names import emotion_name, instrument_name
from models.track.profile import LabelProbabilities, TrackProfile

HEIGHT: Final = 290  # px, of radar and bars
_TIME_HEIGHT: Final = 150

_HUE: Final = "#6b78ea"  # stands out from both grounds, as the next two
ENERGY_HUE: Final = "#c2571a"
PLEASANTNESS_HUE: Final = "#0f958a"
_GREY: Final = "#7f8594"

_INSTRUMENTS: Final = 6
_POINTS: Final = 300  # of a curve over time: finer than the eye
_LEAST_FULL: Final = 0.4  # the outer ring of the radar stands for at least so much
_RINGS: Final = 4
_LABELS_AT: Final = 1.13
_LABEL_ROOM_PX: Final = 84  # beside the radar, on each side
_EXACT: Final = 0.02

# How large the radius is, in pixels, whatever the width of the page.
_RADIUS_PX: Final = f"min({HEIGHT} / 2.55, max(40, width / 2 - {_LABEL_ROOM_PX}))"


def radar(emotions: LabelProbabilities, ink: str) -> Spec:
    """Draw the nine emotions as a closed line around a middle, each on a ray of its own.

    Parameters
    ----------
    emotions
        What the head says.
    ink
        Colour that stands out from the ground.
    """
    shares = emotions.probabilities.tolist()
    full = max(_LEAST_FULL, math.ceil(10.0 * max(shares)) / 10.0)
    rays = [_ray(number, len(shares)) for number in range(len(shares))]
    axes = {"x": _radar_axis("width"), "y": _radar_axis(str(HEIGHT))}
    between = _ray(1, 2 * len(shares))  # beside the outer ring, where no name stands
    rings = [
        {"ring": ring, "order": number, "x": x * ring / _RINGS, "y": y * ring / _RINGS}
        for ring in range(1, _RINGS + 1)
        for number, (x, y) in enumerate(rays)
    ]
    spokes = [{"x": 0.0, "y": 0.0, "x2": x, "y2": y} for x, y in rays]
    points = [
        {
            "order": number,
            "x": x * share / full,
            "y": y * share / full,
            "name": capitalized(emotion_name(label)),
            "share": percent(share),
        }
        for number, ((x, y), share, label) in enumerate(zip(rays, shares, emotions.labels, strict=True))
    ]
    net = chart_of(rings).mark_line(interpolate="linear-closed", stroke=_GREY, strokeWidth=1, opacity=0.35)
    shape = chart_of(points).encode(**_at(axes), order="order:Q")
    return layered_spec(
        [
            net.encode(**_at(axes), order="order:Q", detail="ring:N"),
            chart_of(spokes)
            .mark_rule(stroke=_GREY, strokeWidth=1, opacity=0.35)
            .encode(**_at(axes), x2="x2:Q", y2="y2:Q"),
            shape.mark_line(
                interpolate="linear-closed", stroke=_HUE, strokeWidth=2, fill=_HUE, fillOpacity=0.25
            ),
            shape.mark_circle(size=46, fill=_HUE, opacity=1).encode(
                tooltip=[alt.Tooltip("name:N", title=_("Emotion")), alt.Tooltip("share:N", title=_("Share"))]
            ),
            *_ray_names(emotions, rays, axes, ink),
            chart_of([{"x": between[0], "y": between[1], "text": percent(full)}])
            .mark_text(align="left", baseline="bottom", fontSize=11, color=ink, opacity=0.75)
            .encode(**_at(axes), text="text:N"),
        ],
        height=HEIGHT,
    )


def _ray(number: int, count: int) -> tuple[float, float]:
    """End of a ray; the first points upward, the others follow clockwise."""
    turn = 2.0 * math.pi * number / count
    return math.sin(turn), math.cos(turn)


def _ray_names(
    emotions: LabelProbabilities, rays: list[tuple[float, float]], axes: dict[str, Any], ink: str
) -> Iterator[alt.Chart]:
    """Names at the ends of the rays, each beginning or ending there."""
    for align in ("left", "center", "right"):
        values = [
            {
                "x": _LABELS_AT * x,
                "y": _LABELS_AT * y,
                # A long name stands in two lines: there is little room beside the radar.
                "text": emotion_name(label).replace(" ", "\n", 1),
            }
            for (x, y), label in zip(rays, emotions.labels, strict=True)
            if align == _side_of(x)
        ]
        yield (
            chart_of(values)
            .mark_text(align=align, baseline="middle", fontSize=12, color=ink, lineBreak="\n")
            .encode(**_at(axes), text="text:N")
        )


def _side_of(x: float) -> str:
    if abs(x) < _EXACT:
        return "center"
    return "left" if x > 0.0 else "right"


def _radar_axis(length: str) -> dict[str, Any]:
    """No axis, and a scale in radii: the radar is round whatever the width."""
    end = f"{length} / 2 / {_RADIUS_PX}"
    scale = alt.Scale(domainMin=alt.ExprRef(f"-({end})"), domainMax=alt.ExprRef(end), nice=False, zero=False)
    return {"axis": None, "scale": scale}


def _at(axes: dict[str, Any]) -> dict[str, Any]:
    return {"x": alt.X("x:Q", **axes["x"]), "y": alt.Y("y:Q", **axes["y"])}


def instrument_bars(instruments: LabelProbabilities, ink: str) -> Spec:
    """Draw the likeliest instruments as bars, those that count as present stronger.

    Parameters
    ----------
    instruments
        What the head says.
    ink
        Colour that stands out from the ground.
    """
    present = set(instruments.present(_INSTRUMENTS))
    top = instruments.top(_INSTRUMENTS)
    values = [
        {
            "name": capitalized(instrument_name(label)),
            "share": share,
            "text": percent(share),
            "opacity": 1.0 if label in present else 0.45,
        }
        for label, share in top
    ]
    full = 1.25 * max(_LEAST_FULL, *(share for _label, share in top))  # room for the figure behind a bar
    base = chart_of(values).encode(
        y=alt.Y(
            "name:N",
            sort=None,
            axis=alt.Axis(
                title=None, ticks=False, domain=False, labelLimit=132, labelFontSize=12, labelPadding=8
            ),
            scale=alt.Scale(paddingInner=0.45, paddingOuter=0.3),
        ),
        x=alt.X("share:Q", axis=None, scale=alt.Scale(domain=[0.0, full], nice=False)),
        tooltip=[alt.Tooltip("name:N", title=_("Instrument")), alt.Tooltip("text:N", title=_("Share"))],
    )
    return layered_spec(
        [
            base.mark_bar(cornerRadiusEnd=4, fill=_HUE).encode(opacity=alt.Opacity("opacity:Q", scale=None)),
            base.mark_text(align="left", baseline="middle", dx=6, fontSize=12, color=ink).encode(
                text="text:N"
            ),
        ],
        height=HEIGHT,
    )


def plane_over_time(profile: TrackProfile) -> Spec:
    """Draw energy and pleasantness over time, each -1 to 1; there is a gap where there is no music."""
    starts_s = profile.mood.starts_s
    parts = np.array_split(np.arange(len(starts_s)), min(_POINTS, len(starts_s)))
    values = [
        {
            "s": round(float(starts_s[part].mean()), 2),
            "at": clock_text(float(starts_s[part].mean())),
            "axis": name,
            "value": value,
            "text": "" if value is None else decimal(value, 2),
            "hue": hue,
        }
        for column, name, hue in (
            (1, _(ENERGY.name), ENERGY_HUE),
            (0, _(PLEASANTNESS.name), PLEASANTNESS_HUE),
        )
        for part in parts
        for value in [_mean(profile.places[part, column])]
    ]
    x = axis_of(
        {round(place * profile.duration_s, 3): text for text, place in time_marks(profile.duration_s)},
        (0.0, profile.duration_s),
        align="left",
        grid=True,
    )
    y = axis_of({-1.0: "\N{MINUS SIGN}1", 0.0: "0", 1.0: "+1"}, (-1.0, 1.0), align="right", grid=True)
    base = chart_of(values).encode(x=alt.X("s:Q", **x), y=alt.Y("value:Q", **y), detail="axis:N")
    lines = base.mark_line(strokeWidth=2, interpolate="monotone").encode(
        stroke=alt.Stroke("hue:N", scale=None)
    )
    # What is pointed at is a wide invisible dot: a thin line is hard to hit.
    hits = base.mark_circle(size=220, opacity=0.001).encode(
        tooltip=[
            alt.Tooltip("at:N", title=_("Time")),
            alt.Tooltip("axis:N", title=_("Axis")),
            alt.Tooltip("text:N", title=_("Value")),
        ]
    )
    return layered_spec([lines, hits], height=_TIME_HEIGHT)


def _mean(values: Any) -> float | None:
    known = values[~np.isnan(values)]
    return round(float(known.mean()), 3) if len(known) else None


def has_places(profile: TrackProfile) -> bool:
    """Whether energy and pleasantness of any moment are known."""
    return bool(np.isfinite(profile.places).any())


def emotions_in_words(emotions: LabelProbabilities) -> str:
    """Name the emotions, the strongest first, for those who cannot see the radar."""
    pairs = emotions.top(len(emotions.labels))
    return ", ".join(f"{emotion_name(label)} {percent(share)}" for label, share in pairs)


def instruments_in_words(instruments: LabelProbabilities) -> str:
    """Name the instruments, the likeliest first, for those who cannot see the bars."""
    pairs = instruments.top(_INSTRUMENTS)
    return ", ".join(f"{instrument_name(label)} {percent(share)}" for label, share in pairs)
