"""The Playlists page: which player, how it is reached, where emotions lead, what the autopilot does."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

import streamlit as st

from attune.dashboard.components import connection_card, mapping_editor
from attune.dashboard.components.autopilot_card import autopilot_card, autopilot_now
from attune.dashboard.components.browser_component import ASSETS, browser_component
from attune.dashboard.components.fragments import draw_every
from attune.dashboard.components.listening_indicator import listening_indicator
from attune.dashboard.components.now_playing import now_playing
from attune.dashboard.components.page_header import open_page
from attune.dashboard.state.commands import command_outcome, run_change, run_command, show_problem
from attune.dashboard.state.synced_widgets import SyncedWidget, sync_widget
from attune.dashboard.translations import N_, gettext_now
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.html import escape_markdown
from attune.dashboard.views.music_history import music_history
from attune.dashboard.views.now_playing_bar import PLAYERS
from attune.dashboard.views.player_status import connection_status, scan_progress
from attune.dashboard.views.playlist_choices import labels_of
from core.text import printable
from playback.player import OutputDevice, PlayerKind, PlayerSnapshot
from spotify.api_errors import TAKES_NO_COMMANDS

if TYPE_CHECKING:
    from attune.engine.engine import Engine
    from playback.controller import PlaybackController

_TICK_S: Final = 1.0
_ANY_DEVICE: Final = ""
_HEADING: Final = '<h2 class="at-heading">%s</h2>'
_PLACES: Final = ("play", "device", *connection_card.PLACES, mapping_editor.PLACE)

_show_history = browser_component(
    "music_history", "live_board.css", "music_history.css", script="music_history.js"
)


def page() -> None:
    """Draw the page."""
    context = open_page(N_("Playlists"), N_("what is heard changes the music, as you want it to"))
    engine = context.engine
    st.html(ASSETS / "playlists.css")
    listening_indicator(context)
    drawn = _shown_state(engine)
    if problem := engine.music.snapshot().problem:
        st.warning(escape_markdown(problem), icon=":material/warning:")
    with st.container(border=True, key="at-player"):
        st.html(_HEADING % _("Player"))
        _choose_player(engine)
        draw_every(
            _TICK_S,
            "connection",
            lambda: _draw_connection(engine),
            out_of_date=lambda: _shown_state(engine) != drawn,
        )
        connection_card.connection_card(engine)
        _choose_music(engine.music)
    with st.container(border=True, key="at-autopilot"):
        st.html(_HEADING % _("Autopilot"))
        draw_every(_TICK_S, "autopilot", lambda: autopilot_now(engine.music))
        autopilot_card(engine.music)
    with st.container(border=True, key="at-mapping"):
        st.html(_HEADING % _("Music for each emotion"))
        mapping_editor.mapping_editor(engine)
    draw_every(_TICK_S, "history", lambda: _draw_history(engine.music))
    now_playing(context)


def _shown_state(engine: Engine) -> tuple[object, ...]:
    """Everything that Streamlit's own widgets show, and that the player or another tab can change."""
    music, spotify, library = engine.music, engine.spotify, engine.library
    snapshot = music.snapshot()
    player, scan = snapshot.player, library.scanning
    return (
        music.kind,
        player.connection.state,
        player.playlists,
        [(device.name, device.active, device.takes_commands) for device in player.devices],
        spotify.sign_in,
        spotify.account,
        spotify.found,
        scan is not None and scan.running,
        library.folder,
        snapshot.preferences,
        music.missing(),
        snapshot.on_call,
        snapshot.problem,
        [command_outcome(place) for place in _PLACES],
    )


def _draw_connection(engine: Engine) -> None:
    """Draw what moves: the state of the connection, and a scan."""
    engine.heartbeat()
    music = engine.music
    music.mark_viewed()
    if not connection_card.waits_for_sign_in(engine):
        st.html(connection_status(music.snapshot().player.connection, music.kind, time.time()))
    if music.kind is PlayerKind.LOCAL:
        st.html(scan_progress(engine.library.scanning, engine.library.counts))


def _draw_history(music: PlaybackController) -> None:
    html = music_history(music.snapshot().records, time.time())
    _show_history(key="history", data={"html": html, "heading": _("What happened and why")})


# The player


def _choose_player(engine: Engine) -> None:
    widget, translate = sync_widget("playlists player", engine.music.kind), gettext_now()
    st.radio(
        _("Player"),
        tuple(PLAYERS),
        tuple(PLAYERS).index(widget.default),
        key=widget.key,
        format_func=lambda kind: translate(PLAYERS[kind]),
        captions=[_(connection_card.NEEDS[kind]) for kind in PLAYERS],
        horizontal=True,
        label_visibility="collapsed",
        on_change=run_change,
        args=("player", widget, lambda kind: engine.use_player(PlayerKind(kind))),
        width="stretch",
    )
    show_problem("player")


def _choose_music(music: PlaybackController) -> None:
    """Let a playlist be played at once, and a device be chosen."""
    player = music.snapshot().player
    with st.container(horizontal=True, vertical_alignment="bottom", key="what-and-where"):
        if player.playlists:
            _choose_playlist(music, player)
        if player.devices and music.kind is not PlayerKind.DRY_RUN:
            _choose_device(music, player)
    spotify = music.kind is PlayerKind.SPOTIFY
    if spotify and player.devices and not any(device.takes_commands for device in player.devices):
        device = next((one for one in player.devices if one.active), player.devices[0])
        said = _(TAKES_NO_COMMANDS).format(device=device.name)
        st.info(escape_markdown(said), icon=":material/speaker:")
    show_problem("play", besides=player.connection.message)
    show_problem("device", besides=player.connection.message)


def _choose_playlist(music: PlaybackController, player: PlayerSnapshot) -> None:
    names = labels_of(player.playlists, (), frozenset())
    now = player.playlist.uri if player.playlist is not None else None
    widget = sync_widget(
        "playlists list", now if now in names else next(iter(names)), options=tuple(names.items())
    )
    st.selectbox(
        _("Playlist"),
        list(names),
        list(names).index(widget.default),
        key=widget.key,
        format_func=lambda uri: names.get(uri, uri),
        width=300,
    )
    st.button(
        _("Play"), key="playlists play", icon=":material/play_arrow:", on_click=_play, args=(music, widget)
    )


def _play(music: PlaybackController, widget: SyncedWidget) -> None:
    if widget.value is not None:
        run_command("play", partial(music.play, str(widget.value)))


def _choose_device(music: PlaybackController, player: PlayerSnapshot) -> None:
    listed = [device.name for device in player.devices]
    now = player.device.name if player.device is not None else _ANY_DEVICE
    # One that is not listed now keeps its line.
    names = list(dict.fromkeys((_ANY_DEVICE, *listed, now)))
    widget = sync_widget("playlists device", now, options=tuple(names))
    words = {name: _device_words(name, player.devices) for name in names}
    st.selectbox(
        _("Play on"),
        names,
        names.index(widget.default),
        key=widget.key,
        format_func=lambda name: words.get(name, name),
        help=_("Remembered by its name"),
        on_change=run_change,
        # The player follows in its own time, and until then the field must not jump back.
        args=("device", widget, music.choose_device, False),
        width=300,
    )


def _device_words(name: str, devices: tuple[OutputDevice, ...]) -> str:
    if name == _ANY_DEVICE:
        return _("Whichever is active")
    found = next((device for device in devices if device.name == name), None)
    if found is None:
        return _("{name} (not there now)").format(name=printable(name))
    if not found.takes_commands:
        return _("{name} (takes no commands from apps)").format(name=printable(name))
    return _("{name} (active)").format(name=printable(name)) if found.active else printable(name)
