"""The plane of energy and pleasantness on the Live board: the voice, its trail, the music, in words too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.statements import ENERGY, PLEASANTNESS, Axis
from attune.dashboard.views.verdict import LiveVerdict
from models.resample import SAMPLE_RATE_HZ
from realtime.snapshot import AxisStatement, Decision, RollingTheme

TRAIL_STEPS: Final = 12
"""The trail fades in so many steps; each is one path, so the structure of the picture never changes."""

_TRAIL_S: Final = 120.0
_TRAIL_TICK_S: Final = 2.0  # the trail is drawn anew so often, not with every decision
_MIDDLE: Final = 0.25  # music, and a trail, count as neither up to here

# The plot reaches from 0 to 100 both ways; the stylesheet decides how large that is.
_REACH: Final = 45.0  # from the middle to where an axis ends: it keeps a mark there whole
_MIN_HALO: Final = 0.09
_HALO_SHARE: Final = 0.35  # of the plot: how far the halo reaches where nothing at all is known

NOBODY: Final = N_("Nobody is heard speaking now.")
NO_MUSIC: Final = N_("No music is heard.")
MIDDLE: Final = N_("in the middle")


@dataclass(frozen=True, slots=True)
class PlanePoint:
    """A place on the plane."""

    # Pleasantness and energy, -1 to 1.
    x: float = 0.0
    y: float = 0.0

    @property
    def words(self) -> str:
        """Where it is: "lively and pleasant", "quiet", "in the middle"."""
        sides = (_side(ENERGY, self.y), _side(PLEASANTNESS, self.x))
        words = " and ".join(side for side in sides if side)  # a direction, in English
        return _(words or MIDDLE)

    @property
    def in_plot(self) -> tuple[float, float]:
        """In per cent of the plot, from its upper left corner."""
        return 50.0 + _REACH * self.x, 50.0 - _REACH * self.y


def _side(axis: Axis, value: float) -> str:
    if abs(value) < _MIDDLE:
        return ""
    return axis.high if value > 0.0 else axis.low


def voice_place(decision: Decision | None) -> PlanePoint | None:
    """Where the voice is; None without speech, and where energy or pleasantness were not asked."""
    if decision is None or decision.energy is None or decision.pleasantness is None:
        return None
    return PlanePoint(2.0 * decision.pleasantness.probability - 1.0, 2.0 * decision.energy.probability - 1.0)


def music_place(theme: RollingTheme | None) -> PlanePoint | None:
    """Where the music is; None where none was heard."""
    if theme is None or theme.energy is None or theme.pleasantness is None:
        return None
    return PlanePoint(theme.pleasantness, theme.energy)


def plane_values(
    decision: Decision | None,
    verdict: LiveVerdict,
    history: Sequence[Decision],
    theme: RollingTheme | None,
    *,
    hop_s: float,
) -> dict[str, object]:
    """Values of the plane with the voice, its trail and the music.

    Parameters
    ----------
    decision
        That speaks of the present; None where none does.
    verdict
        Whose colour and words the voice has.
    history
        Decisions, oldest first; those of the last two minutes leave the trail.
    theme
        What is heard of the music now; None where nothing is.
    hop_s
        Time between two decisions, s; the trail is broken by what is longer than two of them.
    """
    voice, music = voice_place(decision), music_place(theme)
    now_s = history[-1].clock / SAMPLE_RATE_HZ if history else 0.0
    points = [
        (age_s, place)
        for past in history
        if (age_s := now_s - past.clock / SAMPLE_RATE_HZ) < _TRAIL_S
        and (place := voice_place(past)) is not None
    ]
    values: dict[str, object] = {
        "plane_words": _in_words(verdict, voice, music, [place for _age_s, place in points]),
        "voice_hidden": voice is None,
        "voice_look": "sure" if verdict.feeling is not None else "",
        "hue": f"var(--at-{verdict.emotion or 'soft'})",
        "music_hidden": music is None,
        **_moved("music", music),
        **_moved("voice", voice),
    }
    if voice is not None and decision is not None:
        values |= {"halo_x": _halo(decision.pleasantness), "halo_y": _halo(decision.energy)}
    # Drawn anew so seldom that it costs nothing, it ends where the voice was a moment ago.
    if history and (until_s := now_s // _TRAIL_TICK_S * _TRAIL_TICK_S):
        aged = [(age_s - now_s + until_s, place) for age_s, place in points if now_s - age_s <= until_s]
        values |= {f"trail_{step}": path for step, path in enumerate(_trail(aged, hop_s))}
    else:
        values |= {f"trail_{step}": "M0 0" for step in range(TRAIL_STEPS)}
    return values


def _moved(name: str, place: PlanePoint | None) -> dict[str, object]:
    """Where a mark goes; one that is hidden stays where it was."""
    if place is None:
        return {}
    x, y = place.in_plot
    return {f"{name}_x": f"{x:.1f}", f"{name}_y": f"{y:.1f}"}


def _halo(statement: AxisStatement | None) -> str:
    """How far the halo reaches along an axis, as a share of the plot: by the spread of a yes or no."""
    spread = 0.0
    if statement is not None:
        spread = _HALO_SHARE * 2.0 * math.sqrt(statement.probability * (1.0 - statement.probability))
    return f"{_MIN_HALO + spread:.2f}"


def trail_look() -> list[tuple[str, str]]:
    """Opacity and width of each step of the trail, the newest first."""
    fresh = (1.0 - step / TRAIL_STEPS for step in range(TRAIL_STEPS))
    return [(f"{0.75 * share:.2f}", f"{1.5 + 2.5 * share:.2f}") for share in fresh]


def _trail(points: Sequence[tuple[float, PlanePoint]], hop_s: float) -> list[str]:
    """One path for each age, the newest first; broken where nobody spoke."""
    paths = [""] * TRAIL_STEPS
    last_step, last_age_s, last = -1, math.inf, ""
    for age_s, place in points:
        x, y = place.in_plot
        here = f"{x:.0f} {y:.0f}"
        step = min(TRAIL_STEPS - 1, max(0, int(age_s / _TRAIL_S * TRAIL_STEPS)))
        if last_age_s - age_s > 2.0 * hop_s + 1e-6:
            paths[step] += f"M{here}h0"  # a dot, should nothing follow
        elif here == last and step == last_step:
            pass
        elif step == last_step:
            paths[step] += f"L{here}"
        else:
            paths[step] += f"M{last}L{here}"
        last_step, last_age_s, last = step, age_s, here
    return [path or "M0 0" for path in paths]


def _in_words(
    verdict: LiveVerdict, voice: PlanePoint | None, music: PlanePoint | None, trail: Sequence[PlanePoint]
) -> str:
    """The picture in words, for those who cannot see it."""
    if voice is None:
        said = [_(NOBODY)]
    else:
        said = [
            _("What is felt: {words}. The voice is {place}.").format(
                words=verdict.headline, place=voice.words
            )
        ]
    if trail:
        mean = PlanePoint(
            sum(place.x for place in trail) / len(trail), sum(place.y for place in trail) / len(trail)
        )
        said.append(_("On the average of the last two minutes: {place}.").format(place=mean.words))
    said.append(_(NO_MUSIC) if music is None else _("The music: {place}.").format(place=music.words))
    return " ".join((_("Plane of energy and pleasantness."), *said))
