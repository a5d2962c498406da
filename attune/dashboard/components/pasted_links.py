"""Pasted links on the Playlists page: what the player that is open is to play."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import streamlit as st
from markupsafe import Markup

from attune.dashboard.components.command_button import command_button
from attune.dashboard.state.commands import command_problem, run_command, show_problem
from attune.dashboard.translations import N_, ngettext
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.html import escape_markdown
from core.text import printable
from playback.system_player.addresses import link_of, local_path
from playback.system_player.links import add_link, remove_link

if TYPE_CHECKING:
    from playback.controller import PlaybackController

PLACE: Final = "links"
"""Where on the page it is said why a link was not taken."""

_LINK: Final = "links typed"
_NAME: Final = "links name"
_LINK_LABEL: Final = N_("Paste a link to a playlist")
_LINK_HINT: Final = N_("Spotify link, file, folder or radio stream")
_NAME_LABEL: Final = N_("Name")
_NAME_HINT: Final = N_("such as Rainy day, calm")
_NAME_HELP: Final = N_("Words like calm, upbeat or energetic tell which emotions it suits")
_ADD: Final = N_("Add")
_EMPTY: Final = N_("No link was pasted yet. In Spotify: Share, then Copy link to playlist.")
_ROW: Final = Markup('<p class="at-link"><strong>{}</strong><span>{}</span></p>')


def pasted_links(music: PlaybackController) -> None:
    """Draw the field for a link, and the links that are kept."""
    with (
        st.form("links form", border=False),
        st.container(horizontal=True, vertical_alignment="bottom", key="links-new"),
    ):
        st.text_input(_(_LINK_LABEL), key=_LINK, placeholder=_(_LINK_HINT), icon=":material/link:", width=420)
        st.text_input(_(_NAME_LABEL), key=_NAME, placeholder=_(_NAME_HINT), help=_(_NAME_HELP), width=220)
        st.form_submit_button(_(_ADD), icon=":material/add:", on_click=_add, args=(music,), type="primary")
    show_problem(PLACE)
    links = music.snapshot().preferences.links
    if not links:
        st.caption(_(_EMPTY))
        return
    counted = ngettext("{count} link", "{count} links", len(links)).format(count=len(links))
    with st.expander(counted, expanded=len(links) <= 3):
        for link in links:
            with st.container(horizontal=True, vertical_alignment="center", key=f"link-{link.uri}"):
                place = link_of(link.uri)
                st.html(_ROW.format(printable(link.name), printable(str(local_path(place) or place))))
                command_button(
                    _("Remove {name}").format(name=escape_markdown(link.name)),
                    f"links remove {link.uri}",
                    PLACE,
                    partial(_remove, music, link.uri),
                    icon="delete",
                    type="tertiary",
                )


def _add(music: PlaybackController) -> None:
    link, name = (str(st.session_state.get(key, "")) for key in (_LINK, _NAME))

    def command() -> None:
        preferences = music.snapshot().preferences
        music.set_preferences(replace(preferences, links=add_link(preferences.links, link, name=name)))

    run_command(PLACE, command)
    if not command_problem(PLACE):
        st.session_state[_LINK] = st.session_state[_NAME] = ""


def _remove(music: PlaybackController, uri: str) -> None:
    preferences = music.snapshot().preferences
    music.set_preferences(replace(preferences, links=remove_link(preferences.links, uri)))
