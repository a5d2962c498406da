"""Owns fields whose value others may change as well, and the sentence that stands beside a refused one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

import streamlit as st

from dashboard.markup import plain
from dashboard.part import UNEXPECTED, attempt
from playback.player import Outcome, OutcomeKind

__all__ = ["carry_out", "hold", "outcome", "problem", "tell_problem"]


def hold(key: str, value: object, *, offered: object = None) -> None:
    """Let a widget stand at a value; to be called just before the widget is drawn.

    It is written only when somebody else has changed it: the widget would jump back under a moving hand.

    Parameters
    ----------
    key
        Of the widget.
    value
        What it is to stand at.
    offered
        What can be chosen; the widget starts anew where that has changed.
    """
    seen = f"{key} seen"
    if key not in st.session_state or st.session_state.get(seen) != (value, offered):
        st.session_state[key] = value
        st.session_state[seen] = (value, offered)


def carry_out(place: str, command: Callable[[], object], *, key: str = "") -> None:
    """Do what a person asked for; if it fails, now or later, one sentence on why is kept for `tell_problem`.

    Parameters
    ----------
    place
        Where on the page the sentence is told.
    command
        What was asked for; it may give the future of an `Outcome`.
    key
        Of the widget that `hold` looks after, if it was one that asked and the command takes effect at once:
        where it fails the widget goes back. One whose effect comes later must not jump back until then.
    """
    if key:
        _, offered = st.session_state.get(f"{key} seen", (None, None))
        st.session_state[f"{key} seen"] = (st.session_state[key], offered)
    answers: list[object] = []
    st.session_state[f"{place} problem"] = attempt(lambda: answers.append(command()))
    st.session_state[f"{place} answer"] = next(iter(answers), None)


def outcome(place: str) -> Outcome | None:
    """How the last command given in a place has ended; None while it has not, and where that is not told."""
    answer = st.session_state.get(f"{place} answer")
    if not isinstance(answer, Future) or not answer.done() or answer.cancelled():
        return None
    if answer.exception() is not None:
        return Outcome(OutcomeKind.FAILED, UNEXPECTED)
    ended = answer.result()
    return ended if isinstance(ended, Outcome) else None


def problem(place: str) -> str:
    """One sentence on why the last command given in a place failed; empty where it did not."""
    if refused := st.session_state.get(f"{place} problem"):
        return str(refused)
    ended = outcome(place)
    return "" if ended is None or ended.ok else ended.message or f"It ended as: {ended.kind}."


def tell_problem(place: str) -> None:
    """Say why the last command given in a place failed, if it did."""
    if why := problem(place):
        st.error(plain(why), icon=":material/error:")
