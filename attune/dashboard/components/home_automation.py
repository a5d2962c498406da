"""What goes with the settings of home automation: whether the broker is told, and the password for it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import streamlit as st

from attune.dashboard.state.commands import run_command, show_problem
from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.html import escape_markdown
from attune.engine.home.password import forget_password, keep_password, password_place
from core.errors import AttuneError, HomeAutomationError

if TYPE_CHECKING:
    from attune.engine.engine import Engine

HELP: Final = N_(
    "Tells your home automation over MQTT how the voice sounds, whether Attune listens, and what plays. "
    "Home Assistant finds this machine by itself, and can pause listening. Whoever may read the broker can "
    "see all of that."
)
CONNECTED: Final = N_("Connected to the broker.")
CONNECTING: Final = N_("Not connected to the broker yet.")
PASSWORD: Final = N_("Password for the broker")
KEEP: Final = N_("Keep the password")
FORGET: Final = N_("Forget the password")
KEPT_IN: Final = N_("A password is kept in {}.")
NONE_KEPT: Final = N_("No password is kept.")
EMPTY: Final = N_("The password is empty: type it first.")
_PLACE: Final = "home password"
_KEY: Final = "home password typed"


def home_status(engine: Engine) -> None:
    """Say what it does, and whether it works."""
    st.caption(_(HELP))
    if engine.home.problem:
        st.warning(escape_markdown(engine.home.problem), icon=":material/warning:")
    elif engine.home.connected:
        st.success(_(CONNECTED), icon=":material/check:")
    elif engine.settings.mqtt_host:
        st.info(_(CONNECTING), icon=":material/schedule:")


def home_password(engine: Engine) -> None:
    """Let the password be typed or forgotten; it is never shown."""
    try:
        place = password_place()
    except AttuneError as error:
        st.warning(escape_markdown(str(error)), icon=":material/warning:")
        place = ""
    else:
        st.caption(escape_markdown(_(KEPT_IN).format(place) if place else _(NONE_KEPT)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(_(PASSWORD), key=_KEY, type="password", autocomplete="off")
        st.button(_(KEEP), on_click=run_command, args=(_PLACE, partial(_keep, engine)))
        if place:
            st.button(_(FORGET), on_click=run_command, args=(_PLACE, forget_password), type="tertiary")
    show_problem(_PLACE)


def _keep(engine: Engine) -> None:
    typed = str(st.session_state[_KEY])
    if not typed:
        raise HomeAutomationError(_(EMPTY))
    keep_password(typed)
    st.session_state[_KEY] = ""
    engine.home.set_settings(engine.settings)  # it tries again at once
