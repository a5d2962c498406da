"""Owns the sign, on pages that are not about listening, that something is listened to all the same."""

from __future__ import annotations

from typing import Final

import streamlit as st

from dashboard.desk import Desk
from dashboard.markup import tag
from dashboard.part import draw_part, keep_drawing

__all__ = ["listening_sign"]

_TICK_S: Final = 1.0


def listening_sign(desk: Desk) -> None:
    """Say that a source is open, and let it be closed: a page that is looked at keeps it open.

    Parameters
    ----------
    desk
        The engine's.
    """
    keep_drawing(lambda: draw_part("sign", lambda: _draw(desk)), _TICK_S)


def _draw(desk: Desk) -> bool:
    snapshot = desk.engine.snapshot()
    if not snapshot.listening:
        return False
    with st.container(horizontal=True, vertical_alignment="center", key="at-sign"):
        name = snapshot.source.name if snapshot.source is not None else "a source"
        st.html(
            tag(
                "p",
                tag("span", class_="dot", aria_hidden="true"),
                f"Listening to {name}",
                class_="at-sign",
                role="status",
            ),
            width="content",
        )
        return st.button("Stop listening", key="sign stop", type="tertiary", on_click=desk.engine.stop)
