"""Owns what the autopilot is told, what it goes by, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from models.emotion.plane import Feeling
from playback.attribution import Doing, Sight
from playback.player import Outcome, Playlist
from playback.preferences import AutopilotSettings, Mode
from playback.snapshot import MusicRecord, Suggestion
from playback.styles import Strategy

__all__ = [
    "Action",
    "ActionEnded",
    "CallSeen",
    "Command",
    "Context",
    "Event",
    "Heard",
    "ListeningSeen",
    "ModeSet",
    "PlayerChanged",
    "PlayerSeen",
    "Record",
    "SettingsChanged",
    "Suggest",
    "SuggestionAnswered",
    "Switch",
    "SwitchEnded",
    "SwitchForestalled",
    "Tick",
    "Undo",
    "UserActed",
    "Withdraw",
]


class Action(StrEnum):
    """What a person can do here."""

    PLAY = "play"
    PAUSE = "pause"
    RESUME = "resume"
    NEXT = "next"
    UNDO = "undo"
    VOLUME = "volume"
    DEVICE = "device"
    """Volume and device are no say in what plays, so they do not keep the autopilot quiet."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The gate has decided; `feeling` is what music can follow, None for unsure and for no speech."""

    at_s: float
    feeling: Feeling | None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; `minute_of_day` is the local one, 0 to 1439."""

    at_s: float
    minute_of_day: int


@dataclass(frozen=True, slots=True)
class PlayerSeen:
    """The player was looked at.

    Parameters
    ----------
    at_s
        Now.
    able
        It can play.
    sight
        What it does; where it is not able that is not looked at.
    message, until_s
        Where it is not able: one sentence on that, and Unix time until which, where that is known.
    commanded
        A command that a person gave here is still being carried out.
    """

    at_s: float
    able: bool
    sight: Sight
    message: str = ""
    until_s: float | None = None
    commanded: bool = False


@dataclass(frozen=True, slots=True)
class PlayerChanged:
    """Another player is used from now on."""

    at_s: float


@dataclass(frozen=True, slots=True)
class UserActed:
    """A person has done something here; `playlist` is what they chose."""

    at_s: float
    what: Action
    playlist: Playlist | None = None


@dataclass(frozen=True, slots=True)
class ActionEnded:
    """The player has carried out what a person did here, all but `Action.UNDO`."""

    at_s: float
    what: Action
    outcome: Outcome
    playlist: Playlist | None = None


@dataclass(frozen=True, slots=True)
class CallSeen:
    """Whether a call is on."""

    at_s: float
    on: bool


@dataclass(frozen=True, slots=True)
class ListeningSeen:
    """Whether anything is listened to; not while a device is lost."""

    at_s: float
    on: bool


@dataclass(frozen=True, slots=True)
class SwitchEnded:
    """A `Switch` or `Undo` was carried out; `uri` is its playlist's, empty for a pause."""

    at_s: float
    uri: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class SwitchForestalled:
    """A `Switch` was not carried out, because a person had done something elsewhere meanwhile."""

    at_s: float
    doing: Doing


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
    Heard
    | Tick
    | PlayerSeen
    | PlayerChanged
    | UserActed
    | ActionEnded
    | CallSeen
    | ListeningSeen
    | SwitchEnded
    | SwitchForestalled
    | ModeSet
    | SettingsChanged
    | SuggestionAnswered
)


@dataclass(frozen=True, slots=True)
class Switch:
    """Play a playlist.

    Parameters
    ----------
    playlist, feeling
        What, and what for.
    reason
        One sentence.
    discreet
        The same for the journal: without a name that comes from Spotify.
    wanted
        A person has said yes to it: then it is carried out whatever they did elsewhere before.
    """

    playlist: Playlist
    feeling: Feeling
    reason: str
    discreet: str
    wanted: bool = False


@dataclass(frozen=True, slots=True)
class Undo:
    """Play what played before, or let the music rest where `playlist` is None; else as `Switch`."""

    playlist: Playlist | None
    reason: str
    discreet: str

    @property
    def uri(self) -> str:
        """Address of the playlist; empty for a pause."""
        return "" if self.playlist is None else self.playlist.uri


@dataclass(frozen=True, slots=True)
class Suggest:
    """Show a suggestion instead of the one before."""

    suggestion: Suggestion


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Show no suggestion any more."""


@dataclass(frozen=True, slots=True)
class Record:
    """Keep a record; `discreet` is its reason for the journal, without a name that comes from Spotify."""

    record: MusicRecord
    discreet: str


Command = Switch | Undo | Suggest | Withdraw | Record


@dataclass(frozen=True, slots=True)
class Context:
    """What the autopilot goes by; may change between steps, which `SettingsChanged` says.

    Parameters
    ----------
    settings
        How it behaves.
    candidates
        Playlists of the player in use for each emotion and direction, in the order in which they take turns.
    strategies
        Whether they are meant to match what is felt or to lead away from it.
    listed
        The player has listed something; before that nothing is to be had, and nothing said about it.
    """

    settings: AutopilotSettings
    candidates: Mapping[Feeling, tuple[Playlist, ...]]
    strategies: Mapping[Feeling, Strategy] = field(default_factory=dict)
    listed: bool = True
