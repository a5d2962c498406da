"""Owns fields whose value others may change as well, and the sentence that stands beside a refused one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple

import streamlit as st

from dashboard.markup import plain
from dashboard.part import UNEXPECTED, attempt
from playback.player import Outcome, OutcomeKind

__all__ = ["Held", "asked", "carry_out", "hold", "outcome", "problem", "tell_problem"]


class Held(NamedTuple):
    """How a widget is to be drawn.

    Parameters
    ----------
    name
        Of the widget, and of those that come after it.
    key
        Its own key.
    first
        What it stands at until a person changes it: to be given as its default.
    """

    name: str
    key: str
    first: Any

    @property
    def value(self) -> Any:
        """What it stands at, for a button beside it; None where another has taken its place."""
        return st.session_state.get(self.key) if self.key == _key(self.name) else None


def hold(name: str, value: object, *, offered: object = None) -> Held:
    """Say how a widget is to be drawn that stands at a value which others may change as well.

    While only a person changes it, it stays the same widget. When somebody else has, it is another one, with
    a key of its own and the value as its default. Values written into the session state instead are lost
    where one run of a page cuts the run before short: the browser then sends what it still shows, which
    would pass for a person's wish and undo the change.

    Parameters
    ----------
    name
        Of the widget.
    value
        What it is to stand at.
    offered
        What can be chosen; the widget starts anew where that has changed.
    """
    seen, turn, first = f"{name} seen", f"{name} turn", f"{name} first"
    before, st.session_state[seen] = st.session_state.get(seen), (value, offered)
    key = _key(name)
    if key in st.session_state and before is not None:
        stands = (st.session_state[key], before[1])
        if (value, offered) in (before, stands):
            return Held(name, key, st.session_state[first])
    st.session_state[turn] = int(st.session_state.get(turn, 0)) + 1
    st.session_state[first] = value
    return Held(name, _key(name), value)


def _key(name: str) -> str:
    return f"{name} {st.session_state.get(f'{name} turn', 0)}"


def asked(held: Held) -> Any:
    """What a person has just set a widget to; None where it only came or went, or another has its place.

    Streamlit calls `on_change` in all these cases.
    """
    value, before = held.value, f"{held.key} asked"
    if value is None or value == st.session_state.get(before, held.first):
        return None
    st.session_state[before] = value
    return value


def carry_out(place: str, command: Callable[[], object], *, held: Held | None = None) -> None:
    """Do what a person asked for; if it fails, now or later, one sentence on why is kept for `tell_problem`.

    Parameters
    ----------
    place
        Where on the page the sentence is told.
    command
        What was asked for; it may give the future of an `Outcome`.
    held
        The widget that asked, where the command takes effect at once: if it fails the widget goes back. One
        whose effect comes later must not jump back until then.
    """
    if held is not None:
        _, offered = st.session_state.get(f"{held.name} seen", (None, None))
        st.session_state[f"{held.name} seen"] = (held.value, offered)
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


def problem(place: str, *, besides: str = "") -> str:
    """One sentence on why the last command given in a place failed; empty where it did not.

    Parameters
    ----------
    place
        Where it was given.
    besides
        What stands there anyway: the same sentence is not said twice.
    """
    why = str(st.session_state.get(f"{place} problem") or "")
    ended = outcome(place)
    if not why and ended is not None and not ended.ok:
        why = ended.message or f"It ended as: {ended.kind}."
    return "" if why == besides else why


def tell_problem(place: str, *, besides: str = "") -> None:
    """Say why the last command given in a place failed, if it did; see `problem`."""
    if why := problem(place, besides=besides):
        st.error(plain(why), icon=":material/error:")
