"""Owns the question whose doing a change of the player was: ours, its own, or a person's elsewhere. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from playback.player import Playlist

__all__ = ["ECHO_S", "Doing", "Known", "Sight", "begun", "ended", "notice"]

ECHO_S: Final = 10.0
"""For so long after a command a player may still show what was before it."""


class Doing(StrEnum):
    """What a person did, elsewhere than here."""

    PAUSED = "paused"
    RESUMED = "resumed"
    CHOSE = "chose other music"


@dataclass(frozen=True, slots=True)
class Sight:
    """A player as it was seen.

    Parameters
    ----------
    taken_s
        When it was so.
    playing
        Music came out.
    playlist
        From which; None where it came from none that is listed.
    track
        Tells the track from others; empty where there is none.
    ended
        It does not play, and stands where a track begins or ends: it may have come to its end by itself.
    """

    taken_s: float
    playing: bool = False
    playlist: Playlist | None = None
    track: str = ""
    ended: bool = False

    @property
    def uri(self) -> str | None:
        """Address of the playlist."""
        return None if self.playlist is None else self.playlist.uri


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a player.

    Parameters
    ----------
    now
        As it is, as far as is known; None: what is seen next is taken as it is.
    former
        As it was before our last command.
    target
        What our last command was to play.
    settled_s
        When our last command ended; what was seen before tells nothing.
    """

    now: Sight | None = None
    former: Sight | None = None
    target: str | None = None
    settled_s: float = 0.0


def begun(known: Known, target: str | None) -> Known:
    """Take note of a command of ours that begins; `target` is what it is to play, if anything."""
    return replace(known, former=known.now, target=target)


def ended(known: Known, at_s: float, result: Sight | None) -> Known:
    """Take note of its end; `result` is what it led to, None where that is not known."""
    return replace(known, now=result, settled_s=at_s)


def notice(known: Known, sight: Sight, *, commanded: bool) -> tuple[Known, Doing | None]:
    """Take what was seen.

    Parameters
    ----------
    known
        From before.
    sight
        What was seen of a player that is able.
    commanded
        A command of ours is being carried out: whatever changes now is its doing.

    Returns
    -------
    known, doing
        What is known now, and what a person did elsewhere, if it was they.
    """
    before = known.now
    if sight.taken_s < known.settled_s or _is_echo(known, sight):
        return known, None
    doing = None if before is None or commanded else _doing(before, sight, known.target)
    target = None if doing is Doing.CHOSE else known.target
    return replace(known, now=sight, target=target), doing


def _is_echo(known: Known, sight: Sight) -> bool:
    former = known.former
    return (
        former is not None
        and sight.taken_s < known.settled_s + ECHO_S
        and (sight.playing, sight.uri) == (former.playing, former.uri)
    )


def _doing(before: Sight, sight: Sight, target: str | None) -> Doing | None:
    if not sight.playing:
        return Doing.PAUSED if before.playing and not sight.ended else None
    if sight.uri == before.uri:
        return None if before.playing else Doing.RESUMED
    if target is not None and sight.uri == target:
        return None  # a command that was given up can still have reached the player
    listed_meanwhile = None in (sight.uri, before.uri) and sight.track == before.track
    return None if before.playing and listed_meanwhile else Doing.CHOSE
