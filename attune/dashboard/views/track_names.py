"""What genres, instruments, the nine emotions of music and keys are called in the language of the page."""

from __future__ import annotations

from typing import Final

from attune.dashboard.translations import gettext, pgettext
from core.track_labels import EMOTIONS, GENRES, INSTRUMENTS, KEYS

OF_GENRE: Final = "genre of music"
OF_INSTRUMENT: Final = "musical instrument"
OF_EMOTION: Final = "emotion of music"
"""Contexts in the catalogues: a word may mean something else elsewhere."""


def genre_name(label: str) -> str:
    """Return the name of a genre; one that is not known stays as it is."""
    return pgettext(OF_GENRE, GENRES.get(label, label))


def instrument_name(label: str) -> str:
    """Return the name of an instrument; one that is not known stays as it is."""
    return pgettext(OF_INSTRUMENT, INSTRUMENTS.get(label, label))


def emotion_name(label: str) -> str:
    """Return the name of an emotion of music; one that is not known stays as it is."""
    return pgettext(OF_EMOTION, EMOTIONS.get(label, label.replace("_", " ")))


def key_name(key: str) -> str:
    """Return the name of a key, such as "B♭ minor"; another stays as it is."""
    return gettext(KEYS.get(key, key))
