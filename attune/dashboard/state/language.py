"""The language of a browser tab: that of the settings, or the one that the browser asks for."""

from __future__ import annotations

from typing import Final

import streamlit as st

from attune.dashboard.translations import AUTO, ENGLISH, use_language

_WANTED: Final = "language"  # key of the session state


def begin_language() -> None:
    """Speak this tab's language from here on; at its first run that of the settings."""
    if _WANTED not in st.session_state:
        from core.settings import read_settings  # noqa: PLC0415 - a page that is cold is not to be blank

        st.session_state[_WANTED] = read_settings().settings.language
    resume_language()


def resume_language() -> None:
    """Speak this tab's language in what is not a whole run: a part drawn again, a command."""
    wanted = str(st.session_state.get(_WANTED, ENGLISH))
    use_language(wanted, (st.context.locale or "") if wanted == AUTO else "")


def follow_language(wanted: str) -> None:
    """Draw the page anew if the setting has changed.

    Parameters
    ----------
    wanted
        As in the settings.
    """
    if st.session_state.get(_WANTED) != wanted:
        st.session_state[_WANTED] = wanted
        st.rerun()
