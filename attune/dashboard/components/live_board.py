"""The board of the Live page and its view for a second screen: drawn once, then fed four times a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from attune.dashboard.components.browser_component import ASSETS
from attune.dashboard.components.browser_part import BrowserPart
from attune.dashboard.views.live_board import board_values, live_below, live_hero, wall
from attune.dashboard.views.live_details import GateLines
from core.errors import AttuneError

if TYPE_CHECKING:
    from attune.engine.engine import Engine
    from realtime.snapshot import Snapshot

_STYLES: Final = ("live_board.css", "plane.css")
_SHELL: Final = ("page_title.js", "keep_alive.js", "board_shell.js")

_hero = BrowserPart("live", (*_STYLES, "live.css"), (*_SHELL, "live_hero.js"))
_below = BrowserPart("live_below", (*_STYLES, "live.css"), ("live_below.js",))
_wall = BrowserPart("wall", (*_STYLES, "wall.css"), (*_SHELL, "wall.js"))


def place_hero() -> None:
    """Draw the upper part without values."""
    _hero.place(live_hero())


def place_below() -> None:
    """Draw the lower part without values; it shows those of the upper one."""
    _below.place(live_below(), feed=_hero.name)


def feed_board(engine: Engine) -> None:
    """Send what has changed to both parts."""
    _hero.feed(_values(engine))


def place_wall() -> None:
    """Draw the view for a second screen without values, over all else."""
    st.html(ASSETS / "wall_page.css")
    _wall.place(wall())


def feed_wall(engine: Engine) -> bool:
    """Send what has changed; returns whether the person wants to go back."""
    state = _wall.feed(_values(engine), on_back_change=lambda: None)
    return getattr(state, "back", None) is not None


def _values(engine: Engine) -> dict[str, object]:
    engine.heartbeat()
    snapshot, threshold = engine.snapshot(), engine.threshold
    gate = GateLines(threshold, max(0.0, threshold - engine.settings.hysteresis))
    values = board_values(snapshot, gate, engine.music_snapshot(), hop_s=engine.settings.hop_s)
    return values | {"planeless": not _has_plane(engine, snapshot)}


def _has_plane(engine: Engine, snapshot: Snapshot) -> bool:
    """Whether the model says energy and pleasantness; nobody waits for one that is still being loaded."""
    if snapshot.reading is None:
        return True
    try:
        return engine.model.plane
    except AttuneError:
        return True  # the foot of the page says why
