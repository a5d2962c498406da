"""Owns the Playlists page: which player, how it is reached, where emotions lead, what the autopilot does."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboard import connection, mapping_editor
from dashboard.autopilot_card import autopilot_card, doing_now, records_table
from dashboard.desk import Desk
from dashboard.fields import Held, asked, carry_out, hold, outcome, tell_problem
from dashboard.markup import plain, tag
from dashboard.now_playing import PLAYERS, now_playing
from dashboard.opening import open_page
from dashboard.part import draw_part, keep_drawing
from dashboard.sign import listening_sign
from playback.player import OutputDevice, PlayerKind, PlayerSnapshot

if TYPE_CHECKING:
    from engine_music import Music

__all__ = ["page"]

_ASSETS: Final = Path(__file__).parent / "assets"
_STYLE: Final = _ASSETS / "playlists.css"
_TICK_S: Final = 1.0
_WHICHEVER: Final = ""

# Keys of the session state; each stands for one browser tab
_PLAYER: Final = "playlists player"
_DEVICE: Final = "playlists device"
_LIST: Final = "playlists list"
_FACE: Final = "playlists face"

_show_records = st.components.v2.component(
    "attune_records",
    css="\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in ("board.css", "records.css")),
    js=(_ASSETS / "records.js").read_text(encoding="utf-8"),
)


def page() -> None:
    """Draw the page."""
    desk = open_page("Playlists", "what is heard changes the music, as you want it to")
    st.html(_STYLE)
    listening_sign(desk)
    st.session_state[_FACE] = _face(desk)
    if problem := desk.engine.music.snapshot().problem:
        st.warning(plain(problem), icon=":material/warning:")
    with st.container(border=True, key="at-player"):
        _heading("Player")
        _which(desk.engine.music)
        keep_drawing(lambda: _connection_now(desk), _TICK_S)
        connection.connection_card(desk)
        _what_and_where(desk.engine.music)
    with st.container(border=True, key="at-autopilot"):
        _heading("Autopilot")
        keep_drawing(lambda: _autopilot_now(desk), _TICK_S)
        autopilot_card(desk)
    with st.container(border=True, key="at-mapping"):
        _heading("Where emotions lead")
        mapping_editor.mapping_editor(desk)
    keep_drawing(lambda: _records(desk), _TICK_S)
    now_playing(desk)


def _heading(words: str) -> None:
    st.html(tag("h2", words, class_="at-heading"))


def _face(desk: Desk) -> tuple[object, ...]:
    """Everything that Streamlit's own widgets show, and that the player or another tab can change."""
    music = desk.engine.music
    snapshot = music.snapshot()
    player, scan = snapshot.player, music.scanning
    return (
        music.kind,
        player.connection.state,
        player.playlists,
        [(device.name, device.active) for device in player.devices],
        music.sign_in,
        music.account,
        music.found,
        scan is not None and scan.running,
        music.music_folder,
        snapshot.preferences,
        music.missing(),
        snapshot.on_call,
        snapshot.problem,
        connection.answers(),
        outcome("play"),
        outcome("device"),
        mapping_editor.answer(),
    )


# The player


def _which(music: Music) -> None:
    held = hold(_PLAYER, music.kind)
    st.radio(
        "Player",
        tuple(PLAYERS),
        tuple(PLAYERS).index(held.first),
        key=held.key,
        format_func=lambda kind: PLAYERS[kind],
        captions=[connection.NEEDS[kind] for kind in PLAYERS],
        horizontal=True,
        label_visibility="collapsed",
        on_change=_use,
        args=(music, held),
        width="stretch",
    )
    tell_problem("player")


def _use(music: Music, held: Held) -> None:
    if (kind := asked(held)) is not None:
        carry_out("player", lambda: music.use(PlayerKind(kind)), held=held)


def _connection_now(desk: Desk) -> None:
    """Draw what moves: the state of the connection, and a scan; it also watches over the page's face."""

    def draw() -> bool:
        desk.engine.heartbeat()
        music = desk.engine.music
        music.look()
        snapshot = music.snapshot()
        st.html(connection.status(snapshot.player.connection, music.kind, time.time()))
        if music.kind is PlayerKind.LOCAL:
            st.html(connection.scan_progress(music.scanning, music.library_counts))
        return bool(_face(desk) != st.session_state.get(_FACE))

    draw_part("connection", draw)


def _what_and_where(music: Music) -> None:
    """Let a playlist be played at once, and a device be chosen."""
    player = music.snapshot().player
    with st.container(horizontal=True, vertical_alignment="bottom", key="what-and-where"):
        if player.playlists:
            _play_list(music, player)
        if player.devices and music.kind is not PlayerKind.DRY_RUN:
            _devices(music, player)
    tell_problem("play")
    tell_problem("device")


def _play_list(music: Music, player: PlayerSnapshot) -> None:
    names = mapping_editor.labels_of(player.playlists, (), frozenset())
    now = player.playlist.uri if player.playlist is not None else None
    held = hold(_LIST, now if now in names else next(iter(names)), offered=tuple(names.items()))
    st.selectbox(
        "Playlist",
        list(names),
        list(names).index(held.first),
        key=held.key,
        format_func=lambda uri: names.get(uri, uri),
        width=300,
    )
    st.button(
        "Play",
        key="playlists play",
        icon=":material/play_arrow:",
        on_click=_play,
        args=(music, held),
    )


def _play(music: Music, held: Held) -> None:
    if held.value is not None:
        carry_out("play", lambda: music.play(str(held.value)))


def _devices(music: Music, player: PlayerSnapshot) -> None:
    names = _device_names(player)
    now = player.device.name if player.device is not None else _WHICHEVER
    held = hold(_DEVICE, now if now in names else _WHICHEVER, offered=tuple(names))
    st.selectbox(
        "Play on",
        names,
        names.index(held.first),
        key=held.key,
        format_func=lambda name: _device_words(name, player.devices),
        help="Remembered by its name",
        on_change=_choose_device,
        args=(music, held),
        width=300,
    )


def _device_names(player: PlayerSnapshot) -> list[str]:
    listed = [device.name for device in player.devices]
    also = [player.device.name] if player.device is not None else []
    return [_WHICHEVER, *dict.fromkeys(listed + also)]


def _device_words(name: str, devices: tuple[OutputDevice, ...]) -> str:
    if name == _WHICHEVER:
        return "Whichever is active"
    found = next((device for device in devices if device.name == name), None)
    if found is None:
        return f"{name} (not there now)"
    return f"{name} (active)" if found.active else name


def _choose_device(music: Music, held: Held) -> None:
    if (name := asked(held)) is not None:
        # The player follows in its own time, and until then the field must not jump back.
        carry_out("device", lambda: music.choose_device(str(name)))


# The autopilot


def _autopilot_now(desk: Desk) -> None:
    def draw() -> bool:
        st.html(doing_now(desk.engine.music.snapshot(), time.time()))
        return False

    draw_part("autopilot", draw)


def _records(desk: Desk) -> None:
    def draw() -> bool:
        html = records_table(desk.engine.music.snapshot().records, time.time())
        _show_records(key="records", data={"html": html, "title": "Playlists · Attune"})
        return False

    draw_part("records", draw)
