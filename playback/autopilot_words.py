"""Owns the words in which the autopilot gives its reasons."""

from __future__ import annotations

from models.emotion.plane import Direction, Feeling
from playback.player import PlayerKind, Playlist

__all__ = ["called", "name", "noun", "sentence", "span"]


def noun(feeling: Feeling) -> str:
    """Return an emotion by its name, a direction as a voice that is so."""
    if not isinstance(feeling, Direction):
        return feeling.value
    return f"a {feeling.value.replace(' and ', ', ')} voice"


def name(feeling: Feeling) -> str:
    """Return it as a sentence begins with it."""
    said = noun(feeling)
    return said[:1].upper() + said[1:]


def called(playlist: Playlist) -> tuple[str, str]:
    """Return a playlist's name, and what the journal calls it.

    Nothing that comes from Spotify may be stored beside what was heard, so there the two differ.
    """
    foreign = playlist.uri.startswith(f"{PlayerKind.SPOTIFY}:")
    return playlist.name, "a playlist on Spotify" if foreign else playlist.name


def sentence(text: str) -> str:
    """Return a clause as a sentence; one that is a sentence already stays one."""
    ended = text if text.endswith((".", "!", "?")) else f"{text}."
    return ended[:1].upper() + ended[1:]


def span(time_s: float) -> str:
    """Return a time as people say it."""
    return f"{round(time_s, 1):g} s" if time_s < 120 else f"{round(time_s / 60, 1):g} min"
