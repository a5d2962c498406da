"""Front door 1: `streamlit run app.py` opens the dashboard."""

from __future__ import annotations

import streamlit as st

from core.logs import start_logging
from dashboard import live, playlists, tracks, voice

start_logging()
st.set_page_config(
    page_title="Attune",
    # A file of our own: named icons are fetched from a server elsewhere.
    page_icon=live.ICON,
    layout="wide",
    menu_items={
        "About": "Attune hears how the voice in the room feels. "
        "Audio never leaves this machine, and none is stored."
    },
)
st.navigation(
    [
        st.Page(live.page, title="Live", icon=":material/graphic_eq:", default=True),
        st.Page(tracks.page, title="Tracks", icon=":material/library_music:", url_path="tracks"),
        st.Page(playlists.page, title="Playlists", icon=":material/queue_music:", url_path="playlists"),
        st.Page(voice.page, title="Your voice", icon=":material/record_voice_over:", url_path="voice"),
    ],
    position="top",
).run()
