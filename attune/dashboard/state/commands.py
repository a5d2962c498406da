"""What a person asks for is done here: if it fails, at once or later, one sentence says why."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

import streamlit as st

from attune.dashboard.state.language import resume_language
from attune.dashboard.state.synced_widgets import SyncedWidget, user_change
from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.html import escape_markdown
from core import paths
from core.errors import AttuneError
from playback.player import Outcome, OutcomeKind

_LOG = logging.getLogger(__name__)
UNEXPECTED: Final = N_("Something unexpected went wrong here; the log says what: {log}")


def unexpected() -> str:
    """Say that a fault of the program kept something from happening, and where it is written down."""
    return _(UNEXPECTED).format(log=paths.log_file())


def run_command(place: str, command: Callable[[], object], *, widget: SyncedWidget | None = None) -> None:
    """Do what a person asked for; if it fails, one sentence on why is kept for `show_problem`.

    Parameters
    ----------
    place
        Where on the page the sentence is shown.
    command
        What was asked for; it may return the future of an `Outcome`.
    widget
        The widget that asked, where the command takes effect at once: if it fails the widget goes back. One
        whose effect comes later must not jump back until then.
    """
    resume_language()
    if widget is not None:
        widget.expect_change()
    answer, problem = None, ""
    try:
        answer = command()
    except AttuneError as error:
        problem = str(error)
    except Exception:  # noqa: BLE001 - a person must never read a traceback
        _LOG.exception("a command of the dashboard failed")
        problem = unexpected()
    st.session_state[f"{place} problem"] = problem
    st.session_state[f"{place} answer"] = answer


def run_change(
    place: str, widget: SyncedWidget, command: Callable[[Any], object], at_once: bool = True
) -> None:
    """Pass on what a person has just set a widget to, if it was a person.

    Parameters
    ----------
    place
        Where on the page it is said why it failed.
    widget
        Whose value has changed.
    command
        Takes the value.
    at_once
        Whether it takes effect at once; see `run_command`.
    """
    if (value := user_change(widget)) is not None:
        run_command(place, partial(command, value), widget=widget if at_once else None)


def command_outcome(place: str) -> Outcome | None:
    """How the last command given in a place has ended; None while it has not, and where nobody says."""
    answer = st.session_state.get(f"{place} answer")
    if not isinstance(answer, Future) or not answer.done() or answer.cancelled():
        return None
    if answer.exception() is not None:
        return Outcome(OutcomeKind.FAILED, unexpected())
    outcome = answer.result()
    return outcome if isinstance(outcome, Outcome) else None


def command_problem(place: str, *, besides: str = "") -> str:
    """One sentence on why the last command given in a place failed; empty where it did not.

    Parameters
    ----------
    place
        Where it was given.
    besides
        What stands there anyway: the same sentence is not said twice.
    """
    problem = str(st.session_state.get(f"{place} problem") or "")
    outcome = command_outcome(place)
    if not problem and outcome is not None and not outcome.ok:
        problem = outcome.message or _("It ended as: {outcome}.").format(outcome=_(outcome.kind.value))
    return "" if problem == besides else _(problem)


def forget_command(place: str) -> None:
    """Say no more how the last command given in a place ended."""
    for what in ("problem", "answer"):
        st.session_state.pop(f"{place} {what}", None)


def show_problem(place: str, *, besides: str = "") -> None:
    """Say why the last command given in a place failed, if it did; see `command_problem`."""
    if problem := command_problem(place, besides=besides):
        st.error(escape_markdown(problem), icon=":material/error:")
