"""What is done to the whole mapping: export, import, and creating the playlists that are missing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from attune.dashboard.components.browser_component import browser_component
from attune.dashboard.components.command_button import command_button
from attune.dashboard.components.file_field import file_field
from attune.dashboard.components.fragments import draw_every
from attune.dashboard.state.commands import run_command
from attune.dashboard.translations import gettext as _
from core.errors import AttuneError
from core.text_files import decode_text
from playback.preferences.file import export_preferences

if TYPE_CHECKING:
    from attune.engine.engine import Engine
    from attune.engine.spotify_setup import SpotifySetup
    from playback.controller import PlaybackController

_IMPORTS: Final = "mapping imports"
_TICK_S: Final = 1.0
_show_download_button = browser_component("download_button", "button.css", script="download_button.js")


def mapping_files(engine: Engine, place: str, *, connected: bool) -> None:
    """Draw the buttons.

    Parameters
    ----------
    engine
        The one of this process.
    place
        Where on the page it is said why a command failed.
    connected
        Spotify plays and can be reached.
    """
    with st.container(horizontal=True, vertical_alignment="center", key="mapping-whole"):
        if connected:
            _create(engine.spotify, place)
        with st.container(width="content"):
            draw_every(_TICK_S, "export", lambda: _export(engine.music))
        with st.popover(_("Import"), icon=":material/upload:"):
            # A fresh field after each use, or the file would be taken at every visit anew.
            turn = int(st.session_state.setdefault(_IMPORTS, 0))
            file_field(
                _("A file that was exported; it takes the place of all choices on this page"),
                key=f"{_IMPORTS} {turn}",
                on_change=_import,
                args=(engine.music, place, turn),
            )


def _export(music: PlaybackController) -> None:
    # Not Streamlit's own button: the file behind that may be gone for a moment while the page is drawn.
    _show_download_button(
        key="mapping export",
        data={
            "label": _("Export"),
            "help": _("All of this page's choices as a text file (TOML)"),
            "text": export_preferences(music.snapshot().preferences),
            "file_name": "attune-music.toml",
            "mime": "application/toml",
        },
        width="content",
    )


def _create(spotify: SpotifySetup, place: str) -> None:
    if spotify.account.may_create:
        command_button(
            _("Create the missing playlists"),
            "mapping create",
            place,
            spotify.create_missing,
            icon="playlist_add",
            help=_("An empty playlist of your own for every style that none of yours suits"),
        )
    else:
        command_button(
            _("Allow missing playlists to be created"),
            "mapping allow",
            place,
            partial(spotify.sign_in_again, may_create=True),
            icon="playlist_add",
            help=_("You sign in once more, and Spotify asks you whether Attune may create playlists"),
        )


def _import(music: PlaybackController, place: str, turn: int) -> None:
    upload = st.session_state.get(f"{_IMPORTS} {turn}")
    if isinstance(upload, UploadedFile) and turn == st.session_state[_IMPORTS]:
        st.session_state[_IMPORTS] = turn + 1
        run_command(place, lambda: music.import_preferences(_text(upload)))


def _text(upload: UploadedFile) -> str:
    try:
        return decode_text(upload.getvalue(), what=upload.name, error_type=AttuneError)
    except AttuneError as error:
        said = _("{name} cannot be read: choose a file that was exported here.")
        raise AttuneError(said.format(name=upload.name)) from error
