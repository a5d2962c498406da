"""The page "History": days and weeks of what was felt and played, sessions with notes, export and delete."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from attune.dashboard.components.browser_component import ASSETS
from attune.dashboard.components.fragments import draw_every
from attune.dashboard.components.history_day import draw_day
from attune.dashboard.components.history_kept import draw_kept, show_done
from attune.dashboard.components.history_period import choose_period, draw_period
from attune.dashboard.components.listening_indicator import listening_indicator
from attune.dashboard.components.page_header import open_page
from attune.dashboard.state.commands import show_problem
from attune.dashboard.state.history_choice import (
    MONTH,
    PLACE,
    STATEMENT,
    WHOLE_YEAR,
    HistoryChoice,
    chosen_day,
    chosen_days,
)
from attune.dashboard.translations import N_, ngettext
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.history_mix import Statement, mixes
from attune.dashboard.views.html import escape_markdown
from core.errors import JournalError
from realtime.journal.days import refresh_time_zone, span_of
from realtime.journal.history import Extent, open_history, read_extent, read_heard

if TYPE_CHECKING:
    from attune.engine.engine import Engine
    from realtime.journal import Journal

_TICK_S: Final = 2.0

_SUBTITLE: Final = N_("What was heard and what played, day by day. All of it is kept on this machine alone.")
_SWITCHED_OFF: Final = N_(
    "The journal is switched off in the settings, so nothing is recorded. What was recorded before stays."
)
_NOTHING_YET: Final = N_(
    "Nothing has been recorded yet. Press Start on the page Live, and come back when you have listened for "
    "a while."
)
_READ_ONLY: Final = N_("You can look, but not write notes or delete.")


def page() -> None:
    """Draw the page."""
    context = open_page(N_("History"), _SUBTITLE)
    st.html(ASSETS / "history.css")
    listening_indicator(context)
    refresh_time_zone()
    engine = context.engine
    journal = engine.journal
    show_problem(PLACE)
    show_done()
    try:
        with open_history(engine.settings.journal_path) as connection:
            extent = read_extent(connection)
            _show_state(engine, journal, _(_READ_ONLY))
            if extent is None:
                st.info(_(_NOTHING_YET), icon=":material/calendar_month:")
            else:
                _draw(engine, journal, connection, extent)
    except JournalError as error:
        if not _show_state(engine, journal):
            st.error(escape_markdown(str(error)), icon=":material/error:")


def _show_state(engine: Engine, journal: Journal | None, but: str = "") -> bool:
    """Say what is wrong with the journal, and what can be done nevertheless; whether anything is."""
    if journal is not None:
        sentences = [journal.error, journal.notice]
    elif engine.settings.journal:
        sentences = [f"{engine.snapshot().journal_error} {but}"]
    else:
        sentences = [_(_SWITCHED_OFF)]
    for sentence in filter(None, sentences):
        st.warning(escape_markdown(sentence), icon=":material/warning:")
    return any(sentences)


def _draw(engine: Engine, journal: Journal | None, connection: sqlite3.Connection, extent: Extent) -> None:
    _show_counting(engine.settings.journal_path, extent.uncounted)
    with st.container(border=True, key="history-period"):
        sources = choose_period(extent)
        days = chosen_days(extent)
        whole_year = st.session_state[MONTH] == WHOLE_YEAR
        statement = Statement(st.session_state[STATEMENT])
        found = read_heard(connection, [span_of(day) for day in days], sources)
        heard = mixes(found, len(days), statement)
        day = chosen_day(days, heard, extent)
        shown = HistoryChoice(connection, journal, extent, days, heard, day, sources, statement, whole_year)
        draw_period(shown)
    with st.container(border=True, key="history-day"):
        draw_day(shown)
    with st.container(border=True, key="history-kept"):
        draw_kept(shown, engine.settings.retention_days)


def _show_counting(path: Path, uncounted: int) -> None:
    """While days of an older journal are being added up, say so, and draw the page again as they come."""
    if not uncounted:
        return

    def left() -> int:
        with open_history(path) as connection:
            extent = read_extent(connection)
        return 0 if extent is None else extent.uncounted

    draw_every(
        _TICK_S,
        "counting",
        lambda: st.caption(_counting(uncounted)),
        out_of_date=lambda: left() != uncounted,
    )


def _counting(sessions: int) -> str:
    return ngettext(
        "Older days are still being added up, the newest first: {count} session to go. You can look around.",
        "Older days are still being added up, the newest first: {count} sessions to go. You can look around.",
        sessions,
    ).format(count=sessions)
