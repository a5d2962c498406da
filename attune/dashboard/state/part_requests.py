"""What people ask for with buttons that our own scripts draw: each request is done, and done once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st


def requests_done(part: str) -> int:
    """Return the number of the newest request that was done, which the browser waits to hear.

    Parameters
    ----------
    part
        Of the page; see assets/requests.js.
    """
    return int(st.session_state.get(_key(part), 0))


def take_requests(part: str, asked: object) -> list[dict[str, Any]]:
    """Return the requests that are new, in their order, and take them for done.

    Of two requests that wait Streamlit keeps the second alone, so the browser sends each one again until it
    hears that it was done.

    Parameters
    ----------
    part
        Of the page.
    asked
        What the browser sent.
    """
    requests = asked.get("requests") if isinstance(asked, Mapping) else None
    done = requests_done(part)
    new = [dict(one) for one in requests or () if int(one["number"]) > done]
    if new:
        st.session_state[_key(part)] = max(int(one["number"]) for one in new)
    return new


def _key(part: str) -> str:
    return f"{part} requests done"
