"""Owns how the plane of energy and pleasantness looks on the Live page: values in, markup out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dashboard.markup import Markup, tag
from dashboard.statements import (
    ENERGY,
    PLEASANTNESS,
    UNSURE,
    Axis,
    axis_words,
    emotion_words,
    statement_name,
)
from models.resample import SAMPLE_RATE_HZ
from realtime.snapshot import AxisStatement, Decision, DecisionKind, RollingTheme

__all__ = ["TRAIL_S", "Place", "plane", "voice_place"]

TRAIL_S: Final = 120.0
"""How long the trail of the voice is, s."""

_NONE: Final = "\N{EN DASH}"
_MIDDLE: Final = 0.25
"""Music, and a trail, count as neither up to here."""

# The picture, in its own units; the stylesheet decides how large it is.
_WIDTH: Final = 420.0
_HEIGHT: Final = 330.0
_MARGIN: Final = 26.0
_INSET: Final = 14.0
"""Keeps a mark at the end of an axis whole."""
_INNER_WIDTH: Final = _WIDTH - 2 * _MARGIN
_INNER_HEIGHT: Final = _HEIGHT - 2 * _MARGIN
_HALO_LEAST: Final = 13.0
_HALO_SHARE: Final = 0.4
"""Of half an axis: how far the halo reaches where nothing at all is known."""
_STEPS: Final = 12
"""The trail fades in so many steps; each is one path, so the structure of the picture never changes."""
_DIAMOND: Final = "M0-12L12 0L0 12L-12 0Z"


@dataclass(frozen=True, slots=True)
class Place:
    """A place on the plane.

    Parameters
    ----------
    x, y
        Pleasantness and energy, -1 to 1.
    """

    x: float
    y: float

    @property
    def words(self) -> str:
        """Where it is: "lively and pleasant", "quiet", "in the middle"."""
        sides = (_side(ENERGY, self.y), _side(PLEASANTNESS, self.x))
        return " and ".join(side for side in sides if side) or "in the middle"

    @property
    def in_picture(self) -> tuple[float, float]:
        """In units of the picture, from the upper left corner of the plot."""
        across, up = _INNER_WIDTH / 2 - _INSET, _INNER_HEIGHT / 2 - _INSET
        return _INNER_WIDTH / 2 + across * self.x, _INNER_HEIGHT / 2 - up * self.y


def _side(axis: Axis, value: float) -> str:
    if abs(value) < _MIDDLE:
        return ""
    return axis.high if value > 0.0 else axis.low


def voice_place(decision: Decision | None) -> Place | None:
    """Where the voice is; None without speech, and where energy or pleasantness were not asked."""
    if decision is None or decision.energy is None or decision.pleasantness is None:
        return None
    return Place(2.0 * decision.pleasantness.probability - 1.0, 2.0 * decision.energy.probability - 1.0)


def music_place(theme: RollingTheme | None) -> Place | None:
    """Where the music is; None where none was heard."""
    if theme is None or theme.energy is None or theme.pleasantness is None:
        return None
    return Place(theme.pleasantness, theme.energy)


def plane(
    decision: Decision | None,
    history: Sequence[Decision],
    theme: RollingTheme | None,
    *,
    clock: int,
    hop_s: float,
) -> Markup:
    """Draw the plane with the voice, its trail and the music, and say the three statements beside it.

    Parameters
    ----------
    decision
        That speaks of the present; None where none does.
    history
        Decisions, oldest first; those of the last two minutes leave the trail.
    theme
        What is heard of the music now; None where nothing is.
    clock
        Sample clock of the present.
    hop_s
        Time between two decisions, s; the trail is broken by what is longer than two of them.
    """
    voice, music = voice_place(decision), music_place(theme)
    points = [
        (age_s, place)
        for past in history
        if (age_s := (clock - past.clock) / SAMPLE_RATE_HZ) < TRAIL_S
        and (place := voice_place(past)) is not None
    ]
    return tag(
        "section",
        tag("h2", "Energy and pleasantness"),
        tag(
            "div",
            _picture(decision, voice, music, points, hop_s),
            _said(decision, music),
            class_="field",
        ),
        tag(
            "p",
            _key("voice", "voice"),
            _key("halo", "how unsure it is"),
            _key("path", "last two minutes"),
            _key("song", "music, last 10 s"),
            class_="legend",
        ),
        class_="card plane",
        aria_label="Energy and pleasantness",
    )


def _picture(
    decision: Decision | None,
    voice: Place | None,
    music: Place | None,
    points: Sequence[tuple[float, Place]],
    hop_s: float,
) -> Markup:
    middle_x, middle_y = _INNER_WIDTH / 2, _INNER_HEIGHT / 2
    plot = tag(
        "svg",
        tag("rect", class_="ground", width="100%", height="100%", rx="10"),
        tag("line", class_="axis", x1="0", x2="100%", y1=f"{middle_y:g}", y2=f"{middle_y:g}"),
        tag("line", class_="axis", y1="0", y2="100%", x1=f"{middle_x:g}", x2=f"{middle_x:g}"),
        tag("g", *_trail(points, hop_s), class_="path"),
        tag(
            "g",
            tag("path", d=_DIAMOND),
            class_="song",
            style=_moved(music),
            hidden=music is None,
            data_testid="plane-music",
        ),
        _voice(decision, voice),
        x=f"{_MARGIN:g}",
        y=f"{_MARGIN:g}",
        width=f"{_INNER_WIDTH:g}",
        height=f"{_INNER_HEIGHT:g}",
    )
    centre_x, centre_y, edge = f"{_WIDTH / 2:g}", f"{_HEIGHT / 2:g}", _MARGIN / 2
    return tag(
        "svg",
        plot,
        tag("text", ENERGY.high, class_="side", x=centre_x, y=f"{edge:g}"),
        tag("text", ENERGY.low, class_="side", x=centre_x, y=f"{_HEIGHT - edge:g}"),
        _upright(PLEASANTNESS.low, f"translate({edge:g} {centre_y}) rotate(-90)"),
        _upright(PLEASANTNESS.high, f"translate({_WIDTH - edge:g} {centre_y}) rotate(-90)"),
        class_="picture",
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        role="img",
        aria_label=_in_words(decision, voice, music, points),
        data_testid="plane",
    )


def _upright(words: str, transform: str) -> Markup:
    return tag("text", words, class_="side", transform=transform)


def _moved(place: Place | None) -> str:
    x, y = (place or Place(0.0, 0.0)).in_picture
    return f"transform:translate({x:.1f}px,{y:.1f}px)"


def _voice(decision: Decision | None, place: Place | None) -> Markup:
    """Draw the voice: a dot, hollow while all is unsure, in a halo as wide as it is unsure, with its name."""
    shown = decision if place is not None else None
    emotion = shown.emotion if shown is not None else None
    # Where there is no voice the name is hidden, not empty: then no node has to come and go.
    name = statement_name(shown) if shown is not None else UNSURE
    sure = name != UNSURE
    halo_x, halo_y = _halo(shown.pleasantness if shown else None), _halo(shown.energy if shown else None)
    return tag(
        "g",
        tag(
            "ellipse",
            class_="halo",
            style=(
                f"rx:{_HALO_LEAST + halo_x * _INNER_WIDTH / 2:.1f}px;"
                f"ry:{_HALO_LEAST + halo_y * _INNER_HEIGHT / 2:.1f}px"
            ),
        ),
        tag("circle", class_="spot", r="9"),
        tag("text", name, class_="name", **_beside(place or Place(0.0, 0.0))),
        class_="voice sure" if sure else "voice",
        style=f"{_moved(place)};--hue:var({f'--at-{emotion}' if emotion is not None else '--at-soft'})",
        hidden=place is None,
        data_testid="plane-voice",
    )


def _halo(statement: AxisStatement | None) -> float:
    """How far the halo reaches along an axis, as a share of half of it: by the spread of a yes or no."""
    if statement is None:
        return 0.0
    return _HALO_SHARE * 2.0 * math.sqrt(statement.probability * (1.0 - statement.probability))


def _beside(place: Place) -> dict[str, str]:
    """Where the name stands so that it stays within the picture: over the dot, or below it at the top."""
    below = place.y > 0.7
    if abs(place.x) < 0.35:
        return {"x": "0", "y": "27" if below else "-17", "text_anchor": "middle"}
    left = place.x < 0.0
    return {
        "x": "-9" if left else "9",
        "y": "27" if below else "-17",
        "text_anchor": "start" if left else "end",
    }


def _trail(points: Sequence[tuple[float, Place]], hop_s: float) -> Iterator[Markup]:
    """One path for each age, the newest first; where nobody spoke it is broken."""
    drawn = [""] * _STEPS
    last_step, last_age_s, last = -1, math.inf, ""
    for age_s, place in points:
        x, y = place.in_picture
        here = f"{x:.1f} {y:.1f}"
        step = min(_STEPS - 1, max(0, int(age_s / TRAIL_S * _STEPS)))
        if last_age_s - age_s > 2.0 * hop_s + 1e-6:
            drawn[step] += f"M{here}h0"  # a dot, should nothing follow
        elif step == last_step:
            drawn[step] += f"L{here}"
        else:
            drawn[step] += f"M{last}L{here}"
        last_step, last_age_s, last = step, age_s, here
    for step, path in enumerate(drawn):
        fresh = 1.0 - step / _STEPS
        yield tag(
            "path", d=path or "M0 0", style=f"opacity:{0.75 * fresh:.2f};stroke-width:{1.5 + 2.5 * fresh:.2f}"
        )


def _said(decision: Decision | None, music: Place | None) -> Markup:
    """The statements in words, beside the picture."""
    place = voice_place(decision)
    rows = [("Emotion", _NONE, False), (ENERGY.name, _NONE, False), (PLEASANTNESS.name, _NONE, False)]
    if place is not None and decision is not None and decision.leading is not None:
        accepted = decision.kind is DecisionKind.ACCEPTED
        emotion = decision.emotion or decision.leading
        rows[0] = ("Emotion", emotion_words(emotion, decision.confidence, accepted=accepted), accepted)
        for row, axis, statement in ((1, ENERGY, decision.energy), (2, PLEASANTNESS, decision.pleasantness)):
            if statement is not None:
                rows[row] = (axis.name, axis_words(axis, statement), statement.accepted is not None)
    rows.append(("Music", music.words.capitalize() if music is not None else _NONE, False))
    return tag(
        "dl",
        *(
            tag(
                "div",
                tag("dt", name),
                tag("dd", words, data_testid=f"said-{name.lower()}"),
                class_="accepted" if accepted else None,
            )
            for name, words, accepted in rows
        ),
        class_="statements",
    )


def _in_words(
    decision: Decision | None,
    voice: Place | None,
    music: Place | None,
    points: Sequence[tuple[float, Place]],
) -> str:
    """The picture in words, for those who cannot see it."""
    if voice is None or decision is None or decision.energy is None or decision.pleasantness is None:
        said = "Nobody is heard speaking now."
    else:
        energy = axis_words(ENERGY, decision.energy).lower()
        pleasantness = axis_words(PLEASANTNESS, decision.pleasantness).lower()
        said = (
            f"The voice: {statement_name(decision).lower()}. Energy: {energy}. Pleasantness: {pleasantness}."
        )
    if points:
        x = sum(place.x for _, place in points) / len(points)
        y = sum(place.y for _, place in points) / len(points)
        said += f" On the average of the last two minutes: {Place(x, y).words}."
    heard = f"The music: {music.words}." if music is not None else "No music is heard."
    return f"Plane of energy and pleasantness. {said} {heard}"


def _key(look: str, words: str) -> Markup:
    return tag("span", tag("i", class_=f"swatch {look}"), words, class_="key")
