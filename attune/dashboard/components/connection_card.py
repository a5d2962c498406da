"""How the player is reached: the connection card, the sign-in, the folder of music on this machine."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st
from markupsafe import Markup

from attune.dashboard.components.command_button import command_button
from attune.dashboard.components.pasted_links import pasted_links
from attune.dashboard.state.commands import command_outcome, run_command, show_problem
from attune.dashboard.state.synced_widgets import SyncedWidget, sync_widget
from attune.dashboard.translations import N_, ngettext
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.html import escape_markdown
from attune.dashboard.views.now_playing_bar import SIGNED_OUT
from attune.dashboard.views.player_status import sign_in_steps
from core.errors import AttuneError
from playback.player import OutcomeKind, PlayerKind

if TYPE_CHECKING:
    from attune.engine.engine import Engine
    from attune.engine.library_indexing import LibraryIndexing
    from attune.engine.spotify_setup import SignInView, SpotifySetup
    from playback.controller import PlaybackController

_PLACE: Final = "connection"
_TEST: Final = "connection test"
PLACES: Final = (_PLACE, _TEST)
"""Where on the card commands are given: when one ends, the card is to be drawn anew."""

_TYPED: Final = "connection typed"
_MAY_CREATE: Final = "connection may create"

NEEDS: Final = {
    PlayerKind.SPOTIFY: N_(
        "Plays your own playlists. Needs Premium, a client id of your own, and the network."
    ),
    PlayerKind.LOCAL: N_("Plays your own files by their mood. Needs a folder of music, and works offline."),
    PlayerKind.SYSTEM: N_("Plays links you paste, in Spotify, VLC or mpv. Needs one of them open."),
    PlayerKind.DRY_RUN: N_("Plays nothing and says what it would do. Needs nothing."),
}
"""What each player does and needs."""

_WAITING: Final = N_(
    "Waiting for your answer on Spotify's page. It opens in a new tab; come back here afterwards."
)
_WAITING_LINE: Final = Markup(
    '<p class="at-waiting" role="status"><span class="dot" aria-hidden="true"></span>{}</p>'
)


def connection_card(engine: Engine) -> None:
    """Draw what the player in use needs, with its buttons; what moves is drawn by `connection_status`."""
    kind = engine.music.kind
    if kind is PlayerKind.SPOTIFY:
        _spotify(engine)
    elif kind is PlayerKind.LOCAL:
        _local(engine.library, engine.music, engine.settings.music_folder)
    elif kind is PlayerKind.SYSTEM:
        pasted_links(engine.music)
    show_problem(_PLACE)
    if kind is PlayerKind.DRY_RUN:
        return
    player = engine.music.snapshot().player
    show_problem(_TEST, besides=player.connection.message)
    outcome = command_outcome(_TEST)
    if outcome is not None and outcome.ok:
        playlists, devices = len(player.playlists), len(player.devices)
        said = _("It answers: {playlists} and {devices} are there.").format(
            playlists=ngettext("{count} playlist", "{count} playlists", playlists).format(count=playlists),
            devices=ngettext("{count} device", "{count} devices", devices).format(count=devices),
        )
        st.success(said, icon=":material/check:")


def waits_for_sign_in(engine: Engine) -> bool:
    """Whether a person is on Spotify's page: that nobody is signed in is no news then."""
    view = engine.spotify.sign_in
    return engine.music.kind is PlayerKind.SPOTIFY and view is not None and view.waiting


# Spotify


def _spotify(engine: Engine) -> None:
    spotify, view = engine.spotify, engine.spotify.sign_in
    if view is not None and view.waiting:
        _waiting(spotify, view)
        return
    # One that succeeded is told by the card; signed out all the same, it is long past.
    outcome = None if view is None else view.outcome
    connection = engine.music.snapshot().player.connection
    if outcome is not None and outcome.kind is not OutcomeKind.DONE and outcome.message != connection.message:
        show = st.info if outcome.ok else st.error
        show(escape_markdown(outcome.message))
    if connection.state in SIGNED_OUT:
        _sign_in(spotify)
        return
    with st.container(horizontal=True, key="connection-buttons"):
        _test(engine.music)
        with st.popover(_("Disconnect"), icon=":material/link_off:"):
            st.write(
                _(
                    "What is stored of your sign-in is deleted from this machine, and the music stays as it "
                    "is. Your choices below are kept."
                )
            )
            command_button(
                _("Disconnect for good"), "connection disconnect", _PLACE, spotify.disconnect, type="primary"
            )
    if notice := spotify.account.notice:
        st.info(escape_markdown(notice), icon=":material/event:")
        command_button(_("Sign in again"), "connection again", _PLACE, spotify.sign_in_again, icon="login")


def _test(music: PlaybackController) -> None:
    command_button(
        _("Test"),
        "connection test",
        _TEST,
        music.refresh,
        icon="network_check",
        help=_("Ask for the playlists, the devices and what is playing"),
    )


def _waiting(spotify: SpotifySetup, view: SignInView) -> None:
    st.html(_WAITING_LINE.format(_(_WAITING)))
    if view.notice:
        st.warning(escape_markdown(view.notice), icon=":material/warning:")
    with st.container(horizontal=True):
        st.link_button(_("Open Spotify's page"), view.url, type="primary", icon=":material/open_in_new:")
        command_button(_("Cancel"), "connection cancel", _PLACE, spotify.cancel_sign_in)


def _sign_in(spotify: SpotifySetup) -> None:
    known = spotify.account.client_id
    with st.expander(_("How to get a client id")) if known else st.container():
        st.html(sign_in_steps(spotify.sign_in_steps, spotify.redirect_address))
        st.caption(_("Redirect address, to be copied exactly as it is:"))
        st.code(spotify.redirect_address, language=None)
    # Streamlit forgets a field that is not drawn, and while a sign-in waits this one is not.
    widget = sync_widget("connection client", known or st.session_state.get(_TYPED, ""))
    with st.container(horizontal=True, vertical_alignment="bottom", key="sign-in"):
        st.text_input(
            _("Client id of your app at Spotify"),
            widget.default,
            key=widget.key,
            placeholder=_("32 characters, from the page of your app"),
            max_chars=128,
            width=380,
        )
        st.button(
            _("Sign in"),
            key="connection sign in",
            type="primary",
            icon=":material/login:",
            on_click=_begin_sign_in,
            args=(spotify, widget),
        )
    st.checkbox(
        _("Attune may also create playlists (only needed for “Create the missing playlists”)"),
        key=_MAY_CREATE,
    )


def _begin_sign_in(spotify: SpotifySetup, widget: SyncedWidget) -> None:
    typed = st.session_state[_TYPED] = str(widget.value or "").strip()
    widget.start_anew()
    may_create = bool(st.session_state.get(_MAY_CREATE))
    run_command(_PLACE, partial(spotify.begin_sign_in, typed, may_create=may_create))


# Music on this machine


def _local(library: LibraryIndexing, music: PlaybackController, folder: Path | None) -> None:
    scan = library.scanning
    running = scan is not None and scan.running
    widget = sync_widget("connection folder", str(folder or library.folder or ""))
    with st.container(horizontal=True, vertical_alignment="bottom", key="library"):
        st.text_input(
            _("Folder of your music on this machine"),
            widget.default,
            key=widget.key,
            placeholder="~/Music",
            icon=":material/folder:",
            disabled=running,
            width=380,
        )
        if running:
            command_button(_("Cancel"), "connection cancel scan", _PLACE, library.cancel_scan)
            return
        command_button(
            _("Scan"),
            "connection scan",
            _PLACE,
            lambda: library.start_scan(_folder(str(widget.value or ""))),
            icon="manage_search",
            type="primary",
            help=_("Hear every file once and note its mood; files heard before are skipped"),
        )
        if library.folder is not None:
            _test(music)


def _folder(typed: str) -> Path:
    typed = typed.strip().strip("\"'")
    if not typed:
        raise AttuneError(_("No folder was named: type the path of your music, then press Scan."))
    try:
        return Path(typed).expanduser()
    except RuntimeError as error:
        said = _("{path} cannot be opened ({reason}): check the path.")
        raise AttuneError(said.format(path=repr(typed), reason=error)) from error
