"""Owns how parts of pages are drawn and commands done: a fault is logged, and told in one sentence."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import streamlit as st

from core import paths
from core.errors import AttuneError
from dashboard.markup import plain

__all__ = ["UNEXPECTED", "attempt", "draw_part", "keep_drawing"]

_LOG = logging.getLogger(__name__)
UNEXPECTED: Final = f"Something unexpected went wrong here; the log says what: {paths.log_file()}"


def attempt(command: Callable[[], object]) -> str:
    """Run a command of a person.

    Parameters
    ----------
    command
        What was asked for.

    Returns
    -------
    str
        One sentence on why it failed; empty where it did not.
    """
    try:
        command()
    except AttuneError as error:
        return str(error)
    except Exception:  # noqa: BLE001 - a person must never read a traceback
        _LOG.exception("a command of the dashboard failed")
        return UNEXPECTED
    return ""


def keep_drawing(draw: Callable[[], None], every_s: float, *, key: str | None = None) -> None:
    """Draw a part of a page now, and again every so many seconds apart from the rest of it.

    When a fragment runs again, Streamlit drops what it drew before and has not sent yet, its place included.
    If anything follows in the same container, the browser is told to leave a gap, which it cannot: it
    shows an empty page. So each part has a container of its own, with nothing after it.

    Parameters
    ----------
    draw
        Draws the part.
    every_s
        Seconds between two times.
    key
        Of its container, for style sheets.
    """
    with st.container(key=key):
        st.fragment(run_every=every_s)(draw)()


def draw_part(name: str, draw: Callable[[], bool]) -> None:
    """Draw a part of a page that runs apart from the rest of it.

    Parameters
    ----------
    name
        Of the part, for the log.
    draw
        Draws it; returns whether the rest of the page is out of date and has to be drawn anew.
    """
    broken = f"{name} broken"
    try:
        changed = draw()
    except Exception as error:  # noqa: BLE001 - a person must never read a traceback
        # Four times a second the same: once is enough for the log.
        if st.session_state.get(broken) != repr(error):
            _LOG.exception("the %s cannot be drawn", name)
            st.session_state[broken] = repr(error)
        st.error(plain(UNEXPECTED), icon=":material/error:")
        return
    if changed:
        st.rerun(scope="app")
