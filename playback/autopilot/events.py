"""Events that the autopilot takes, and the commands that it answers with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.directions import Feeling
from core.phrases import Phrase
from playback.autopilot.attribution import PlayerObservation
from playback.player import Outcome, Playlist
from playback.preferences.opinions import Opinion
from playback.preferences.preferences import Mode
from playback.snapshot import MusicRecord, Suggestion


class Action(StrEnum):
    """What a person can do here."""

    PLAY = "play"  # a playlist of the page; no say against the autopilot, but like a change of its own
    PAUSE = "pause"
    RESUME = "resume"
    NEXT = "next"
    UNDO = "undo"
    VOLUME = "volume"
    DEVICE = "device"  # volume and device are no say in what plays, so they do not keep the autopilot quiet


@dataclass(frozen=True, slots=True)
class FeelingDecided:
    """The gate has decided; `feeling` is what music can follow, None for unsure and for no speech."""

    at_s: float
    feeling: Feeling | None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; `minute_of_day` is the local one, 0 to 1439."""

    at_s: float
    minute_of_day: int


@dataclass(frozen=True, slots=True)
class PlayerObserved:
    """What the player does now."""

    at_s: float  # now
    able: bool
    observation: PlayerObservation  # what it does; not looked at where it is not able
    # Where it is not able: one sentence on that, and Unix time until which, where that is known.
    message: str = ""
    until_s: float | None = None
    commanded: bool = False  # a command that a person gave here is still being carried out


@dataclass(frozen=True, slots=True)
class PlayerChanged:
    """Another player is used from now on."""

    at_s: float


@dataclass(frozen=True, slots=True)
class UserActed:
    """A person has begun to do something here; `playlist` is what they chose."""

    at_s: float
    action: Action
    playlist: Playlist | None = None


@dataclass(frozen=True, slots=True)
class OpinionGiven:
    """A person has said what they think of what plays."""

    at_s: float
    opinion: Opinion


@dataclass(frozen=True, slots=True)
class ResumeRequested:
    """A person wants the autopilot to go on at once, whatever time it would still wait."""

    at_s: float


@dataclass(frozen=True, slots=True)
class ActionEnded:
    """The player has carried out what a person did here, all but `Action.UNDO`."""

    at_s: float
    action: Action
    outcome: Outcome
    playlist: Playlist | None = None


@dataclass(frozen=True, slots=True)
class CallChanged:
    """Whether a call is on."""

    at_s: float
    on: bool


@dataclass(frozen=True, slots=True)
class ListeningChanged:
    """Whether anything is listened to."""

    at_s: float
    on: bool


@dataclass(frozen=True, slots=True)
class SwitchEnded:
    """A `Switch` or `Undo` has ended."""

    # Now; address of its playlist, empty for a pause; and how it ended.
    at_s: float
    uri: str
    outcome: Outcome
    # What the player does now; needed where the outcome is `OutcomeKind.CHANGED`.
    observation: PlayerObservation | None = None


@dataclass(frozen=True, slots=True)
class ModeSet:
    """A person has set the mode; the context has it already."""

    at_s: float
    mode: Mode


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """The context is another one."""

    at_s: float


@dataclass(frozen=True, slots=True)
class SuggestionAnswered:
    """A person has answered the suggestion."""

    at_s: float
    yes: bool


Event = (
    FeelingDecided
    | Tick
    | PlayerObserved
    | PlayerChanged
    | UserActed
    | OpinionGiven
    | ResumeRequested
    | ActionEnded
    | CallChanged
    | ListeningChanged
    | SwitchEnded
    | ModeSet
    | SettingsChanged
    | SuggestionAnswered
)


@dataclass(frozen=True, slots=True)
class Switch:
    """Play a playlist."""

    # What, and what for.
    playlist: Playlist
    feeling: Feeling
    reason: Phrase  # one sentence
    journal_reason: Phrase  # the same for the journal: without a name that comes from Spotify
    # See `playback.player.Player.play`; None once a person has said yes to it: then it is carried out
    # whatever they did elsewhere before.
    if_unchanged_since: float | None = None


@dataclass(frozen=True, slots=True)
class Undo:
    """Play what played before, or let the music rest where `playlist` is None; else as `Switch`."""

    playlist: Playlist | None
    reason: Phrase
    journal_reason: Phrase

    @property
    def uri(self) -> str:
        """Address of the playlist; empty for a pause."""
        return "" if self.playlist is None else self.playlist.uri


@dataclass(frozen=True, slots=True)
class NextTrack:
    """Go to the next track; `ActionEnded` tells how that ended."""


@dataclass(frozen=True, slots=True)
class Weigh:
    """Let a playlist come up more or less often for these feelings."""

    feelings: tuple[Feeling, ...]
    playlist: Playlist
    opinion: Opinion
    at_s: float


@dataclass(frozen=True, slots=True)
class Suggest:
    """Show a suggestion instead of the one before."""

    suggestion: Suggestion


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Show no suggestion any more."""


@dataclass(frozen=True, slots=True)
class Record:
    """Keep a record; the journal gets its reason without names that come from Spotify."""

    record: MusicRecord
    journal_reason: str


Command = Switch | Undo | NextTrack | Weigh | Suggest | Withdraw | Record
