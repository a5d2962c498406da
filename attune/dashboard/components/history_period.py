"""A year or a month of the page "History": what is chosen, a calendar, and shares over time."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Final

import streamlit as st

from attune.dashboard.state.history_choice import (
    MONTH,
    MONTHS,
    SOURCES,
    STATEMENT,
    WHOLE_YEAR,
    YEAR,
    HistoryChoice,
    day_limits,
    forget_day,
    ink,
    local_day,
    set_default,
    show_day,
)
from attune.dashboard.translations import N_, gettext_now
from attune.dashboard.translations import gettext as _
from attune.dashboard.views import history_charts as charts
from attune.dashboard.views import history_words as words
from attune.dashboard.views.history_mix import Statement, total
from attune.dashboard.views.html import escape_markdown
from realtime.capture.source import SourceKind
from realtime.journal.history import Extent, played, read_music, read_sessions

# Keys of the session state: the calendar, how many there have been, the day that was picked in it.
_CALENDAR, _TURN, _PICKED = "history calendar", "history turn", "history picked day"
_PICK: Final = "day"  # the selection by which a day of the calendar is picked

_STATEMENTS: Final = {
    Statement.EMOTION: N_("Emotions"),
    Statement.DIRECTION: N_("Energy and pleasantness"),
}
_CALENDAR_HELP: Final = N_(
    "Each square is a day. Its colour is what was felt most, and it is stronger the more voice was heard. "
    "Click on a day, or choose it below."
)
_CALENDAR_ALT: Final = N_("Calendar of {period}. {said}")
_SHARES_ALT: Final = N_("Shares of each feeling over time. {said}")


def choose_period(extent: Extent) -> tuple[str, ...]:
    """Let a year, a month, the sources and the statement be chosen; return the sources."""
    first, last = day_limits(extent)
    years = list(range(last.year, first.year - 1, -1))
    live = [kind for kind in extent.source_kinds if kind != SourceKind.DEMO]
    set_default(YEAR, local_day(extent.last).year, among=years)
    set_default(MONTH, WHOLE_YEAR, among=MONTHS)
    set_default(STATEMENT, Statement.EMOTION, among=_STATEMENTS)
    translate = gettext_now()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(_("Year"), years, key=YEAR, on_change=forget_day, width=120)
        st.selectbox(
            _("Month"), MONTHS, key=MONTH, format_func=gettext_now(), on_change=forget_day, width=150
        )
        st.segmented_control(
            _("Show"),
            list(_STATEMENTS),
            key=STATEMENT,
            format_func=lambda one: translate(_STATEMENTS[one]),
            required=True,
            width="content",
        )
        if len(extent.source_kinds) < 2:
            return extent.source_kinds
        # Whoever tried the demo once does not want it among the days of the room.
        kinds = [kind for kind in words.SOURCES if kind in extent.source_kinds]
        if not set(st.session_state.get(SOURCES, live)) <= set(kinds) or SOURCES not in st.session_state:
            st.session_state[SOURCES] = live
        st.pills(
            _("Heard from"),
            kinds,
            selection_mode="multi",
            key=SOURCES,
            format_func=lambda kind: translate(words.SOURCES[kind]),
            width="content",
        )
    return tuple(st.session_state[SOURCES])


def draw_period(shown: HistoryChoice) -> None:
    """Draw the year or the month that is looked at."""
    days_heard = sum(bool(mix.heard_s) for mix in shown.heard)
    said = words.summary(total(shown.heard), days_heard)
    events = read_music(shown.connection, shown.period, shown.sources)
    sessions = read_sessions(shown.connection, shown.period, shown.sources)
    music = words.most_played(played(events, sessions, shown.period))
    st.markdown(escape_markdown(f"{shown.period_name}: {said} {music}".strip()))
    st.html(words.legend(shown.statement))
    wide = len(shown.days) > 7 * charts.HALF_A_YEAR
    with st.container(key="history-wide" if wide else "history-narrow"):
        calendar = charts.calendar(
            shown.days, shown.heard, shown.day, whole_year=shown.whole_year, pick=_PICK, ink=ink()
        )
        key = _calendar_key(shown.day)
        # The height is named because the browser then keeps the place of a chart that is not drawn yet.
        st.vega_lite_chart(
            spec=calendar,
            height=calendar["height"],
            key=key,
            on_select=partial(_pick_day, key),
            selection_mode=_PICK,
            alt=_(_CALENDAR_ALT).format(period=shown.period_name, said=said),
        )
        shares = charts.shares_over_days(
            shown.days, shown.heard, shown.statement, whole_year=shown.whole_year
        )
        st.vega_lite_chart(spec=shares, height=shares["height"], alt=_(_SHARES_ALT).format(said=said))
    st.caption(_(_CALENDAR_HELP))
    with st.expander(_(charts.AS_TABLE)):
        st.html(words.days_table(shown.days, shown.heard))


def _calendar_key(day: date) -> str:
    """Key of the calendar; a new one once a day was chosen elsewhere: a cell can be picked twice then."""
    if st.session_state.get(_PICKED, day) != day:
        st.session_state[_TURN] = int(st.session_state.get(_TURN, 0)) + 1
        del st.session_state[_PICKED]
    return _key_of_the_newest()


def _key_of_the_newest() -> str:
    """Key of the calendar that was drawn last."""
    return f"{_CALENDAR} {st.session_state.get(_TURN, 0)}"


def _pick_day(key: str) -> None:
    """Go to the day that was picked in a calendar.

    A busy browser says again what was picked, also of a calendar that another one has replaced since; by then
    a person may have chosen something else.
    """
    if key != _key_of_the_newest() or not (picked := st.session_state[key].selection.get(_PICK)):
        return
    day = date.fromisoformat(picked[0]["date"])
    if day != st.session_state.get(_PICKED):
        st.session_state[_PICKED] = day
        show_day(day)
