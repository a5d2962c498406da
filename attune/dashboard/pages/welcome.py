"""The guided start of a new profile: the microphone, a sentence, what plays; then Live, and never again."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from attune.dashboard.components import connection_card, live_board
from attune.dashboard.components.browser_component import ASSETS, browser_component
from attune.dashboard.components.browser_part import BrowserPart
from attune.dashboard.components.command_button import command_button
from attune.dashboard.components.fragments import draw_every
from attune.dashboard.components.page_header import draw_heading, open_context
from attune.dashboard.state import first_run
from attune.dashboard.state.commands import (
    command_outcome,
    command_problem,
    run_change,
    run_command,
    show_problem,
)
from attune.dashboard.state.synced_widgets import sync_widget
from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views import welcome as views
from attune.dashboard.views.html import escape_markdown
from attune.dashboard.views.now_playing_bar import SIGNED_OUT
from attune.dashboard.views.player_status import connection_status, scan_progress
from attune.dashboard.views.source_choices import MICROPHONE_GONE, choice_of, without_microphone
from attune.dashboard.views.verdict import state_words
from attune.dashboard.views.welcome import PLAYERS, Step
from core import paths
from core.errors import AttuneError
from playback.player import PlayerKind
from playback.preferences.preferences import Mode
from playback.system_player.backends import open_players
from realtime.capture.source import SourceKind, SourceSpec
from realtime.snapshot import ListenerState

if TYPE_CHECKING:
    from attune.dashboard.state.app_context import AppContext
    from attune.engine.engine import Engine

TITLE: Final = N_("Welcome")
SUBTITLE: Final = N_("three short steps")
PLACE: Final = "welcome"
_TICK_S: Final = 0.3

SKIP: Final = N_("Skip")
SKIP_HELP: Final = N_("All of it can be set later, on the pages Live and Playlists")
BACK: Final = N_("Back")
NEXT: Final = N_("Next")
DONE: Final = N_("Done")
LISTEN: Final = N_("Listen")
LISTEN_HELP: Final = N_("Opens the microphone; Stop on the page Live closes it")
AGAIN: Final = N_("Look for microphones again")
MICROPHONE: Final = N_("Microphone")
PLAYER: Final = N_("What should play?")
RECORDING: Final = N_("Path of a recording on this computer")
NO_RECORDING: Final = N_("No recording was named: type its path, then press Listen.")
BY_ITSELF: Final = N_("Let Attune change the music by itself")
BY_ITSELF_HELP: Final = N_("Otherwise Attune suggests a change, and you say yes.")
LOOKING: Final = N_("Looking for players that are open")

# Keys of the session state
_STEP: Final = "welcome step"
_SOURCE: Final = "welcome source"
_PATH: Final = "welcome path"
_OPEN: Final = "welcome players"
_BY_ITSELF: Final = "welcome by itself"

_head = browser_component("welcome_step", "live_board.css", "welcome.css", script="welcome_step.js")
_STYLES: Final = ("live_board.css", "plane.css", "welcome.css")
_meter = BrowserPart("welcome_meter", _STYLES, ("welcome_part.js",))
_heard = BrowserPart("welcome_heard", _STYLES, ("welcome_part.js",))


def page() -> None:
    """Draw the step that a person is at."""
    st.set_page_config(page_title=f"{_(TITLE)} · Attune")
    st.html(ASSETS / "welcome_page.css")
    st.html(ASSETS / "playlists.css")
    with st.container(key="welcome"):
        with st.container(key="welcome-top", horizontal=True, vertical_alignment="center"):
            draw_heading("Attune", SUBTITLE)
            st.button(
                _(SKIP), key="welcome skip", type="tertiary", help=_(SKIP_HELP), on_click=first_run.finish
            )
        context = open_context()
        step = st.session_state.setdefault(_STEP, Step.MICROPHONE)
        _head(key="step", data={"html": views.step_head(step), "step": step})
        {Step.MICROPHONE: _microphone, Step.SENTENCE: _sentence, Step.MUSIC: _music}[step](context)


def _foot(step: Step, *, can_go_on: bool = True) -> None:
    """Draw the buttons to the step before and to the next."""
    with st.container(key="welcome-foot", horizontal=True):
        if step > Step.MICROPHONE:
            st.button(_(BACK), key=f"welcome back {step}", on_click=_go, args=(Step(step - 1),))
        if step < Step.MUSIC:
            st.button(
                _(NEXT),
                key=f"welcome next {step}",
                type="primary" if can_go_on else "secondary",
                disabled=not can_go_on,
                on_click=_go,
                args=(Step(step + 1),),
            )


def _go(step: Step) -> None:
    st.session_state[_STEP] = step


def _state(engine: Engine) -> tuple[object, ...]:
    """What changes the widgets of the steps."""
    snapshot = engine.snapshot()
    lost = snapshot.state in (ListenerState.FAILED, ListenerState.DEVICE_LOST)
    return snapshot.listening, engine.spec, snapshot.message if lost else "", views.heard_words(snapshot)


def _feed(engine: Engine) -> None:
    drawn = _state(engine)
    draw_every(
        _TICK_S,
        "level",
        lambda: live_board.feed_board(engine),
        out_of_date=lambda: _state(engine) != drawn,
        key="feed-welcome",
    )


def _say_trouble(engine: Engine) -> None:
    """Say why listening did not begin, or broke off."""
    snapshot = engine.snapshot()
    if command_problem(PLACE):
        show_problem(PLACE)
    elif snapshot.state in (ListenerState.FAILED, ListenerState.DEVICE_LOST) and snapshot.message:
        st.error(escape_markdown(state_words(snapshot) or snapshot.message), icon=":material/error:")


# The microphone


def _microphone(context: AppContext) -> None:
    engine = context.engine
    lines = views.source_lines(context.choices, context.suggestion)
    if context.suggestion.kind is SourceKind.DEMO:
        reason = without_microphone(context.suggestion_reason)
        st.info(escape_markdown(_(views.NO_MICROPHONE).format(reason=reason)), icon=":material/mic_off:")
    if st.session_state.get(_SOURCE) not in lines:
        wanted = choice_of(engine.spec or context.suggestion, context.choices).key
        st.session_state[_SOURCE] = wanted if wanted in lines else next(iter(lines))
    st.radio(
        _(MICROPHONE),
        list(lines),
        key=_SOURCE,
        format_func=lambda key: escape_markdown(str(lines.get(key, key))),
        label_visibility="collapsed",
        on_change=_switch,
        args=(context,),
    )
    if st.session_state[_SOURCE] == SourceKind.FILE.value:
        st.text_input(_(RECORDING), key=_PATH, placeholder="~/recordings/talk.wav", icon=":material/folder:")
    _meter.place(views.meter(), feed="live")
    _say_trouble(engine)
    listening = engine.snapshot().listening
    with st.container(horizontal=True):
        if not listening:
            command_button(
                _(LISTEN),
                "welcome listen",
                PLACE,
                partial(_listen, context),
                icon="mic",
                type="primary",
                help=_(LISTEN_HELP),
            )
        command_button(_(AGAIN), "welcome again", PLACE, context.refresh, icon="refresh", type="tertiary")
    _foot(Step.MICROPHONE, can_go_on=listening)
    _feed(engine)


def _switch(context: AppContext) -> None:
    """Another one is chosen: it is heard at once where one was heard before."""
    if context.engine.snapshot().listening and st.session_state[_SOURCE] != SourceKind.FILE.value:
        run_command(PLACE, partial(_listen, context))


def _listen(context: AppContext) -> None:
    by_key = {choice.key: choice.spec for choice in context.choices}
    spec = by_key.get(st.session_state[_SOURCE])
    if spec is None:
        raise AttuneError(_(MICROPHONE_GONE))
    if spec.kind is SourceKind.FILE:
        typed = str(st.session_state.get(_PATH) or "").strip().strip("\"'")
        if not typed:
            raise AttuneError(_(NO_RECORDING))
        spec = SourceSpec(SourceKind.FILE, path=paths.with_home(Path(typed)))
    context.engine.start(spec)


# The sentence


def _sentence(context: AppContext) -> None:
    _heard.place(views.heard(), feed="live")
    _say_trouble(context.engine)
    st.caption(views.heard_words(context.engine.snapshot()) or "\N{NO-BREAK SPACE}")
    _foot(Step.SENTENCE)
    _feed(context.engine)


# The music


def _music(context: AppContext) -> None:
    engine = context.engine
    if _OPEN not in st.session_state:
        with st.spinner(_(LOOKING)):
            st.session_state[_OPEN] = open_players()
    found: tuple[str, ...] = st.session_state[_OPEN]
    kinds = [kind for kind in PLAYERS if kind is not PlayerKind.SYSTEM or found]
    labels = {kind: _(words) for kind, words in PLAYERS.items()}
    if found:
        labels[PlayerKind.SYSTEM] = _(views.OPEN_PLAYER).format(player=escape_markdown(found[0]))
    widget = sync_widget("welcome player", engine.music.kind)
    st.radio(
        _(PLAYER),
        kinds,
        kinds.index(widget.default) if widget.default in kinds else len(kinds) - 1,
        key=widget.key,
        format_func=lambda kind: labels[kind],
        captions=[_(views.CAPTIONS[kind]) for kind in kinds],
        label_visibility="collapsed",
        on_change=run_change,
        args=(PLACE, widget, lambda kind: engine.use_player(PlayerKind(kind))),
    )
    kind = engine.music.kind
    drawn = _music_state(engine)
    if kind is not PlayerKind.DRY_RUN:
        with st.container(border=True, key="at-player"):
            draw_every(
                1.0, "connection", partial(_status, engine), out_of_date=lambda: _music_state(engine) != drawn
            )
            connection_card.connection_card(engine)
    # A preview makes no sound, so it may show all of it.
    st.toggle(_(BY_ITSELF), kind is PlayerKind.DRY_RUN, key=f"{_BY_ITSELF} {kind}", help=_(BY_ITSELF_HELP))
    show_problem(PLACE)
    if engine.snapshot().listening:
        _meter.place(views.meter(), feed="live")
    with st.container(key="welcome-foot", horizontal=True):
        st.button(_(BACK), key="welcome back", on_click=_go, args=(Step.SENTENCE,))
        command_button(_(DONE), "welcome done", PLACE, partial(_finish, engine), type="primary")
    _feed(engine)


def _music_state(engine: Engine) -> tuple[object, ...]:
    player, scan = engine.music.snapshot().player, engine.library.scanning
    return (
        engine.music.kind,
        player.connection.state,
        player.playlists,
        engine.spotify.sign_in,
        scan is not None and scan.running,
        engine.library.folder,
        engine.music.snapshot().preferences.links,
        [command_outcome(place) for place in connection_card.PLACES],
    )


def _status(engine: Engine) -> None:
    engine.heartbeat()
    music = engine.music
    music.mark_viewed()
    if music.kind is PlayerKind.LOCAL:
        st.html(scan_progress(engine.library.scanning, engine.library.counts))
    elif not connection_card.waits_for_sign_in(engine):
        # How many calls were made concerns nobody yet.
        connection = replace(music.snapshot().player.connection, calls_today=None)
        st.html(connection_status(connection, music.kind, time.time()))


def _finish(engine: Engine) -> None:
    """Take over what was chosen, and go to Live.

    Raises
    ------
    AttuneError
        What was chosen has nothing to play yet.
    """
    kind, scan = engine.music.kind, engine.library.scanning
    music = engine.music.snapshot()
    indexing = scan is not None and scan.running
    if kind is PlayerKind.LOCAL and not (engine.library.counts[0] or indexing):
        raise AttuneError((scan.problem if scan is not None else "") or _(views.NEEDS_FOLDER))
    if kind is PlayerKind.SYSTEM and not music.preferences.links:
        raise AttuneError(_(views.NEEDS_LINK))
    if kind is PlayerKind.SPOTIFY and music.player.connection.state in SIGNED_OUT:
        raise AttuneError(_(views.NEEDS_SIGN_IN))
    by_itself = bool(st.session_state.get(f"{_BY_ITSELF} {kind}"))
    engine.music.set_mode(Mode.AUTO if by_itself else Mode.SUGGEST)
    first_run.finish()
