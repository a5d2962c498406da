"""Listening paused for a time, and resumed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import streamlit as st

from attune.dashboard.components.command_button import command_button
from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from realtime.capture.source import SourceKind

if TYPE_CHECKING:
    from attune.engine.engine import Engine

PAUSE: Final = N_("Pause")
PAUSE_HELP: Final = N_("Close the microphone for a while. The music stays as it is.")
RESUME: Final = N_("Resume")
RESUME_HELP: Final = N_("Listen again now")
TIMES: Final = {
    N_("For 15 minutes"): 15 * 60.0,
    N_("For 1 hour"): 3600.0,
    N_("For 4 hours"): 4 * 3600.0,
    N_("Until I resume"): None,
}


def pause_button(engine: Engine, place: str, **options: str) -> None:
    """Let a person pause what is listened to, or resume it; a recording is nothing to pause.

    Parameters
    ----------
    engine
        Listens.
    place
        Where on the page it is said why that failed; see `commands.show_problem`.
    **options
        Of the button.
    """
    key = f"{place} pause"
    if engine.pause.active:
        command_button(
            _(RESUME),
            f"{key} end",
            place,
            engine.pause.end,
            icon="play_arrow",
            help=_(RESUME_HELP),
            **options,
        )
    elif engine.snapshot().listening and engine.spec is not None and engine.spec.kind is not SourceKind.FILE:
        with st.popover(_(PAUSE), icon=":material/pause:", key=key, help=_(PAUSE_HELP)):
            for words, duration_s in TIMES.items():
                command_button(_(words), f"{key} {words}", place, partial(engine.pause.begin, duration_s))
