"""On every page: the focus of the keyboard stays where it was when a button turns into another."""

from __future__ import annotations

from attune.dashboard.components.browser_component import browser_component

_show = browser_component("focus", script="focus.js")


def keyboard_focus() -> None:
    """Keep the focus."""
    _show(key="focus", data={})
