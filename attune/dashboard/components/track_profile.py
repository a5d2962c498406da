"""The charts of one track on the page Tracks: its emotions, its instruments, its way over the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st
from markupsafe import Markup

from attune.dashboard.state.history_choice import ink
from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views import profile_charts as charts
from attune.dashboard.views.html import fill
from attune.dashboard.views.statements import ENERGY, PLEASANTNESS

if TYPE_CHECKING:
    from models.track.profile import TrackProfile

_EMOTIONS: Final = N_("Emotions in the music")
_INSTRUMENTS: Final = N_("Instruments")
_OVER_TIME: Final = N_("On the plane, over time")
_HEADING: Final = Markup("<h3>{}</h3>")
_CURVES: Final = Markup(
    '<p class="at-curves"><b>{}</b><span><i style="background:{}"></i>{}</span>'
    '<span><i style="background:{}"></i>{}</span></p>'
)
_OVER_TIME_ALT: Final = N_("Energy and pleasantness of the music over time, from -1 to 1.")


def track_profile(key: str, profile: TrackProfile) -> None:
    """Draw what is known; nothing where nothing is.

    Parameters
    ----------
    key
        Of the track.
    profile
        What was found of it.
    """
    emotions, instruments = profile.emotions, profile.instruments
    over_time = charts.has_places(profile)
    if emotions is None and instruments is None and not over_time:
        return
    with st.container(border=True, key=f"profile-{key}"):
        left, right = st.columns(2, gap="medium")
        if emotions is not None:
            spec = charts.radar(emotions, ink())
            left.html(_HEADING.format(_(_EMOTIONS)))
            left.vega_lite_chart(
                spec=spec, height=spec["height"], key=f"radar {key}", alt=charts.emotions_in_words(emotions)
            )
        if instruments is not None:
            spec = charts.instrument_bars(instruments, ink())
            right.html(_HEADING.format(_(_INSTRUMENTS)))
            right.vega_lite_chart(
                spec=spec,
                height=spec["height"],
                key=f"instruments {key}",
                alt=charts.instruments_in_words(instruments),
            )
        if over_time:
            spec = charts.plane_over_time(profile)
            st.html(
                fill(
                    _CURVES,
                    _(_OVER_TIME),
                    *(charts.ENERGY_HUE, _side_words(_(ENERGY.name), _(ENERGY.high))),
                    *(charts.PLEASANTNESS_HUE, _side_words(_(PLEASANTNESS.name), _(PLEASANTNESS.high))),
                )
            )
            st.vega_lite_chart(spec=spec, height=spec["height"], key=f"plane {key}", alt=_(_OVER_TIME_ALT))


def _side_words(axis: str, high: str) -> str:
    return _("{axis} (up: {high})").format(axis=axis, high=high)
