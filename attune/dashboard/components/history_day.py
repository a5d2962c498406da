"""One day of the page "History": how it went, what was played and why, its sessions with their notes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import streamlit as st

from attune.dashboard.components.browser_component import browser_component
from attune.dashboard.components.command_button import command_button
from attune.dashboard.components.history_kept import HEADING, delete_button
from attune.dashboard.state.commands import run_change
from attune.dashboard.state.history_choice import (
    DAY,
    PLACE,
    HistoryChoice,
    day_limits,
    ink,
    set_default,
    show_day,
)
from attune.dashboard.state.synced_widgets import sync_widget
from attune.dashboard.translations import N_, gettext_now, ngettext
from attune.dashboard.translations import gettext as _
from attune.dashboard.views import history_charts as charts
from attune.dashboard.views import history_words as words
from attune.dashboard.views.formatting import capitalized
from attune.dashboard.views.history_mix import Mix, mixes, total
from attune.dashboard.views.html import escape_markdown
from attune.dashboard.views.music_history import journal_music
from realtime.journal.corrections import read_corrections
from realtime.journal.days import Span, span_of
from realtime.journal.history import (
    MusicEvent,
    SessionSummary,
    played,
    read_heard,
    read_music,
    read_sessions,
    within,
)

if TYPE_CHECKING:
    from realtime.journal import Journal

_SESSIONS_SHOWN: Final = 10
_NOTE_CHARACTERS: Final = 500
_STEP, _ALL = "history step", "history all sessions"  # keys of the session state

_STEPS: Final = {N_("15 minutes"): 1, N_("1 hour"): 4}  # in quarters of an hour
_DAY_ALT: Final = N_(
    "Shares of each feeling through the day, how much voice there was, and what played. {said}"
)
_NO_MUSIC: Final = N_("No record of the music on this day.")
_NO_SESSIONS: Final = N_("No sessions on this day.")
_NOTE_LABEL: Final = N_("Note on the session at {time}")
_DELETE_LABEL: Final = N_("Delete the session at {time}")
_SESSION_DELETED: Final = N_("The session is deleted.")

_show_music = browser_component(
    "journal_music", "live_board.css", "music_history.css", script="music_history.js"
)


def draw_day(shown: HistoryChoice) -> None:
    """Draw the day that is looked at."""
    _choose_day(shown)
    span = span_of(shown.day)
    quarters = _STEPS[st.session_state[_STEP]]
    steps = [Span(at, min(at + quarters, span.until)) for at in range(span.first, span.until, quarters)]
    heard = mixes(read_heard(shown.connection, steps, shown.sources), len(steps), shown.statement)
    sessions = read_sessions(shown.connection, span, shown.sources)
    events = read_music(shown.connection, span, shown.sources)
    said = capitalized(words.summary(total(heard), 1))
    st.markdown(escape_markdown(said))
    if any(mix.heard_s for mix in heard):
        music = played(events, sessions, span)
        river = charts.day_river(span, steps, heard, music, shown.statement, ink())
        st.vega_lite_chart(spec=river, height=river["height"], alt=_(_DAY_ALT).format(said=said))
        with st.expander(_(charts.AS_TABLE)):
            st.html(words.steps_table(steps, heard))
    _draw_music(within(events, span))
    _draw_corrections(shown, [session.id for session in sessions], span)
    _draw_sessions(shown, sessions)


def _choose_day(shown: HistoryChoice) -> None:
    first, last = day_limits(shown.extent)
    set_default(_STEP, next(iter(_STEPS)), among=_STEPS)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.date_input(_("Day"), key=DAY, min_value=first, max_value=last, on_change=_follow_day, width=150)
        for label, icon, step in (
            (N_("Day before"), "chevron_left", -1),
            (N_("Day after"), "chevron_right", 1),
        ):
            day = shown.day + timedelta(days=step)
            st.button(
                _(label),
                key=f"history {label}",
                icon=f":material/{icon}:",
                disabled=not first <= day <= last,
                on_click=show_day,
                args=(day,),
            )
        st.segmented_control(
            _("In steps of"),
            list(_STEPS),
            key=_STEP,
            format_func=gettext_now(),
            required=True,
            width="content",
        )


def _follow_day() -> None:
    show_day(st.session_state[DAY])


def _draw_music(events: Sequence[MusicEvent]) -> None:
    if events:
        data = {"html": journal_music(events), "heading": _("What happened and why")}
        _show_music(key="history music", data=data)
    else:
        st.caption(_(_NO_MUSIC))


def _draw_corrections(shown: HistoryChoice, sessions: Collection[int], span: Span) -> None:
    """Draw what people corrected on this day, each of which can be taken back."""
    found = [
        row
        for row in read_corrections(shown.connection)
        if row.session_id in sessions and span.start <= datetime.fromisoformat(row.wall_time) < span.end
    ]
    if not found:
        return
    st.html(HEADING.format(_("Corrections")))
    for row in found:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(escape_markdown(words.correction_words(row)))
            if shown.journal is not None:
                undo = partial(shown.journal.undo_correction, row.session_id, row.from_clock)
                key = f"history undo {row.session_id} {row.from_clock}"
                label = _("Undo the correction at {time}").format(time=words.correction_time(row))
                command_button(label, key, PLACE, undo, icon="undo")


def _draw_sessions(shown: HistoryChoice, sessions: Sequence[SessionSummary]) -> None:
    st.html(HEADING.format(_("Sessions")))
    if not sessions:
        st.caption(_(_NO_SESSIONS))
        return
    shortened = len(sessions) > _SESSIONS_SHOWN and not st.session_state.get(_ALL)
    for session in sessions[-_SESSIONS_SHOWN:] if shortened else sessions:
        _draw_session(shown, session)
    if shortened:
        # More than one, in every language of which some have forms of their own for some numbers.
        label = ngettext(
            "Show {count} session of this day", "Show all {count} sessions of this day", len(sessions)
        )
        st.button(label.format(count=len(sessions)), key=_ALL)


def _draw_session(shown: HistoryChoice, session: SessionSummary) -> None:
    journal = shown.journal
    widget = sync_widget(f"history note {session.id}", session.note)
    time = f"{session.started.astimezone():%H:%M}"
    st.markdown(escape_markdown(words.session_words(session, shown.day)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            _(_NOTE_LABEL).format(time=time),
            str(widget.default),
            key=widget.key,
            label_visibility="collapsed",
            placeholder=_("Write a note"),
            max_chars=_NOTE_CHARACTERS,
            disabled=journal is None,
            on_change=run_change,
            # What could not be written stays in the field.
            args=(PLACE, widget, partial(_write_note, journal, session.id), False),
        )
        if journal is None:
            return
        with st.popover(_(_DELETE_LABEL).format(time=time), icon=":material/delete:"):
            goes = Mix(session.heard_s, 0.0, {})
            st.write(words.what_goes(_("this session"), goes, 1, session.music_events))
            delete_button(
                f"session {session.id}",
                partial(journal.delete_session, session.id),
                _(_SESSION_DELETED),
            )


def _write_note(journal: Journal | None, session_id: int, note: str) -> None:
    if journal is not None:
        journal.set_note(session_id, note.strip())
