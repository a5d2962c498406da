"""The Live page below its heading, in the places kept for it, and the view for a second screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st
from markupsafe import Markup

from attune.dashboard.components import live_board, live_controls
from attune.dashboard.components.correction import correction
from attune.dashboard.components.fragments import draw_every
from attune.dashboard.components.now_playing import now_playing
from attune.dashboard.navigation import link_to
from attune.dashboard.state.app_context import AppContext
from attune.dashboard.state.commands import run_command
from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.html import fill
from attune.dashboard.views.model_card import model_line
from core.errors import AttuneError

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from attune.engine.engine import Engine

_TICK_S: Final = 0.5
_IDLE_TICK_S: Final = 1.0

FULL_SCREEN: Final = N_("Full screen")
FULL_SCREEN_HELP: Final = N_(
    "The word and the plane alone, for a second screen. Escape or a click leads back."
)
PRIVATE: Final = N_("Audio never leaves this machine, and none is stored.")
CARDS: Final = N_("Model cards, with all figures")
_FOOT: Final = Markup('<footer class="at-foot">{}<p><strong>{} </strong>{}</p></footer>')
_MODEL: Final = Markup("<p><strong>{} </strong>{}</p>")


def draw_page(context: AppContext, row: DeltaGenerator, said: DeltaGenerator, board: DeltaGenerator) -> None:
    """Draw the page.

    Parameters
    ----------
    context
        What all pages share.
    row, said, board
        The places for the buttons, for what went wrong, and for the board.
    """
    engine = context.engine
    drawn = live_controls.shown_state(engine)
    with row:
        kind = live_controls.controls(context)
        st.button(
            _(FULL_SCREEN),
            key="wall",
            icon=":material/fullscreen:",
            help=_(FULL_SCREEN_HELP),
            on_click=_to_wall,
        )
    with said:
        live_controls.problems(engine)
        live_controls.recording_fields(kind)
    with board.container(key="live-board"):
        live_board.place_hero()
        correction(engine)
        live_controls.reasons(context)
        live_board.place_below()
    if not context.visited:
        run_command(live_controls.PLACE, context.start_demo_once)
    draw_every(
        _TICK_S if engine.snapshot().listening else _IDLE_TICK_S,
        "live board",
        lambda: live_board.feed_board(engine),
        out_of_date=lambda: live_controls.shown_state(engine) != drawn,
        key="feed-live",
    )
    now_playing(context, elsewhere=True)
    _foot(engine)


def _to_wall() -> None:
    st.query_params["view"] = "wall"


def draw_wall(context: AppContext) -> None:
    """Draw the view for a second screen."""
    engine = context.engine
    live_board.place_wall()
    if not context.visited:
        run_command(live_controls.PLACE, context.start_demo_once)

    def draw() -> None:
        if live_board.feed_wall(engine):
            del st.query_params["view"]
            st.rerun(scope="app")

    draw_every(_TICK_S, "wall", draw, key="feed-wall")


def _foot(engine: Engine) -> None:
    """Introduce the model, promise privacy, and lead to the models' cards."""
    try:
        line = model_line(engine.model, voice=engine.calibration.active)
    except AttuneError as error:
        line = fill(_MODEL, _("Model:"), error)
    st.html(_FOOT.format(line, _("Private:"), _(PRIVATE)))
    link_to("settings", _(CARDS), icon="description", section="models")
