"""Owns now-playing, the bar at the foot of pages: what plays and where, its buttons, the autopilot's word."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboard.desk import Desk
from dashboard.feelings import background_of
from dashboard.fields import carry_out, problem
from dashboard.markup import Markup, tag
from dashboard.part import draw_part, keep_drawing
from dashboard.times import moment
from playback.player import ConnectionState, PlayerKind, PlayerSnapshot
from playback.preferences import Mode
from playback.snapshot import MusicSnapshot, Suggestion

if TYPE_CHECKING:
    from engine_music import Music

__all__ = ["MODES", "PLAYERS", "bar", "now_playing", "obey", "position"]

_ASSETS: Final = Path(__file__).parent / "assets"
_TICK_S: Final = 1.0
_BAR: Final = "now bar"
_PLACE: Final = "now"
_SET_UP: Final = "now set up"

PLAYERS: Final = {
    PlayerKind.SPOTIFY: "Spotify",
    PlayerKind.LOCAL: "Music on this machine",
    PlayerKind.DRY_RUN: "Dry run",
}
"""What the players are called."""

MODES: Final = {Mode.OFF: "Off", Mode.SUGGEST: "Suggest", Mode.AUTO: "Auto"}
"""What the autopilot's modes are called."""

_WHERE: Final = "Set up music on the page Playlists"
_DRY: Final = " (dry run)"
_UNDO: Final = "Take the last change of the music back"
_SIGNS: Final = {
    "play": "M8 5.2v13.6L19 12z",
    "pause": "M7 5h3.6v14H7zM13.4 5H17v14h-3.6z",
    "next": "M6 5.2v13.6L15 12zM15.6 5H18v14h-2.4z",
    "volume": "M4 9.4v5.2h3.4L12 19V5L7.4 9.4zM14.6 8.2a5 5 0 0 1 0 7.6l1.1 1.3a6.8 6.8 0 0 0 0-10.2z",
}


def _text(*names: str) -> str:
    return "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in names)


_show_bar = st.components.v2.component(
    "attune_now", css=_text("board.css", "now_playing.css"), js=_text("now_playing.js")
)


def now_playing(desk: Desk, *, set_up: Callable[[], None] | None = None) -> None:
    """Draw the bar, which stays at the foot of the window and looks anew every second.

    Parameters
    ----------
    desk
        The engine's.
    set_up
        The page on which music is set up; None on that page itself.
    """
    keep_drawing(lambda: _draw(desk, set_up), _TICK_S, key="now-playing")


def _draw(desk: Desk, set_up: Callable[[], None] | None) -> None:
    def draw() -> bool:
        music = desk.engine.music
        music.look()
        snapshot, now_s = music.snapshot(), time.time()
        volume = snapshot.player.volume
        trouble = problem(_PLACE, besides=snapshot.player.connection.message)
        _show_bar(
            key=_BAR,
            data={
                "html": bar(snapshot, now_s, elsewhere=set_up is not None, trouble=trouble),
                "position": position(snapshot.player, now_s),
                "volume": None if volume is None else round(100 * volume),
                "said": snapshot.suggestion.reason if snapshot.suggestion is not None else snapshot.says,
            },
            on_asked_change=lambda: _asked(music),
        )
        return False

    draw_part("now-playing", draw)
    if st.session_state.pop(_SET_UP, False) and set_up is not None:
        st.switch_page(st.Page(set_up, url_path="playlists"))


def _asked(music: Music) -> None:
    asked = st.session_state[_BAR].get("asked")
    if not isinstance(asked, dict):
        return
    if asked.get("what") == "set up":
        st.session_state[_SET_UP] = True
        return
    carry_out(_PLACE, lambda: obey(asked, music))


def obey(asked: dict[str, Any], music: Music) -> object:
    """Do what a button of the bar asks for.

    Parameters
    ----------
    asked
        `what`, and for the volume its `value` in per cent.
    music
        Whom to tell.

    Returns
    -------
    object
        The future of an `Outcome` where the player answers.

    Raises
    ------
    AttuneError
        It cannot be done.
    """
    commands: dict[str, Callable[[], object]] = {
        "pause": music.pause,
        "play": music.resume,
        "next": music.next,
        "volume": lambda: music.set_volume(min(1.0, max(0.0, float(asked["value"]) / 100.0))),
        "undo": music.undo,
        "accept": lambda: music.answer(True),
        "not now": lambda: music.answer(False),
    }
    command = commands.get(str(asked.get("what")))
    return None if command is None else command()


def position(player: PlayerSnapshot, now_s: float) -> dict[str, Any] | None:
    """Say how far the track has got by now; None where its length is not known.

    Parameters
    ----------
    player
        Of which the track is.
    now_s
        Unix time.
    """
    track = player.track
    if track is None or track.duration_s is None or track.position_s is None or track.duration_s <= 0.0:
        return None
    passed_s = max(0.0, now_s - player.taken_s) if player.playing else 0.0
    return {
        "at_s": round(min(track.position_s + passed_s, track.duration_s), 2),
        "length_s": round(track.duration_s, 2),
        "playing": player.playing,
    }


def bar(snapshot: MusicSnapshot, now_s: float, *, elsewhere: bool = True, trouble: str = "") -> Markup:
    """Draw the bar; one quiet line where nothing is connected.

    Parameters
    ----------
    snapshot
        What to show.
    now_s
        Unix time.
    elsewhere
        Music is set up on another page than this.
    trouble
        One sentence on why the last command failed, or nothing.
    """
    player = snapshot.player
    away = player.kind is PlayerKind.DRY_RUN or player.connection.state in (
        ConnectionState.DISCONNECTED,
        ConnectionState.SIGN_IN_AGAIN,
    )
    return Markup(
        (_quiet(snapshot, elsewhere=elsewhere) if away else _full(player, now_s))
        + _suggestion(snapshot.suggestion)
        + (tag("p", trouble, class_="trouble", data_testid="now-problem") if trouble else "")
        + ("" if away else _autopilot(snapshot))
    )


def _quiet(snapshot: MusicSnapshot, *, elsewhere: bool) -> Markup:
    player = snapshot.player
    if player.kind is not PlayerKind.DRY_RUN:
        words = player.connection.message or "Not connected."
    elif player.playlist is not None and player.playing:
        words = f"{player.playlist.name.removesuffix(_DRY)} would be playing now."
    else:
        words = "nothing would be playing now."
    undo = _button("undo", "Undo", title=_UNDO) if snapshot.can_undo else Markup("")
    return tag(
        "div",
        tag(
            "p",
            tag("strong", f"{PLAYERS[player.kind]}: "),
            f"{words} ",
            *((_button("set up", _WHERE, look="link"),) if elsewhere else ()),
            class_="says-so",
            data_testid="now-words",
        ),
        undo,
        class_="strip-of alone",
    )


def _full(player: PlayerSnapshot, now_s: float) -> Markup:
    return tag("div", _what(player, now_s), _go(player), _position(player), _loud(player), class_="strip-of")


def _what(player: PlayerSnapshot, now_s: float) -> Markup:
    """The track, and where it comes from and comes out."""
    track, connection = player.track, player.connection
    playlist = player.playlist.name if player.playlist is not None else ""
    if track is not None:
        title, artist = track.title or "Untitled", track.artist
    elif player.playing:  # it has only just begun, and is asked in a moment
        title, artist, playlist = playlist or "Music is playing", "", ""
    else:
        title, artist = "Nothing is playing", ""
    parts = (
        playlist,
        PLAYERS[player.kind],
        player.device.name if player.device is not None else "",
    )
    state = connection.state
    trouble = connection.message if state is not ConnectionState.CONNECTED else ""
    if state is ConnectionState.RATE_LIMITED and connection.until_s is not None:
        trouble = f"Rate limited until {moment(connection.until_s, now_s)}."
    where = " · ".join(part for part in parts if part)
    return tag(
        "div",
        tag(
            "p",
            tag("strong", title, class_="title", data_testid="now-title"),
            tag("span", artist, class_="artist"),
            class_="track-of",
            title=" · ".join(part for part in (title, artist) if part),
        ),
        tag("p", where, class_="from", data_testid="now-from", title=where),
        *((tag("p", trouble, class_="trouble"),) if trouble else ()),
        class_="what",
    )


def _go(player: PlayerSnapshot) -> Markup:
    unable = player.connection.state is ConnectionState.RATE_LIMITED
    return tag(
        "div",
        _icon("pause", "Pause", off=unable) if player.playing else _icon("play", "Play", off=unable),
        _icon("next", "Next track", off=unable or player.track is None),
        class_="go",
    )


def _position(player: PlayerSnapshot) -> Markup:
    """Leave room for how far the track has got: the browser fills it, twice a second."""
    track = player.track
    return tag(
        "div",
        tag("span", class_="at", data_testid="now-at"),
        tag("span", tag("i", class_="gone"), class_="rail-of", aria_hidden="true"),
        tag("span", class_="length"),
        class_="position",
        hidden=track is None or track.duration_s is None or track.position_s is None,
    )


def _loud(player: PlayerSnapshot) -> Markup:
    if player.volume is None:
        return tag("div", class_="loud", hidden=True)
    return tag(
        "label",
        _sign("volume"),
        tag(
            "input",
            type="range",
            min="0",
            max="100",
            step="5",
            aria_label="Volume",
            data_focus="volume",
            disabled=player.connection.state is ConnectionState.RATE_LIMITED,
        ),
        class_="loud",
        title="Volume",
    )


def _suggestion(suggestion: Suggestion | None) -> Markup:
    if suggestion is None:
        return Markup("")
    return tag(
        "div",
        tag(
            "p",
            tag(
                "i", class_="hue", style=f"background:{background_of(suggestion.feeling)}", aria_hidden="true"
            ),
            tag("strong", f"Play {suggestion.playlist.name}?"),
            tag("span", suggestion.reason),
            class_="says-so",
        ),
        _button("accept", "Accept", look="strong"),
        _button("not now", "Not now"),
        class_="ask",
        role="group",
        aria_label="Suggestion",
        data_testid="now-suggestion",
    )


def _autopilot(snapshot: MusicSnapshot) -> Markup:
    mode = snapshot.preferences.autopilot.mode
    return tag(
        "div",
        tag("span", tag("span", "Autopilot: ", class_="before"), MODES[mode].lower(), class_=f"mode {mode}"),
        tag("span", snapshot.says, class_="says", data_testid="now-says", title=snapshot.says),
        *((_button("undo", "Undo", title=_UNDO),) if snapshot.can_undo else ()),
        class_="foot",
    )


def _button(what: str, words: str, *, look: str = "", title: str | None = None) -> Markup:
    return tag(
        "button", words, type="button", class_=look or None, data_do=what, data_focus=what, title=title
    )


def _icon(what: str, words: str, *, off: bool) -> Markup:
    # Pause and play are one place to the fingers: the focus stays when one becomes the other.
    focus = "go" if what in {"play", "pause"} else what
    return tag(
        "button",
        _sign(what),
        type="button",
        class_=f"round {focus}",
        data_do=what,
        data_focus=focus,
        aria_label=words,
        title=words,
        disabled=off,
    )


def _sign(what: str) -> Markup:
    return tag("svg", tag("path", d=_SIGNS[what]), viewBox="0 0 24 24", aria_hidden="true")
