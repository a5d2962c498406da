"""On pages that are not about listening: that something is listened to all the same, and a button to stop."""

from __future__ import annotations

from typing import Final

import streamlit as st
from markupsafe import Markup

from attune.dashboard.components.command_button import command_button
from attune.dashboard.components.fragments import draw_every
from attune.dashboard.components.pause_button import pause_button
from attune.dashboard.state.app_context import AppContext
from attune.dashboard.state.commands import show_problem
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.html import fill
from attune.dashboard.views.source_choices import is_of_the_server, source_name
from attune.dashboard.views.verdict import state_words
from realtime.snapshot import ListenerState

_TICK_S: Final = 1.0
_WORDS: Final = Markup(
    '<p class="at-indicator" role="status"><span class="dot" aria-hidden="true"></span>{}</p>'
)
_PAUSED: Final = Markup('<p class="at-indicator" role="status">{}</p>')
_PLACE: Final = "indicator"


def listening_indicator(context: AppContext) -> None:
    """Say that a source is open, and let it be closed: a page that is open keeps it open."""
    draw_every(_TICK_S, "listening indicator", lambda: _draw(context), key="at-listening")


def _draw(context: AppContext) -> None:
    context.engine.heartbeat()
    _draw_state(context)
    show_problem(_PLACE)


def _draw_state(context: AppContext) -> None:
    snapshot = context.engine.snapshot()
    if snapshot.state is ListenerState.PAUSED:
        with st.container(horizontal=True, vertical_alignment="center", key="at-indicator"):
            st.html(fill(_PAUSED, state_words(snapshot)), width="content")
            pause_button(context.engine, _PLACE, type="tertiary")
        return
    if not snapshot.listening:
        return
    name = source_name(snapshot.source) if snapshot.source else _("a source")
    with st.container(horizontal=True, vertical_alignment="center", key="at-indicator"):
        words = _("Listening to {source}").format(source=name)
        if snapshot.source and is_of_the_server(snapshot.source.name):
            words = _("Listening to the default microphone")
        st.html(fill(_WORDS, words), width="content")
        command_button(_("Stop listening"), "indicator stop", _PLACE, context.engine.stop, type="tertiary")
