"""Buttons that ask for a command, with one sentence beside them if it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from attune.dashboard.state.commands import run_command


def command_button(
    label: str, key: str, place: str, command: Callable[[], object], *, icon: str = "", **options: Any
) -> None:
    """Draw a button.

    Parameters
    ----------
    label
        What stands on it.
    key
        Of the widget.
    place
        Where on the page it is said why the command failed; see `show_problem`.
    command
        What it asks for.
    icon
        Name of a Material icon.
    **options
        Of `streamlit.button`.
    """
    st.button(
        label,
        key=key,
        icon=f":material/{icon}:" if icon else None,
        on_click=run_command,
        args=(place, command),
        **options,
    )
