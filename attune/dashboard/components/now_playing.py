"""The now-playing bar at the foot of pages, and what its buttons ask for."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import streamlit as st
from markupsafe import Markup

from attune.dashboard.components.browser_part import BrowserPart
from attune.dashboard.components.fragments import draw_every
from attune.dashboard.components.music_feedback import feedback_commands
from attune.dashboard.state.app_context import AppContext
from attune.dashboard.state.commands import command_problem, forget_command, run_command
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.now_playing_bar import now_playing_bar, position
from core.text import printable

if TYPE_CHECKING:
    from playback.controller import PlaybackController

_TICK_S: Final = 1.0
_PLACE: Final = "now"
_PROBLEM_S: Final = 30.0  # then it is past; what still holds, the player itself says
_SINCE: Final = "now problem since"
_PLACEHOLDER: Final = Markup('<section class="at-now" aria-label="{}"></section>')

_bar = BrowserPart("now_playing", ("live_board.css", "now_playing.css"), ("clock.js", "now_playing.js"))


def now_playing(context: AppContext, *, elsewhere: bool = False) -> None:
    """Draw the bar, which stays at the foot of the window and is drawn anew every second.

    Parameters
    ----------
    context
        What all pages share.
    elsewhere
        Music is set up on another page than this.
    """
    with st.container(key="now-playing"):
        _bar.place(_PLACEHOLDER.format(_("Now playing")))
    music = context.engine.music
    draw_every(_TICK_S, "now-playing bar", lambda: _draw(music, elsewhere=elsewhere), key="feed-now-playing")


def _draw(music: PlaybackController, *, elsewhere: bool) -> None:
    music.mark_viewed()
    snapshot, now_s = music.snapshot(), time.time()
    volume = snapshot.player.volume
    problem = _problem(now_s, besides=snapshot.player.connection.message)
    _bar.feed(
        {
            "html": now_playing_bar(snapshot, now_s, elsewhere=elsewhere, problem=problem),
            "position": position(snapshot.player, now_s),
            "volume": None if volume is None else round(100 * volume),
            "announcement": printable(
                _(snapshot.suggestion.reason if snapshot.suggestion else snapshot.message)
            ),
        },
        on_request=partial(_on_request, music),
    )


def _problem(now_s: float, *, besides: str) -> str:
    """Why the last command failed, for as long as it is news."""
    problem = command_problem(_PLACE, besides=besides)
    if problem and now_s - st.session_state.setdefault(_SINCE, now_s) <= _PROBLEM_S:
        return problem
    st.session_state.pop(_SINCE, None)
    if problem:
        forget_command(_PLACE)
    return ""


def _on_request(music: PlaybackController, request: dict[str, Any]) -> None:
    st.session_state.pop(_SINCE, None)
    run_command(_PLACE, lambda: handle_request(request, music))


def handle_request(request: dict[str, Any], music: PlaybackController) -> object:
    """Do what a button of the bar asks for; the future of an `Outcome` where the player answers.

    Parameters
    ----------
    request
        The `action`, and for the volume its `value` in per cent.
    music
        Does it.

    Raises
    ------
    AttuneError
        It cannot be done.
    """
    commands: dict[str, Callable[[], object]] = {
        "pause": music.pause,
        "play": music.resume,
        "next": music.next,
        "volume": lambda: music.set_volume(min(1.0, max(0.0, float(request["value"]) / 100.0))),
        "undo": music.undo,
        "resume now": music.resume_autopilot,
        "accept": lambda: music.answer(True),
        "not now": lambda: music.answer(False),
        **feedback_commands(music),
    }
    command = commands.get(str(request.get("action")))
    return None if command is None else command()
