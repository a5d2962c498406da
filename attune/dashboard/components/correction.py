"""Not right? One click says what a voice really was; the correction can be taken back at once."""

from __future__ import annotations

import datetime as dt
import time
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import streamlit as st

from attune.dashboard.components.browser_component import ASSETS
from attune.dashboard.components.command_button import command_button
from attune.dashboard.state.commands import command_problem, run_command, show_problem
from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.feeling_names import feeling_name
from attune.dashboard.views.formatting import capitalized
from attune.dashboard.views.html import escape_markdown
from core.emotions import EMOTIONS, Emotion
from models.resample import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from attune.engine.engine import Engine
    from realtime.corrections import Stretch

BUTTON: Final = N_("Not right?")
TAKEN_FOR: Final = N_("From {begins} to {ends} Attune heard: {said}.")
WAS_UNSURE: Final = N_("From {begins} to {ends} Attune was unsure.")
QUESTION: Final = N_("What was it really?")
NOTHING: Final = N_("Nobody has spoken in the last 20 seconds, so there is nothing to correct.")
NONE_OF_THESE: Final = N_("None of these, just talking")
PRIVATE: Final = N_("Kept on this machine and listed on the page History. No sound is kept.")
CORRECTED: Final = N_("Noted: {meant}, not {said}.")
NOTED: Final = N_("Noted: {meant}.")
TALK: Final = N_("just talking")
TAKE_BACK: Final = N_("Take it back")

_NONE: Final = "none"
_PLACE: Final = "correction"
_TURN: Final = "correction turn"
_OPENED: Final = "correction opened"
_DONE: Final = "correction done"


class _Opened(NamedTuple):
    """What was said when the question was opened: the answer is about that."""

    stretch: Stretch | None
    ends_s: float  # Unix time of its last window


def correction(engine: Engine) -> None:
    """Draw the button, and what was noted last beside it; not to be drawn by a timer."""
    st.html(ASSETS / "correction.css")
    with st.container(horizontal=True, vertical_alignment="center", key="correction"):
        turn = int(st.session_state.setdefault(_TURN, 0))
        question = st.popover(
            _(BUTTON),
            icon=":material/edit:",
            type="tertiary",
            key=f"correction question {turn}",
            on_change="rerun",
        )
        if question.open:
            if _OPENED not in st.session_state:
                st.session_state[_OPENED] = _opened(engine)
            with question:
                _question(engine, st.session_state[_OPENED], turn)
        else:
            st.session_state.pop(_OPENED, None)
            _noted(engine)
    show_problem(_PLACE)


def _opened(engine: Engine) -> _Opened:
    stretch, clock = engine.corrections.stretch(), engine.snapshot().clock
    ago_s = 0.0 if stretch is None else max(0, clock - stretch.to_clock) / SAMPLE_RATE_HZ
    return _Opened(stretch, time.time() - ago_s)


def _question(engine: Engine, opened: _Opened, turn: int) -> None:
    stretch = opened.stretch
    if stretch is None:
        st.write(_(NOTHING))
        return
    begins, ends = (_clock(at_s) for at_s in (opened.ends_s - stretch.length_s, opened.ends_s))
    words = WAS_UNSURE if stretch.said is None else TAKEN_FOR
    said = _said(stretch)
    st.write(escape_markdown(_(words).format(begins=begins, ends=ends, said=said)))
    answers = {one.value: capitalized(feeling_name(one)) for one in EMOTIONS if one is not stretch.said}
    answers[_NONE] = _(NONE_OF_THESE)
    key = f"correction answer {turn}"
    st.pills(
        _(QUESTION),
        list(answers),
        format_func=lambda one: answers.get(one, one),
        key=key,
        on_change=_answer,
        args=(engine, stretch, key),
    )
    st.caption(_(PRIVATE))


def _answer(engine: Engine, stretch: Stretch, key: str) -> None:
    if (answer := st.session_state.get(key)) is None:
        return
    meant = None if answer == _NONE else Emotion(answer)
    run_command(_PLACE, partial(engine.corrections.correct, stretch, meant))
    if not command_problem(_PLACE):
        st.session_state[_DONE] = stretch, meant
    st.session_state[_TURN] = int(st.session_state[_TURN]) + 1  # a new question, which is closed
    st.session_state.pop(_OPENED, None)


def _noted(engine: Engine) -> None:
    if (done := st.session_state.get(_DONE)) is None:
        return
    stretch, meant = done
    words = NOTED if stretch.said is None else CORRECTED
    said = _(words).format(meant=_(TALK) if meant is None else feeling_name(meant), said=_said(stretch))
    st.caption(escape_markdown(said), width="content")
    command_button(_(TAKE_BACK), "correction undo", _PLACE, partial(_undo, engine, stretch), type="tertiary")


def _undo(engine: Engine, stretch: Stretch) -> None:
    engine.corrections.undo(stretch.session_id, stretch.from_clock)
    st.session_state.pop(_DONE, None)


def _said(stretch: Stretch) -> str:
    return "" if stretch.said is None else feeling_name(stretch.said)


def _clock(at_s: float) -> str:
    return f"{dt.datetime.fromtimestamp(at_s):%H:%M:%S}"
