"""The state of the music at one moment, as the front doors read it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.directions import Feeling
from playback.player import OutcomeKind, PlayerSnapshot, Playlist
from playback.preferences.preferences import Preferences


class Phase(StrEnum):
    """What keeps the autopilot from changing the music just now, if anything does."""

    OFF = "off"
    READY = "ready"
    HOLDING = "holding"  # what is felt has to last a little longer
    SWITCHING = "switching"
    COOLING = "cooling down"
    OVERRIDDEN = "overridden"
    QUIET = "quiet hours"
    CALL = "on a call"
    NOT_LISTENING = "not listening"  # the microphone is lost, or nothing is listened to
    UNABLE = "player unable"  # the player cannot play: signed out, rate limited, without a device


RESUMABLE: Final = (Phase.CALL, Phase.QUIET, Phase.OVERRIDDEN, Phase.COOLING)
"""What a person can end at once."""


class RecordKind(StrEnum):
    """What happened to the music."""

    SWITCHED = "switched"
    SUGGESTED = "suggested"
    HELD_BACK = "held back"
    FAILED = "failed"
    USER = "user"  # a person did something
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A playlist that waits for a person's yes."""

    playlist: Playlist
    feeling: Feeling
    reason: str


@dataclass(frozen=True, slots=True)
class MusicRecord:
    """Something that happened to the music, and why."""

    # Unix time; for programs; one sentence for people.
    at_s: float
    kind: RecordKind
    reason: str
    # What it is about, where there is such a thing.
    feeling: Feeling | None = None
    playlist: Playlist | None = None
    # How the player ended it; None where no player was asked.
    outcome: OutcomeKind | None = None


@dataclass(frozen=True, slots=True)
class MusicSnapshot:
    """The music at one moment."""

    # The player in use, and what people have decided.
    player: PlayerSnapshot
    preferences: Preferences
    # What the autopilot waits for, one sentence on that, and Unix time at which it ends by itself, where that
    # is known.
    phase: Phase = Phase.OFF
    message: str = ""
    until_s: float | None = None
    suggestion: Suggestion | None = None  # what waits for a person's yes
    records: tuple[MusicRecord, ...] = ()  # what happened and why, newest first, at most 200
    can_undo: bool = False  # there is a switch of the autopilot that can be taken back
    can_rate: bool = False  # music plays of which a person can say what they think
    on_call: bool = False  # a person said, or the machine knows, that a call is on
    # One sentence on what is wrong besides (a preferences file that cannot be read); else empty.
    problem: str = ""

    @property
    def can_resume(self) -> bool:
        """Whether the autopilot waits for something that a person can end."""
        return self.phase in RESUMABLE
