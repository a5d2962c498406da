"""The page "Settings": every setting with what it does, and what goes with its section."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st
from markupsafe import Markup

from attune.dashboard.components.browser_component import ASSETS
from attune.dashboard.components.command_button import command_button
from attune.dashboard.components.fragments import draw_every
from attune.dashboard.components.home_automation import home_password, home_status
from attune.dashboard.components.listening_indicator import listening_indicator
from attune.dashboard.components.now_playing import now_playing
from attune.dashboard.components.page_header import open_page
from attune.dashboard.components.setting_fields import section_fields
from attune.dashboard.navigation import link_to
from attune.dashboard.state.app_context import AppContext
from attune.dashboard.state.commands import show_problem
from attune.dashboard.translations import N_, gettext_now
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.gate_preview import gate_preview
from attune.dashboard.views.html import escape_markdown, fill
from attune.dashboard.views.stored_data import StoredData, stored_table
from attune.engine.home.password import password_file
from core import paths
from core.setting_info import Section, TakesEffect
from core.settings import SETTINGS
from realtime.gate import decide_again, gate_config
from spotify import token_store

TITLE: Final = N_("Settings")
SUBTITLE: Final = N_("What you change here is kept for the next time. Nothing has to be saved.")
SECTIONS: Final = {
    Section.SOUND.value: N_("Sound"),
    Section.CONFIDENCE.value: N_("Confidence"),
    Section.MODELS.value: N_("Models"),
    Section.PLAYER.value: N_("Player"),
    Section.HOME.value: N_("Home automation"),
    Section.PRIVACY.value: N_("Privacy"),
    Section.LANGUAGE.value: N_("Language"),
    "diagnostics": N_("Diagnostics"),
}
"""The sections: what they are called in the address, and on the page."""

CHOOSE: Final = N_("Section")
KEPT_IN: Final = N_("Everything is kept in {}, a text file that you may edit.")
ASIDE: Final = N_("The file that could not be read is kept as {}.")
UNKNOWN: Final = N_("The settings file holds something that is not used. {}")
NEWER: Final = N_("A newer Attune has written {} into the settings file. That is kept, and not used here.")
WAITING: Final = {
    TakesEffect.LISTENING: N_("Takes effect when listening starts again: {}."),
    TakesEffect.PROGRAM: N_("Takes effect when Attune starts again: {}."),
}
START_AGAIN: Final = N_("Start listening again")
PREVIEW: Final = N_("The last two minutes")
PREVIEW_HELP: Final = N_(
    "Above, what was decided; below, what would have been decided with the settings as they are now. "
    "Move a slider and look."
)
PREVIEW_NOTHING: Final = N_(
    "Nothing was heard yet. Press Start on the page Live, speak for a while, and come back: you will see "
    "what other settings would have decided."
)
PLAYER_HELP: Final = N_(
    "Which player plays, and which music follows which feeling, is on the page Playlists."
)
TO_PLAYLISTS: Final = N_("Open Playlists")
KEPT: Final = N_("What is kept on this machine")
NEVER_KEPT: Final = N_("Sound is never written down, and never leaves this machine.")
DELETE_ON: Final = {
    "history": N_("Delete on the page History"),
    "voice": N_("Delete on the page Your voice"),
}
STORED: Final = {
    "journal": (N_("Journal: decisions and music, no sound"), N_("Page History")),
    "voice": (N_("Your voice: numbers that adapt the model"), N_("Page Your voice")),
    "tracks": (N_("Moods of tracks that you dropped"), N_("Page Tracks")),
    "library": (N_("Index of your music folder"), N_("Delete the file")),
    "music": (N_("Which music follows which feeling"), N_("Delete the file")),
    "spotify": (N_("Sign-in to Spotify"), N_("Disconnect on the page Playlists")),
    "home": (N_("Password for home automation"), N_("Forget it in Home automation")),
    "settings": (N_("These settings"), N_("Delete the file")),
    "log": (N_("Log: warnings and errors"), N_("Delete the file")),
}

_TICK_S: Final = 1.0
_PLACE: Final = "settings"
_SECTION: Final = "section"
_QUERY: Final = "section"
_FOOT: Final = Markup('<p class="at-foot">{}</p>')
_HEADING: Final = Markup('<h2 class="at-heading">{}</h2>')


def page() -> None:
    """Draw the page."""
    context = open_page(TITLE, SUBTITLE)
    st.html(ASSETS / "settings.css")
    context.settings.refresh()
    listening_indicator(context)
    section = _choose_section()
    drawn = _shown_state(context)
    with st.container(key="said"):  # its own place, so that the fields below stay the same ones
        _tell(context)
    draw_every(
        _TICK_S,
        "settings",
        context.engine.heartbeat,
        out_of_date=lambda: _shown_state(context) != drawn,
        key="feed-settings",
    )
    if section == "diagnostics":
        from attune.dashboard.components.diagnostics import diagnostics  # noqa: PLC0415 - it loads the models

        diagnostics(context)
    else:
        _draw_section(context, Section(section))
    st.html(fill(_FOOT, _(KEPT_IN).format(paths.settings_file())))
    now_playing(context)


def _shown_state(context: AppContext) -> tuple[object, ...]:
    """What another tab, another program or a text editor can change."""
    state = context.settings.refresh()
    home = context.engine.home
    waiting = tuple(context.settings.waiting())
    return id(state), context.engine.snapshot().listening, waiting, home.problem, home.connected


def _choose_section() -> str:
    """Let a section be chosen, which the address names too."""
    asked = st.query_params.get(_QUERY, "")
    if _SECTION not in st.session_state:
        st.session_state[_SECTION] = asked if asked in SECTIONS else next(iter(SECTIONS))
    translate = gettext_now()
    st.segmented_control(
        _(CHOOSE),
        list(SECTIONS),
        key=_SECTION,
        required=True,
        format_func=lambda name: translate(SECTIONS[name]),
        label_visibility="collapsed",
    )
    section = str(st.session_state[_SECTION])
    st.query_params[_QUERY] = section
    return section


def _tell(context: AppContext) -> None:
    """Say what is wrong with the file, and what has been changed and does not hold yet."""
    live = context.settings
    state = live.state
    if live.aside is not None and not state.file_problem:  # that is told below the heading
        st.info(escape_markdown(_(ASIDE).format(live.aside)), icon=":material/inventory_2:")
    for name, problem in state.problems.items():
        if name not in SETTINGS:
            st.warning(escape_markdown(_(UNKNOWN).format(problem)), icon=":material/warning:")
    if state.kept:
        st.info(escape_markdown(_(NEWER).format(", ".join(state.kept))), icon=":material/info:")
    waiting = live.waiting()
    for effect, words in WAITING.items():
        titles = [_(SETTINGS[name].title) for name, one in waiting.items() if one is effect]
        if titles:
            st.info(escape_markdown(_(words).format(", ".join(titles))), icon=":material/schedule:")
    if TakesEffect.LISTENING in waiting.values():
        command_button(
            _(START_AGAIN), "start again", _PLACE, partial(_start_again, context), icon="restart_alt"
        )
    show_problem(_PLACE)


def _start_again(context: AppContext) -> None:
    if (spec := context.engine.spec) is not None:
        context.engine.start(spec)


def _draw_section(context: AppContext, section: Section) -> None:
    if section is Section.CONFIDENCE:
        with st.container(border=True, key="settings-preview"):
            draw_every(_TICK_S, "preview", lambda: _draw_preview(context))
    if section is Section.PRIVACY:
        with st.container(border=True, key="settings-stored"):
            _draw_stored(context)
    with st.container(border=True, key="settings-fields"):
        st.html(_HEADING.format(_(SECTIONS[section.value])))
        if section is Section.PLAYER:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(_(PLAYER_HELP), width="content")
                link_to("playlists", _(TO_PLAYLISTS), icon="queue_music")
        if section is Section.HOME:
            home_status(context.engine)
        section_fields(context, section)
        if section is Section.HOME:
            home_password(context.engine)
    if section is Section.MODELS:
        from attune.dashboard.components.settings_models import models_in_use  # noqa: PLC0415 - the same

        with st.container(border=True, key="settings-models"):
            models_in_use(context.engine)


def _draw_preview(context: AppContext) -> None:
    engine = context.engine
    snapshot = engine.snapshot()
    st.html(_HEADING.format(_(PREVIEW)))
    if not snapshot.readings:
        st.caption(_(PREVIEW_NOTHING))
        return
    st.caption(_(PREVIEW_HELP))
    now = decide_again(snapshot.readings, gate_config(engine.settings))
    st.html(gate_preview(snapshot.history, now, engine.listening_settings.hop_s))


def _draw_stored(context: AppContext) -> None:
    st.html(_HEADING.format(_(KEPT)))
    st.caption(_(NEVER_KEPT))
    places: dict[str, Path] = {
        "journal": context.engine.settings.journal_path,
        "voice": paths.voice_file(),
        "tracks": paths.cache_dir() / "moods",
        "library": paths.library_file(),
        "music": paths.music_file(),
        "spotify": token_store.TokenStore(token_store.folder()).file,
        "home": password_file(),
        "settings": paths.settings_file(),
        "log": paths.log_file(),
    }
    kept = (StoredData(_(what), places[name], _(delete)) for name, (what, delete) in STORED.items())
    st.html(stored_table(kept))
    with st.container(horizontal=True):
        for module, label in DELETE_ON.items():
            link_to(module, _(label), icon="delete")
