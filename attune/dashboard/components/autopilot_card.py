"""The autopilot on its page: how it behaves, and what a person may set."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import streamlit as st
from markupsafe import Markup

from attune.dashboard.components.command_button import command_button
from attune.dashboard.state.commands import run_change, show_problem
from attune.dashboard.state.synced_widgets import sync_widget
from attune.dashboard.translations import N_, gettext_now
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.formatting import as_minutes, as_time
from attune.dashboard.views.now_playing_bar import MODES
from attune.dashboard.views.player_status import autopilot_status
from playback.preferences.preferences import Mode

if TYPE_CHECKING:
    from playback.controller import PlaybackController

_PLACE: Final = "autopilot"

_EXPLAINED: Final = {
    Mode.OFF: N_("The music is left alone."),
    Mode.SUGGEST: N_("A playlist is proposed, and you press Accept."),
    Mode.AUTO: N_("The music changes by itself."),
}


_BETWEEN: Final = N_(
    "At least this long. A preview of the demo waits 10 s at most, so that all of it can be seen."
)
# Setting, label, lowest and highest value, step, help
_NUMBERS: Final = (
    ("dwell_s", N_("An emotion must last (s)"), 0.0, 120.0, 0.5, N_("Before the music changes for it")),
    ("cooldown_s", N_("Between two changes (s)"), 10.0, 7_200.0, 10.0, _BETWEEN),
    (
        "override_min",
        N_("After your own action (min)"),
        0.0,
        240.0,
        5.0,
        N_(
            "It keeps quiet for so long after you have paused, resumed, skipped or taken something back, or "
            "have changed the music in the player itself"
        ),
    ),
)
_TIMES: Final = (("quiet_from", N_("Quiet from")), ("quiet_to", N_("Quiet to")))


def autopilot_card(music: PlaybackController) -> None:
    """Draw the settings; what it does now is drawn by `autopilot_now`."""
    snapshot, translate = music.snapshot(), gettext_now()
    settings = snapshot.preferences.autopilot
    with st.container(horizontal=True, vertical_alignment="center", key="autopilot-mode"):
        mode = sync_widget("autopilot mode", settings.mode)
        st.segmented_control(
            _("Autopilot"),
            tuple(MODES),
            default=mode.default,
            key=mode.key,
            required=True,
            format_func=lambda one: translate(MODES[one]),
            label_visibility="collapsed",
            on_change=run_change,
            args=(_PLACE, mode, lambda value: music.set_mode(Mode(value))),
        )
        st.html(Markup('<p class="at-lead">{}</p>').format(_(_EXPLAINED[settings.mode])), width="content")
        call = sync_widget("autopilot call", snapshot.on_call)
        st.toggle(
            _("I am on a call"),
            call.default,
            key=call.key,
            on_change=run_change,
            args=(_PLACE, call, music.set_call, False),
        )
    with st.container(horizontal=True, vertical_alignment="bottom", key="autopilot-numbers"):
        for setting, label, low, high, step, explained in _NUMBERS:
            widget = sync_widget(f"autopilot {setting}", getattr(settings, setting))
            st.number_input(
                _(label),
                low,
                high,
                widget.default,
                step,
                format="%g",
                key=widget.key,
                help=_(explained),
                on_change=run_change,
                args=(_PLACE, widget, partial(_change, music, setting, float)),
                width=190,
            )
        for setting, label in _TIMES:
            widget = sync_widget(f"autopilot {setting}", as_time(getattr(settings, setting)))
            st.time_input(
                _(label),
                widget.default,
                key=widget.key,
                help=_("Between these times nothing is changed; set both to the same time to turn this off"),
                on_change=run_change,
                args=(_PLACE, widget, partial(_change, music, setting, as_minutes)),
                width=150,
            )
    show_problem(_PLACE)


def autopilot_now(music: PlaybackController) -> None:
    """Draw what it does now, and a button that ends a wait."""
    snapshot = music.snapshot()
    st.html(autopilot_status(snapshot, time.time()))
    if snapshot.can_resume:
        command_button(
            _("Resume now"),
            "autopilot resume",
            _PLACE,
            music.resume_autopilot,
            icon="play_arrow",
            help=_("The autopilot waits no longer"),
        )


def _change(music: PlaybackController, setting: str, convert: Callable[[Any], Any], value: Any) -> None:
    preferences = music.snapshot().preferences
    autopilot = replace(preferences.autopilot, **{setting: convert(value)})
    music.set_preferences(replace(preferences, autopilot=autopilot))
