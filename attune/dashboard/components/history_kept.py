"""What the journal keeps, on the page "History": how long, export, delete."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st
from markupsafe import Markup

from attune.dashboard.components.command_button import command_button
from attune.dashboard.state.commands import forget_command, show_problem
from attune.dashboard.state.history_choice import PLACE, HistoryChoice, day_limits
from attune.dashboard.translations import N_, ngettext
from attune.dashboard.translations import gettext as _
from attune.dashboard.views import history_words as words
from attune.dashboard.views.formatting import day_text
from attune.dashboard.views.history_mix import mixes, total
from attune.dashboard.views.html import escape_markdown
from core import paths
from core.errors import JournalError
from core.files import writing
from realtime.capture.source import SourceKind
from realtime.journal.days import span_of
from realtime.journal.history import read_heard, read_music, read_sessions, within

if TYPE_CHECKING:
    from realtime.journal import Journal

HEADING: Final = Markup('<h2 class="at-heading">{}</h2>')
_EXPORT: Final = "history export"
"""Where an export is asked for."""
_SAID, _SAVED = "history said", "history saved"  # keys of the session state
_EXPORT_WHAT, _EXPORT_FORMAT, _DELETE_WHAT = "history export what", "history export format", "history delete"

_THIS_DAY, _EVERYTHING = N_("This day"), N_("Everything")
_SHOWN: Final = N_("The time shown in the calendar")
_KEPT_FOR_EVER: Final = N_("Sessions are kept until you delete them. Settings can change that.")
_EXPORT_HELP: Final = N_(
    "A table of decisions and events, without any sound. It goes to your downloads folder."
)


def show_done() -> None:
    """Say what was deleted, once."""
    if said := st.session_state.pop(_SAID, ""):
        st.success(escape_markdown(said), icon=":material/check:")


def draw_kept(shown: HistoryChoice, retention_days: int) -> None:
    """Draw how long the journal is kept, and let it be exported and deleted.

    Parameters
    ----------
    shown
        What is looked at.
    retention_days
        See `Settings`; 0 keeps all.
    """
    st.html(HEADING.format(_("What is kept")))
    st.caption(_kept_for(retention_days) if retention_days else _(_KEPT_FOR_EVER))
    if shown.journal is None:
        return
    with st.container(horizontal=True):
        with st.popover(_("Export"), icon=":material/download:"):
            _draw_export(shown, shown.journal)
        with st.popover(_("Delete"), icon=":material/delete:"):
            _draw_delete(shown, shown.journal)


def _kept_for(days: int) -> str:
    return ngettext(
        "Sessions are kept for {count} day and then deleted automatically. Settings can change that.",
        "Sessions are kept for {count} days and then deleted automatically. Settings can change that.",
        days,
    ).format(count=days)


def _draw_export(shown: HistoryChoice, journal: Journal) -> None:
    st.write(_(_EXPORT_HELP))
    names = {
        _THIS_DAY: day_text(shown.day),
        _SHOWN: f"{_(_SHOWN)}: {shown.period_name}",
        _EVERYTHING: _(_EVERYTHING),
    }
    st.radio(
        _("What"),
        list(names),
        key=_EXPORT_WHAT,
        format_func=lambda what: names[what],
        on_change=_forget_export,
    )
    st.radio(_("As"), ("CSV", "Parquet"), key=_EXPORT_FORMAT, horizontal=True, on_change=_forget_export)
    command_button(_("Save"), _EXPORT, _EXPORT, partial(_export, shown, journal), type="primary")
    show_problem(_EXPORT)
    if said := st.session_state.get(_SAVED, ""):
        st.success(escape_markdown(said))


def _forget_export() -> None:
    """Say no more how the last export ended: another one is chosen."""
    forget_command(_EXPORT)
    st.session_state.pop(_SAVED, None)


def _export(shown: HistoryChoice, journal: Journal) -> None:
    st.session_state.pop(_SAVED, None)
    what, as_parquet = st.session_state[_EXPORT_WHAT], st.session_state[_EXPORT_FORMAT] == "Parquet"
    spans = {_THIS_DAY: span_of(shown.day), _SHOWN: shown.period, _EVERYTHING: None}
    parts = {
        _THIS_DAY: shown.day.isoformat(),
        _SHOWN: shown.period_name.replace(" ", "-"),
        _EVERYTHING: "all",
    }
    export = journal.export_parquet if as_parquet else journal.export_csv
    target = _free_name(f"attune-{parts[what]}", ".parquet" if as_parquet else ".csv")
    rows = export(target, span=spans[what])
    said = ngettext("Saved {count} row as {file}.", "Saved {count} rows as {file}.", rows)
    st.session_state[_SAVED] = said.format(count=rows, file=target)


def _free_name(stem: str, suffix: str) -> Path:
    """A file of the downloads folder that is not there yet."""
    folder = paths.downloads_dir()
    with writing(str(folder), error_type=JournalError):
        folder.mkdir(parents=True, exist_ok=True)
    numbers = (f"{stem}{'' if number == 1 else f'-{number}'}{suffix}" for number in range(1, 10_000))
    return next(path for name in numbers if not (path := folder / name).exists())


def _draw_delete(shown: HistoryChoice, journal: Journal) -> None:
    names = {_THIS_DAY: day_text(shown.day), _EVERYTHING: _(_EVERYTHING)}
    st.radio(
        _("What"),
        list(names),
        key=_DELETE_WHAT,
        format_func=lambda what: names[what],
    )
    everything = st.session_state[_DELETE_WHAT] == _EVERYTHING
    kinds = tuple(SourceKind)  # whatever is shown, all is deleted
    span = span_of(*day_limits(shown.extent)) if everything else span_of(shown.day)
    goes = total(mixes(read_heard(shown.connection, [span], kinds), 1, shown.statement))
    sessions = len(read_sessions(shown.connection, span, kinds))
    changes = len(within(read_music(shown.connection, span, kinds), span))
    name = _("everything that was ever recorded") if everything else day_text(shown.day)
    st.write(escape_markdown(words.what_goes(name, goes, sessions, changes)))
    if everything:
        delete_button("all", journal.delete_all, _("Everything is deleted."))
    else:
        said = _("{day} is deleted.").format(day=day_text(shown.day))
        delete_button("day", partial(journal.delete_between, span), said)


def delete_button(name: str, delete: Callable[[], None], said: str) -> None:
    """Draw the button that deletes for good.

    Parameters
    ----------
    name
        Of what it deletes, for its key.
    delete
        Deletes it.
    said
        What is said afterwards.
    """

    def carry_out() -> None:
        delete()
        st.session_state[_SAID] = said

    command_button(_("Delete for good"), f"history delete {name}", PLACE, carry_out, type="primary")
