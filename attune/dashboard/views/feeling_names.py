"""What emotions, directions and the moods of music are called in the language of the page."""

from __future__ import annotations

from typing import Final

from attune.dashboard.translations import gettext, pgettext
from core.directions import Feeling

OF_MUSIC: Final = "mood of music"
"""Context of the moods and tags in the catalogues: a word may mean something else of a voice."""


def feeling_name(feeling: Feeling) -> str:
    """Return the name of an emotion or a direction, as it stands in a sentence."""
    return gettext(feeling.value)


def mood_name(mood: str) -> str:
    """Return the name of a mood or a tag of music, as it stands in a list."""
    return pgettext(OF_MUSIC, mood)
