"""Owns how the player is reached: the connection card, the sign-in, the folder of music on this machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from core.errors import AttuneError
from core.words import counted
from dashboard.desk import Desk
from dashboard.fields import Held, carry_out, hold, outcome, tell_problem
from dashboard.markup import Markup, plain, tag
from dashboard.times import moment
from playback.player import Connection, ConnectionState, Outcome, OutcomeKind, PlayerKind

if TYPE_CHECKING:
    from engine_music import Music, ScanView, SignInView

__all__ = ["NEEDS", "answers", "connection_card", "scan_progress", "status", "steps"]

_PLACE: Final = "connection"
_TEST: Final = "connection test"
_CLIENT: Final = "connection client"
_TYPED: Final = "connection typed"
_MAY_CREATE: Final = "connection may create"
_FOLDER: Final = "connection folder"

NEEDS: Final = {
    PlayerKind.SPOTIFY: "Plays your own playlists. Needs Premium, a client id of your own, and the network.",
    PlayerKind.LOCAL: "Plays your own files by their mood. Needs a folder of music, and works offline.",
    PlayerKind.DRY_RUN: "Plays nothing and says what it would do. Needs nothing.",
}
"""What each player does and needs."""

_WORDS: Final = {
    ConnectionState.CONNECTED: ("on", "Connected"),
    ConnectionState.DEGRADED: ("warn", "Degraded"),
    ConnectionState.RATE_LIMITED: ("warn", "Rate limited"),
    ConnectionState.SIGN_IN_AGAIN: ("warn", "Sign in again"),
    ConnectionState.DISCONNECTED: ("off", "Disconnected"),
}
_ADDRESS: Final = re.compile(r"(https://[\w./-]*\w)")
_SIGNED_OUT: Final = (ConnectionState.DISCONNECTED, ConnectionState.SIGN_IN_AGAIN)


def connection_card(desk: Desk) -> None:
    """Draw what the player in use needs, with its buttons; what moves is drawn by `status`.

    Parameters
    ----------
    desk
        The engine's.
    """
    music = desk.engine.music
    kind, state = music.kind, music.snapshot().player.connection.state
    if kind is PlayerKind.SPOTIFY:
        _spotify(music, state)
    elif kind is PlayerKind.LOCAL:
        _local(music)
    tell_problem(_PLACE)
    if kind is not PlayerKind.DRY_RUN:
        _tell_test(music)


def answers() -> tuple[Outcome | None, ...]:
    """How the commands given on the card have ended so far: when one does, the card is to be drawn anew."""
    return outcome(_PLACE), outcome(_TEST)


def status(connection: Connection, kind: PlayerKind, now_s: float) -> Markup:
    """Say how the player stands to what it plays on.

    Parameters
    ----------
    connection
        What to show.
    kind
        The player's.
    now_s
        Unix time.
    """
    look, words = _WORDS[connection.state]
    if kind is PlayerKind.DRY_RUN:
        look, words = "off", "Dry run"
    if connection.state is ConnectionState.RATE_LIMITED and connection.until_s is not None:
        words = f"{words} until {moment(connection.until_s, now_s)}"
    calls = None if connection.state is ConnectionState.DISCONNECTED else connection.calls_today
    facts = (
        "" if connection.account in connection.message else connection.account,
        "" if calls is None else f"{counted(calls, 'call')} used today",
    )
    return tag(
        "div",
        tag(
            "p",
            tag("span", class_="dot", aria_hidden="true"),
            tag("strong", words, data_testid="connection-state"),
            *(tag("span", fact, class_="fact") for fact in facts if fact),
            class_="head",
        ),
        *((tag("p", connection.message, class_="message"),) if connection.message else ()),
        class_=f"at-connection {look}",
        role="status",
    )


# Spotify


def _spotify(music: Music, state: ConnectionState) -> None:
    view = music.sign_in
    if view is not None and view.waiting:
        _waiting(music, view)
        return
    # One that succeeded is told by the card; signed out all the same, it is long past.
    if view is not None and view.outcome is not None and view.outcome.kind is not OutcomeKind.DONE:
        show = st.info if view.outcome.ok else st.error
        show(plain(view.outcome.message))
    if state in _SIGNED_OUT:
        _sign_in(music)
        return
    with st.container(horizontal=True, key="connection-buttons"):
        _test(music)
        with st.popover("Disconnect", icon=":material/link_off:"):
            st.write(
                "What is stored of your sign-in is deleted from this machine, and the music stays as it is. "
                "Your choices below are kept."
            )
            st.button(
                "Disconnect for good",
                key="connection disconnect",
                type="primary",
                on_click=carry_out,
                args=(_PLACE, music.disconnect),
            )
    if notice := music.account.notice:
        st.info(plain(notice), icon=":material/event:")
        st.button(
            "Sign in again",
            key="connection again",
            icon=":material/login:",
            on_click=carry_out,
            args=(_PLACE, music.sign_in_again),
        )


def _test(music: Music) -> None:
    st.button(
        "Test",
        key="connection test",
        icon=":material/network_check:",
        help="Ask for the playlists, the devices and what is playing",
        on_click=carry_out,
        args=(_TEST, music.refresh),
    )


def _tell_test(music: Music) -> None:
    tell_problem(_TEST, besides=music.snapshot().player.connection.message)
    ended = outcome(_TEST)
    if ended is not None and ended.ok:
        player = music.snapshot().player
        found = f"{counted(len(player.playlists), 'playlist')} and {counted(len(player.devices), 'device')}"
        st.success(f"It answers: {found} are there.", icon=":material/check:")


def _waiting(music: Music, view: SignInView) -> None:
    st.html(
        tag(
            "p",
            tag("span", class_="dot", aria_hidden="true"),
            "Waiting for your answer on Spotify's page. It opens in a new tab; come back here afterwards.",
            class_="at-waiting",
            role="status",
        )
    )
    if view.notice:
        st.warning(plain(view.notice), icon=":material/warning:")
    with st.container(horizontal=True):
        st.link_button("Open Spotify's page", view.url, type="primary", icon=":material/open_in_new:")
        st.button(
            "Cancel",
            key="connection cancel",
            on_click=carry_out,
            args=(_PLACE, music.cancel_sign_in),
        )


def _sign_in(music: Music) -> None:
    known = music.account.client_id
    if known:
        with st.expander("How to get a client id"):
            _how(music)
    else:
        _how(music)
    # Streamlit forgets a field that is not drawn, and while a sign-in waits this one is not.
    held = hold(_CLIENT, known or st.session_state.get(_TYPED, ""))
    with st.container(horizontal=True, vertical_alignment="bottom", key="sign-in"):
        st.text_input(
            "Client id of your app at Spotify",
            held.first,
            key=held.key,
            placeholder="32 signs, from the page of your app",
            max_chars=128,
            width=380,
        )
        st.button(
            "Sign in",
            key="connection sign in",
            type="primary",
            icon=":material/login:",
            on_click=_begin,
            args=(music, held),
        )
    st.checkbox(
        "Attune may also create playlists (only needed for “Create the missing playlists”)", key=_MAY_CREATE
    )


def _how(music: Music) -> None:
    st.html(steps(music.sign_in_steps))
    st.caption("Redirect address, to be copied exactly as it is:")
    st.code(music.redirect_address, language=None)


def steps(sentences: Sequence[str]) -> Markup:
    """Number the steps to a client id; an address in them can be followed."""
    return tag("ol", *(tag("li", *_linked(sentence)) for sentence in sentences), class_="at-steps")


def _linked(sentence: str) -> list[str]:
    # Where a pattern is kept, every second part is one that fits it.
    parts: list[str] = _ADDRESS.split(sentence)
    return [
        tag("a", part, href=part, target="_blank", rel="noopener noreferrer") if number % 2 else part
        for number, part in enumerate(parts)
    ]


def _begin(music: Music, held: Held) -> None:
    typed = st.session_state[_TYPED] = str(held.value or "").strip()
    may_create = bool(st.session_state.get(_MAY_CREATE))
    carry_out(_PLACE, lambda: music.begin_sign_in(typed, may_create=may_create))


# Music on this machine


def _local(music: Music) -> None:
    scan = music.scanning
    running = scan is not None and scan.running
    held = hold(_FOLDER, str(music.music_folder or ""))
    with st.container(horizontal=True, vertical_alignment="bottom", key="library"):
        st.text_input(
            "Folder of your music on this machine",
            held.first,
            key=held.key,
            placeholder="~/Music",
            icon=":material/folder:",
            disabled=running,
            width=380,
        )
        if running:
            st.button(
                "Cancel", key="connection cancel scan", on_click=carry_out, args=(_PLACE, music.cancel_scan)
            )
        else:
            st.button(
                "Scan",
                key="connection scan",
                type="primary",
                icon=":material/manage_search:",
                help="Hear every file once and note its mood; files heard before are skipped",
                on_click=_scan,
                args=(music, held),
            )
            if music.music_folder is not None:
                _test(music)


def _scan(music: Music, held: Held) -> None:
    typed = str(held.value or "").strip().strip("\"'")
    carry_out(_PLACE, lambda: music.scan(_folder(typed)))


def _folder(typed: str) -> Path:
    if not typed:
        raise AttuneError("No folder was named: type the path of your music, then press Scan.")
    try:
        return Path(typed).expanduser()
    except RuntimeError as error:
        raise AttuneError(f"{typed!r} cannot be opened ({error}): check the path.") from error


def scan_progress(scan: ScanView | None, counts: tuple[int, int]) -> Markup:
    """Say how far a scan has got, and what the library holds.

    Parameters
    ----------
    scan
        The newest scan; None before the first.
    counts
        Tracks that can be played, and files with which something is wrong.
    """
    usable, bad = counts
    parts: list[Markup] = []
    if scan is not None and scan.running:
        share = scan.done / scan.total if scan.total else 0.0
        words = f"{scan.done} of {scan.total} files" if scan.total else "Looking for files"
        parts.append(
            tag(
                "div",
                tag(
                    "span",
                    tag("i", style=f"transform:scaleX({share:.4f})"),
                    class_="rail",
                    role="progressbar",
                    aria_label="Scan",
                    aria_valuemin="0",
                    aria_valuemax="100",
                    aria_valuenow=f"{100 * share:.0f}",
                ),
                tag("span", words, class_="count", data_testid="scan-count"),
                class_="scan",
            )
        )
    elif scan is not None and scan.problem:
        parts.append(tag("p", scan.problem, class_="trouble"))
    if usable or bad:
        heard = f"{counted(usable, 'track')} can be played"
        wrong = f", {counted(bad, 'file')} could not be read" if bad else ""
        parts.append(tag("p", f"{heard}{wrong}.", data_testid="library-counts"))
    elif not parts:
        parts.append(tag("p", "No music has been scanned yet."))
    return tag("div", *parts, class_="at-library")
