"""More like this, not this: what the buttons of `templates/music_feedback.html.j2` ask for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from playback.preferences.opinions import Opinion

if TYPE_CHECKING:
    from playback.controller import PlaybackController


def feedback_commands(music: PlaybackController) -> dict[str, Callable[[], object]]:
    """What each of the buttons does, by its action; a skip is told by the button of the next track."""
    return {
        opinion.value: partial(music.give_opinion, opinion) for opinion in (Opinion.MORE, Opinion.NOT_THIS)
    }
