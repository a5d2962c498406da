"""The Live page: what is felt, what plays and why; and the same for a second screen (`?view=wall`)."""

from __future__ import annotations

from typing import Final

import streamlit as st
from markupsafe import Markup

from attune.dashboard.components.page_header import draw_heading, open_context
from attune.dashboard.translations import N_

TITLE: Final = "Attune"
SUBTITLE: Final = N_("hears the emotion in voices, and lets the music follow")
SKELETON: Final = Markup('<div class="at-skeleton" aria-hidden="true"><i></i><i></i></div>')


def page() -> None:
    """Draw the Live page, or the view for a second screen."""
    if wall := st.query_params.get("view") == "wall":
        row = said = board = st.empty()
    else:
        with st.container(key="live-row", horizontal=True, vertical_alignment="center"):
            draw_heading(TITLE, SUBTITLE)
            row = st.container(key="live-controls", horizontal=True, vertical_alignment="center")
        said, board = st.container(key="live-said"), st.empty()
        board.html(SKELETON)
    # The rest is imported now: on a cold start that takes a second, in which the page is not to be blank.
    context = open_context(board)
    from attune.dashboard.components import live_page  # noqa: PLC0415

    if wall:
        live_page.draw_wall(context)
    else:
        live_page.draw_page(context, row, said, board)
