"""How every page begins: its heading, and what all pages share, or a sentence on why it cannot be had."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NoReturn

import streamlit as st
from markupsafe import Markup

from attune.dashboard.state.language import begin_language, follow_language
from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from core.errors import AttuneError

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from attune.dashboard.state.app_context import AppContext

_LOG = logging.getLogger(__name__)


_DEFAULTS_HOLD: Final = N_(
    "Until then the defaults hold. When you change something on the page Settings, the file is kept aside "
    "and a new one begins."
)
_TWICE: Final = N_(
    "Another Attune is running with this profile (process {process}): close one of the two, or both change "
    "the music."
)
_HEADING: Final = Markup('<header class="at-brand"><h1>{}</h1><p>{}</p></header>')


def open_app_context() -> AppContext:
    """Open what all pages share; imported only now, so that a cold page is not blank meanwhile."""
    from attune.dashboard.state import app_context  # noqa: PLC0415

    return app_context.open_app_context()


@st.cache_resource(show_spinner=False, on_release=lambda context: context.close())
def shared_context() -> AppContext:
    """Open the one context of this process, whatever the number of tabs."""
    from attune.dashboard.state.server_signals import stop_server_in_order  # noqa: PLC0415

    context = open_app_context()
    stop_server_in_order()
    return context


def open_page(title: str, subtitle: str) -> AppContext:
    """Draw a page's heading, and note that it is open; without a context the page ends here, with a sentence.

    Parameters
    ----------
    title, subtitle
        The heading, and what the page is for; both in English.
    """
    draw_heading(title, subtitle)
    return open_context()


def draw_heading(title: str, subtitle: str) -> None:
    """Draw a page's heading; both in English, for here the language of the run begins."""
    begin_language()
    st.html(_HEADING.format(_(title), _(subtitle)), width="content")


def open_context(board: DeltaGenerator | None = None) -> AppContext:
    """Note that a page is open; without a context the page ends here, with a sentence.

    Parameters
    ----------
    board
        What is taken away then.
    """
    begin_language()
    try:
        context = shared_context()
    except AttuneError as error:
        _end(str(error), board)
    except Exception:  # noqa: BLE001 - a person must never read a traceback
        from attune.dashboard.state.commands import unexpected  # noqa: PLC0415

        _LOG.exception("the engine cannot be opened")
        _end(unexpected(), board)
    context.engine.heartbeat()
    state = context.settings.refresh()
    follow_language(state.settings.language)
    if problem := state.file_problem:
        from attune.dashboard.views.html import escape_markdown  # noqa: PLC0415

        st.warning(escape_markdown(f"{problem} {_(_DEFAULTS_HOLD)}"), icon=":material/settings:")
    if (process := context.other_program) is not None:
        st.warning(_(_TWICE).format(process=process), icon=":material/filter_2:")
    return context


def _end(problem: str, board: DeltaGenerator | None) -> NoReturn:
    from attune.dashboard.views.html import escape_markdown  # noqa: PLC0415

    if board is not None:
        board.empty()
    st.error(escape_markdown(problem))
    st.stop()
