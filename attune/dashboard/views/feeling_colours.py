"""The mark of an emotion or a direction beside the music: a colour, or a small plane with its part filled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from core.directions import Direction, Feeling
from core.emotions import Emotion

_STYLE: Final = Path(__file__).parents[1] / "assets" / "live_board.css"

HUES: Final[Mapping[str, str]] = dict(
    re.findall(r"--at-(\w+): (#[0-9a-f]{6});", _STYLE.read_text(encoding="utf-8"))
)
"""The emotions' colours on the Live page: Streamlit's own widgets stand outside the board's style."""

# As on the plane: pleasant to the right, energy upward; a corner has the colour of an emotion in it.
_CORNERS: Final = {
    Direction.LIVELY_PLEASANT: (HUES[Emotion.HAPPY], "right top"),
    Direction.LIVELY_UNPLEASANT: (HUES[Emotion.ANGRY], "left top"),
    Direction.QUIET_PLEASANT: (HUES[Emotion.CALM], "right bottom"),
    Direction.QUIET_UNPLEASANT: (HUES[Emotion.SAD], "left bottom"),
}
_HALVES: Final = {
    Direction.LIVELY: (Direction.LIVELY_UNPLEASANT, Direction.LIVELY_PLEASANT),
    Direction.QUIET: (Direction.QUIET_UNPLEASANT, Direction.QUIET_PLEASANT),
}
_GROUND: Final = "rgba(127,133,148,.3)"


def colour_of(feeling: Feeling) -> str:
    """Return one colour for an emotion or a direction, for charts: half the plane has that of its corners.

    Examples
    --------
    >>> colour_of(Direction.LIVELY)
    '#ca6220'
    """
    if not isinstance(feeling, Direction):
        return HUES[feeling]
    hues = [_CORNERS[corner][0] for corner in _HALVES.get(feeling, (feeling,))]
    channels = [[int(hue[at : at + 2], 16) for hue in hues] for at in (1, 3, 5)]
    return "#" + "".join(f"{sum(values) // len(values):02x}" for values in channels)


def feeling_named(name: str | None) -> Feeling | None:
    """Return the emotion or the direction of a name, as the journal has it; None for others."""
    kinds: tuple[type[Feeling], ...] = (Emotion, Direction)
    return next((kind(name) for kind in kinds if name in set(kind)), None)


def background_of(feeling: Feeling) -> str:
    """Return the CSS background of a small mark that stands for an emotion or a direction.

    Examples
    --------
    >>> background_of(Emotion.HAPPY)
    '#b98500'
    """
    if not isinstance(feeling, Direction):
        return HUES[feeling]
    filled = [_CORNERS[corner] for corner in _HALVES.get(feeling, (feeling,))]
    layers = [f"linear-gradient({hue},{hue}) {place}/50% 50% no-repeat" for hue, place in filled]
    return ",".join((*layers, _GROUND))
