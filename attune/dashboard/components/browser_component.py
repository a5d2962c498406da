"""Parts of pages that run in the browser: their style sheets and scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import streamlit as st

ASSETS: Final = Path(__file__).parents[1] / "assets"

DrawComponent = Callable[..., Any]


def browser_component(name: str, *styles: str, script: str | tuple[str, ...]) -> DrawComponent:
    """Register a component; what is returned draws it, called with `key` and `data`.

    Parameters
    ----------
    name
        Tells it from others.
    *styles
        Names of style sheets in `assets`, one after the other.
    script
        Name of its module in `assets`; several become one module.
    """
    scripts = (script,) if isinstance(script, str) else script
    css, js = (
        "\n".join((ASSETS / file).read_text(encoding="utf-8") for file in files)
        for files in (styles, scripts)
    )
    component: DrawComponent = st.components.v2.component(f"attune_{name}", css=css, js=js)
    return component
