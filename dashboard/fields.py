"""Owns fields whose value others may change as well, and the sentence that stands beside a refused one."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard.markup import plain
from dashboard.part import attempt

__all__ = ["carry_out", "hold", "tell_problem"]


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
    """Do what a person asked for; if it fails, keep one sentence on why.

    Parameters
    ----------
    place
        Where on the page the sentence is told, by `tell_problem`.
    command
        What was asked for.
    key
        Of the widget that `hold` looks after, if it was one that asked.
    """
    if key:
        _, offered = st.session_state.get(f"{key} seen", (None, None))
        st.session_state[f"{key} seen"] = (st.session_state[key], offered)
    st.session_state[f"{place} problem"] = attempt(command)


def tell_problem(place: str) -> None:
    """Say why the last command given in a place failed, if it did."""
    if problem := st.session_state.get(f"{place} problem"):
        st.error(plain(problem), icon=":material/error:")
