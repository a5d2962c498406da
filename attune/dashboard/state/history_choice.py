"""What a browser tab looks at on the page "History": a year or a month, a day in it, sources, a statement."""

from __future__ import annotations

import calendar
import sqlite3
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import streamlit as st

from attune.dashboard.translations import N_
from attune.dashboard.views.formatting import MONTHS as _MONTHS
from attune.dashboard.views.formatting import month_text
from attune.dashboard.views.history_mix import Mix, Statement
from realtime.journal.days import Span, span_of
from realtime.journal.history import Extent

if TYPE_CHECKING:
    from realtime.journal import Journal

PLACE: Final = "history"  # where it is said why a command failed
# Keys of the session state
YEAR, MONTH, SOURCES, STATEMENT = "history year", "history month", "history sources", "history statement"
DAY: Final = "history day"
_PICKED: Final = "history picked"  # whether a person chose the day

WHOLE_YEAR: Final = N_("Whole year")
MONTHS: Final = (WHOLE_YEAR, *_MONTHS)


@dataclass(frozen=True, slots=True)
class HistoryChoice:
    """What is looked at."""

    connection: sqlite3.Connection
    journal: Journal | None  # None where it can only be read
    extent: Extent
    days: tuple[date, ...]  # of the month, or of the year as far as it has come
    heard: tuple[Mix, ...]  # on each of them
    day: date
    sources: tuple[str, ...]
    statement: Statement
    whole_year: bool  # whether it is a year, and not a month

    @property
    def period(self) -> Span:
        """The time from the first day to the last."""
        return span_of(self.days[0], self.days[-1])

    @property
    def period_name(self) -> str:
        """How the time is called."""
        first = self.days[0]
        return str(first.year) if self.whole_year else month_text(first)


def set_default(key: str, value: object, *, among: Container[object]) -> None:
    """Let a widget begin with a value, and where what it stood at is offered no more."""
    if st.session_state.get(key) not in among:
        st.session_state[key] = value


def chosen_days(extent: Extent) -> tuple[date, ...]:
    """The days of the month, or of the year as far as it has come."""
    year, month = int(st.session_state[YEAR]), MONTHS.index(st.session_state[MONTH])
    first = date(year, month or 1, 1)
    if month:
        last = date(year, month, calendar.monthrange(year, month)[1])
    else:
        last = min(date(year, 12, 31), day_limits(extent)[1])
    return tuple(first + timedelta(days=number) for number in range((last - first).days + 1))


def chosen_day(days: Sequence[date], heard: Sequence[Mix], extent: Extent) -> date:
    """The day that a person chose, or the newest of those shown on which something was heard."""
    first, last = day_limits(extent)
    day = st.session_state.get(DAY)
    if day is None or not st.session_state.get(_PICKED):
        with_sound = [day for day, mix in zip(days, heard, strict=True) if mix.heard_s]
        day = with_sound[-1] if with_sound else days[-1]
    chosen: date = min(max(day, first), last)
    st.session_state[DAY] = chosen
    return chosen


def show_day(day: date) -> None:
    """Go to a day, and to the year and the month that it lies in."""
    st.session_state[DAY], st.session_state[_PICKED] = day, True
    st.session_state[YEAR] = day.year
    if st.session_state.get(MONTH, WHOLE_YEAR) != WHOLE_YEAR:
        st.session_state[MONTH] = MONTHS[day.month]


def forget_day() -> None:
    """Another year or month has been chosen."""
    st.session_state[_PICKED] = False


def day_limits(extent: Extent) -> tuple[date, date]:
    """The first day of the journal, and today or a later one."""
    return local_day(extent.first), max(local_day(extent.last), date.today())


def local_day(moment: datetime) -> date:
    """The day of a moment in local time."""
    return moment.astimezone().date()


def ink() -> str:
    """The colour of text in the theme that the browser shows: charts are drawn here, and cannot know."""
    return str(st.get_option(f"theme.{st.context.theme.type or 'light'}.textColor") or "#7f8594")
