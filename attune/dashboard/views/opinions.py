"""What people said of playlists, and what came of it, in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.formatting import short_month
from playback.autopilot.wording import comes_up
from playback.player import PlayerKind
from playback.preferences.opinions import Opinion, PlaylistOpinion
from playback.preferences.preferences import MappingEntry

_SAID: Final[Mapping[Opinion, str]] = {
    Opinion.MORE: N_("You said more like this to {name} {day}, so {it_comes_up}."),
    Opinion.NOT_THIS: N_("You said not this to {name} {day}, so {it_comes_up}."),
    Opinion.SKIPPED: N_("You skipped a track of {name} {day}, so {it_comes_up}."),
}


def opinions_of(entry: MappingEntry, kind: PlayerKind, now_s: float) -> tuple[PlaylistOpinion, ...]:
    """Those on playlists of one player that still make a difference, the newest first."""
    ours = (one for one in entry.opinions if one.uri.startswith(f"{kind}:") and not one.is_faded(now_s))
    return tuple(sorted(ours, key=lambda one: -one.said_s))


def opinion_words(opinion: PlaylistOpinion, now_s: float) -> str:
    """One sentence on what was said last, and how often the playlist comes up now.

    Parameters
    ----------
    opinion
        What was said.
    now_s
        Unix time.
    """
    weight = opinion.weight_at(now_s)
    it_comes_up = _(comes_up(weight, up=opinion.said is Opinion.MORE))
    return _(_SAID[opinion.said]).format(
        name=opinion.name, day=_day(opinion.said_s, now_s), it_comes_up=it_comes_up
    )


def _day(at_s: float, now_s: float) -> str:
    day, today = dt.date.fromtimestamp(at_s), dt.date.fromtimestamp(now_s)
    if day == today:
        return _("today")
    said = _("on {day} {month}") if day.year == today.year else _("on {day} {month} {year}")
    return said.format(day=day.day, month=short_month(day.month), year=day.year)
