"""The dashboard's entry: its window, and the page that is asked for."""

from __future__ import annotations

import streamlit as st

from attune.dashboard.components.browser_component import ASSETS
from attune.dashboard.navigation import run_page
from attune.dashboard.state.language import begin_language
from attune.dashboard.translations import gettext as _
from core import logs


def main() -> None:
    """Draw the page that the browser asks for; Streamlit calls it at every run."""
    logs.start_logging()
    begin_language()
    st.set_page_config(
        # A file of our own: named icons are fetched from a server elsewhere.
        page_icon=ASSETS / "icon.svg",
        layout="wide",
        menu_items={
            "About": _(
                "Attune hears the emotion in voices, and lets the music follow. "
                "Audio never leaves this machine, and none is stored."
            )
        },
    )
    run_page()


if __name__ == "__main__":
    main()
