"""Owns how every page begins: its heading, and the one desk of this process or a sentence on why not."""

from __future__ import annotations

import atexit
import logging
from pathlib import Path
from typing import Final

import streamlit as st

from core.errors import AttuneError
from dashboard.desk import Desk, open_desk
from dashboard.markup import plain, tag
from dashboard.part import UNEXPECTED

__all__ = ["open_page", "shared_desk"]

_LOG = logging.getLogger(__name__)
_STYLE: Final = Path(__file__).parent / "assets" / "page.css"


@st.cache_resource(show_spinner=False, on_release=Desk.close)
def shared_desk() -> Desk:
    """Open the one desk of this process, whatever the number of tabs."""
    desk = open_desk()
    atexit.register(desk.close)
    return desk


def open_page(title: str, subtitle: str) -> Desk:
    """Draw a page's heading, and say that somebody looks; without a desk the page ends here, with a sentence.

    Parameters
    ----------
    title, subtitle
        The heading, and what the page is for.
    """
    st.html(_STYLE)
    st.html(tag("header", tag("h1", title), tag("p", subtitle), class_="at-brand"))
    try:
        desk = shared_desk()
    except AttuneError as error:
        st.error(plain(str(error)))
        st.stop()
    except Exception:  # noqa: BLE001 - a person must never read a traceback
        _LOG.exception("the desk cannot be opened")
        st.error(plain(UNEXPECTED))
        st.stop()
    desk.engine.heartbeat()
    return desk
