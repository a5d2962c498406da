"""The words of the page "History", and tables that say the same as its charts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final

from markupsafe import Markup

from attune.dashboard.translations import N_, ngettext
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.feeling_colours import colour_of
from attune.dashboard.views.feeling_names import feeling_name
from attune.dashboard.views.formatting import NONE, capitalized, day_text, percent, time_text
from attune.dashboard.views.history_mix import Mix, Statement
from attune.dashboard.views.html import render
from realtime.capture.source import SourceKind
from realtime.journal.corrections import CorrectionRow
from realtime.journal.days import Span, local_moment
from realtime.journal.history import Played, SessionSummary

SOURCES: Final = {
    SourceKind.MICROPHONE.value: N_("Microphone"),
    SourceKind.SYSTEM.value: N_("This computer"),
    SourceKind.FILE.value: N_("Recordings"),
    SourceKind.PUSH.value: N_("Other programs"),
    SourceKind.DEMO.value: N_("The demo"),
}
"""What was listened to, by the value of its kind."""

_MOST_PLAYED: Final = 3


def summary(mix: Mix, days: int) -> str:
    """Say in a few sentences what was heard.

    Parameters
    ----------
    mix
        All of it.
    days
        On how many days something was heard.
    """
    if not mix.heard_s:
        return _("Nothing was heard in this time.")
    heard = ngettext(
        "{heard} of listening, {voice} of it with a voice.",
        "{heard} of listening on {days} days, {voice} of it with a voice.",
        days,
    )
    said = [heard.format(heard=time_text(mix.heard_s), voice=time_text(mix.voice_s), days=days)]
    if mix.leading is not None:
        said.append(_("Most often: {feeling}.").format(feeling=feeling_name(mix.leading)))
    if mix.voice_s:
        said.append(_("Unsure for {share} of the voice.").format(share=percent(mix.unsure_share)))
    return " ".join(said)


def most_played(music: Iterable[Played]) -> str:
    """Say which playlists played longest; empty where none did."""
    seconds: dict[str, float] = {}
    for one in music:
        if one.playlist:
            seconds[one.playlist] = seconds.get(one.playlist, 0.0) + (one.end - one.start).total_seconds()
    longest = sorted(seconds, key=lambda name: -seconds[name])[:_MOST_PLAYED]
    named = ", ".join(f"{name} ({time_text(seconds[name])})" for name in longest)
    return _("Played most: {named}.").format(named=named) if named else ""


def what_goes(what: str, mix: Mix, sessions: int, changes: int) -> str:
    """Say what a deletion takes away.

    Parameters
    ----------
    what
        A day, a session, or everything.
    mix
        What was heard.
    sessions, changes
        How many sessions and records of the music there are.
    """
    counted = ngettext("{count} session", "{count} sessions", sessions).format(count=sessions)
    records = ngettext("{count} record of the music", "{count} records of the music", changes).format(
        count=changes
    )
    return _(
        "This deletes {what}: {sessions} with notes and corrections, {heard} of decisions, {records}. "
        "It cannot be undone. Files that you have saved stay."
    ).format(
        what=what,
        sessions=counted,
        heard=time_text(mix.heard_s) if mix.heard_s else "0 min",
        records=records,
    )


def session_words(session: SessionSummary, day: date) -> str:
    """Say when a session was, how long, and what it listened to."""
    start = session.started.astimezone()
    began = f"{start:%H:%M}" if start.date() == day else f"{day_text(start.date())} {start:%H:%M}"
    kind = SOURCES.get(session.source_kind, session.source_kind)
    source = _(kind)
    if session.source_name.casefold() not in {kind.casefold(), "built-in demo"}:
        source = f"{source}: {session.source_name}"
    if session.ended is None:
        return _("{began}, still running. {source}").format(began=began, source=source)
    end = session.ended.astimezone()
    ended = f"{end:%H:%M}" if end.date() == day else f"{day_text(end.date())} {end:%H:%M}"
    length = time_text((session.ended - session.started).total_seconds())
    return _("{began} to {ended}, {length}. {source}").format(
        began=began, ended=ended, length=length, source=source
    )


def correction_words(row: CorrectionRow) -> str:
    """Say what a person corrected."""
    meant, said = row.meant or N_("just talking"), row.said or N_("unsure")
    return _("{time}: {meant}, not {said}.").format(time=correction_time(row), meant=_(meant), said=_(said))


def correction_time(row: CorrectionRow) -> str:
    """Write when what a person corrected was heard."""
    return f"{datetime.fromisoformat(row.wall_time).astimezone():%H:%M}"


def legend(statement: Statement) -> Markup:
    """Draw what the colours stand for."""
    return render(
        "history_legend",
        entries=[(capitalized(feeling_name(feeling)), colour_of(feeling)) for feeling in statement.feelings],
    )


def days_table(days: Sequence[date], heard: Sequence[Mix]) -> Markup:
    """Draw the calendar as a table of the days on which something was heard, newest first."""
    rows = [(day_text(day), mix) for day, mix in zip(days, heard, strict=True) if mix.heard_s]
    return _table(_("Day"), rows[::-1])


def steps_table(steps: Sequence[Span], heard: Sequence[Mix]) -> Markup:
    """Draw a day as a table of the hours, or quarters, in which something was heard."""
    rows = [
        (f"{local_moment(step.first):%H:%M}", mix)
        for step, mix in zip(steps, heard, strict=True)
        if mix.heard_s
    ]
    return _table(_("From"), rows)


def _table(first: str, rows: Sequence[tuple[str, Mix]]) -> Markup:
    cells = [
        (
            name,
            time_text(mix.heard_s),
            time_text(mix.voice_s),
            NONE if mix.leading is None else capitalized(feeling_name(mix.leading)),
            percent(mix.unsure_share) if mix.voice_s else NONE,
        )
        for name, mix in rows
    ]
    heads = (first, _("Heard"), _("Voice"), _("Most often"), _("Unsure"))
    return render("history_table", heads=heads, rows=cells)
