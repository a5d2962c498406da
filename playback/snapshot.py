"""Owns the immutable picture of the music that the doors read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models.emotion.plane import Feeling
from playback.player import OutcomeKind, PlayerSnapshot, Playlist
from playback.preferences import Preferences

__all__ = ["MusicRecord", "MusicSnapshot", "Phase", "RecordKind", "Suggestion"]


class Phase(StrEnum):
    """What keeps the autopilot from changing the music just now, if anything does."""

    OFF = "off"
    READY = "ready"
    HOLDING = "holding"
    """What is felt has to last a little longer."""
    SWITCHING = "switching"
    COOLING = "cooling down"
    OVERRIDDEN = "overridden"
    QUIET = "quiet hours"
    CALL = "on a call"
    DEAF = "not listening"
    """The microphone is lost, or nothing is listened to."""
    UNABLE = "player unable"
    """The player cannot play: signed out, rate limited, without a device."""


class RecordKind(StrEnum):
    """What happened to the music."""

    SWITCHED = "switched"
    SUGGESTED = "suggested"
    HELD_BACK = "held back"
    FAILED = "failed"
    USER = "user"
    """A person did something."""
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A playlist that waits for a person's yes."""

    playlist: Playlist
    feeling: Feeling
    reason: str


@dataclass(frozen=True, slots=True)
class MusicRecord:
    """Something that happened to the music, and why.

    Parameters
    ----------
    at_s
        Unix time.
    kind
        For programs.
    reason
        One sentence for people.
    feeling, playlist
        What it is about, where there is such a thing.
    outcome
        How the player ended it; None while that is not known, or where no player was asked.
    """

    at_s: float
    kind: RecordKind
    reason: str
    feeling: Feeling | None = None
    playlist: Playlist | None = None
    outcome: OutcomeKind | None = None


@dataclass(frozen=True, slots=True)
class MusicSnapshot:
    """The music at one moment.

    Parameters
    ----------
    player
        The player in use.
    preferences
        What people have decided.
    phase
        What the autopilot waits for.
    says
        One sentence on that, for people.
    until_s
        Unix time at which the phase ends by itself, where that is known.
    suggestion
        What waits for a person's yes.
    records
        What happened and why, newest first, at most 200.
    can_undo
        There is a switch of the autopilot that can be taken back.
    on_call
        A person said, or the machine knows, that a call is on.
    problem
        One sentence on what is wrong besides (a preferences file that cannot be read); else empty.
    """

    player: PlayerSnapshot
    preferences: Preferences
    phase: Phase = Phase.OFF
    says: str = ""
    until_s: float | None = None
    suggestion: Suggestion | None = None
    records: tuple[MusicRecord, ...] = ()
    can_undo: bool = False
    on_call: bool = False
    problem: str = ""
