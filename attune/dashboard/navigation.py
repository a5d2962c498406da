"""The pages, each imported when it is opened; the bar at the foot of a phone; the way to another."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import streamlit as st
from markupsafe import Markup
from streamlit.navigation.page import StreamlitPage

from attune.dashboard.components.connection_watch import connection_watch
from attune.dashboard.components.keyboard_focus import keyboard_focus
from attune.dashboard.state import first_run
from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _


@dataclass(frozen=True, slots=True)
class PageEntry:
    """A page."""

    module: str  # in `attune.dashboard.pages`; also its address
    title: str
    icon: str  # name of a Material icon
    short: str = ""  # what it is called where there is little room; empty: its title


_WHOLE: Final = Markup('<i class="at-whole"></i>')  # style sheets show a page that has it

ENTRIES: Final = (
    PageEntry("live", N_("Live"), "graphic_eq"),
    PageEntry("tracks", N_("Tracks"), "library_music"),
    PageEntry("playlists", N_("Playlists"), "queue_music"),
    PageEntry("history", N_("History"), "calendar_month"),
    PageEntry("voice", N_("Your voice"), "record_voice_over", N_("Voice")),
    PageEntry("settings", N_("Settings"), "settings"),
)
"""All pages, in their order; the first is the one that opens."""


def run_page() -> None:
    """Draw the page that the browser asks for, and the bar by which a phone goes to another."""
    pages = [_page_of(entry) for entry in ENTRIES]
    due = "view" not in st.query_params and first_run.is_due()
    chosen = st.navigation(pages, position="hidden" if due else "top")
    # What Live hears is named in its title by the browser.
    st.set_page_config(page_title="Attune" if chosen is pages[0] else f"{chosen.title} · Attune")
    connection_watch()
    keyboard_focus()
    if due:
        _draw("welcome")
        return
    # Phones have it in place of the menu above: style sheets decide which of the two is seen.
    with st.container(key="at-tabs", horizontal=True):
        for entry, page in zip(ENTRIES, pages, strict=True):
            st.page_link(page, label=_(entry.short or entry.title), icon=f":material/{entry.icon}:")
    chosen.run()


def link_to(module: str, label: str, *, icon: str, **asked: str) -> None:
    """Draw a link to another page.

    Parameters
    ----------
    module
        Of the other page.
    label, icon
        What stands on the link, and the name of a Material icon.
    **asked
        What the address says besides.
    """
    page = _page_of(next(entry for entry in ENTRIES if entry.module == module))
    st.page_link(page, label=label, icon=f":material/{icon}:", query_params=asked)


def _draw(module: str) -> None:
    draw: Callable[[], None] = importlib.import_module(f"attune.dashboard.pages.{module}").page
    # Before the page, so that it keeps its place whatever the page draws: it must not go, not for a moment.
    end = st.container(key="at-whole")
    try:
        draw()
    finally:
        end.html(_WHOLE)


def _page_of(entry: PageEntry) -> StreamlitPage:
    return st.Page(
        partial(_draw, entry.module),
        title=_(entry.title),
        icon=f":material/{entry.icon}:",
        url_path=entry.module,
        default=entry is ENTRIES[0],
    )
