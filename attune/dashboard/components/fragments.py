"""Parts of pages that are drawn again and again; a fault in one is logged, and told in one sentence."""

from __future__ import annotations

import logging
from collections.abc import Callable

import streamlit as st

from attune.dashboard.state.commands import unexpected
from attune.dashboard.state.language import resume_language
from attune.dashboard.views.html import escape_markdown

_LOG = logging.getLogger(__name__)


def draw_every(
    seconds: float | None,
    name: str,
    draw: Callable[[], object],
    *,
    out_of_date: Callable[[], bool] | None = None,
    key: str | None = None,
) -> None:
    """Draw a part of a page now, and again every so many seconds apart from the rest of it.

    When a fragment runs again, Streamlit drops what it drew before and has not sent yet, its place included.
    If anything follows in the same container, the browser is told to leave a gap, which it cannot: it
    shows an empty page. So each part has a container of its own, with nothing after it.

    Parameters
    ----------
    seconds
        Between two times; None: only when somebody uses something in it.
    name
        Of the part, for the log.
    draw
        Draws the part.
    out_of_date
        Whether the rest of the page has to be drawn anew.
    key
        Of its container, for style sheets.
    """

    def part() -> None:
        resume_language()
        broken = f"{name} broken"
        try:
            draw()
            changed = out_of_date is not None and out_of_date()
        except Exception as error:  # noqa: BLE001 - a person must never read a traceback
            # Four times a second the same: once is enough for the log.
            if st.session_state.get(broken) != repr(error):
                _LOG.exception("the %s cannot be drawn", name)
                st.session_state[broken] = repr(error)
            st.error(escape_markdown(unexpected()), icon=":material/error:")
            return
        if changed:
            st.rerun(scope="app")

    with st.container(key=key):
        st.fragment(run_every=seconds)(part)()
