"""What people decide about the music: where what is felt leads, and how the autopilot behaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from core.directions import Direction, Feeling
from core.emotions import Emotion
from playback.mapping.feelings import FEELINGS
from playback.mapping.styles import Strategy
from playback.player import PlayerKind
from playback.preferences.opinions import PlaylistOpinion


class Mode(StrEnum):
    """What the autopilot may do."""

    OFF = "off"
    SUGGEST = "suggest"  # it proposes a playlist, and people press a button
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class PlaylistRef:
    """A playlist that somebody chose."""

    uri: str  # its address
    name: str  # what it was called then
    # Found by a search: that the player does not list it among the user's own does not mean it is gone.
    public: bool = False


@dataclass(frozen=True, slots=True)
class MappingEntry:
    """What one emotion, or one direction, leads to: the strategy says which of the two lists is used.

    They hold playlists of all players, in the order in which they take turns. Where none of them belongs to
    the player in use, the styles of `playback.mapping.styles` decide.
    """

    strategy: Strategy
    match: tuple[PlaylistRef, ...] = ()
    lift: tuple[PlaylistRef, ...] = ()
    opinions: tuple[PlaylistOpinion, ...] = ()  # what people said of playlists that were played for it


@dataclass(frozen=True, slots=True)
class AutopilotSettings:
    """How the autopilot behaves."""

    mode: Mode = Mode.SUGGEST  # what it may do
    # An emotion or a direction must be held for so long before the music changes, 0 to 120 s.
    dwell_s: float = 4.0
    cooldown_s: float = 120.0  # at least so long between two changes, 10 to 7200 s
    # After an action of a person's own it keeps quiet for so long, 0 to 240 minutes.
    override_min: float = 15.0
    # Local minutes of the day, 0 to 1439, between which it changes nothing, also over midnight; equal: never
    # quiet.
    quiet_from: int = 0
    quiet_to: int = 0


# Lively and unpleasant may be fear as well as anger: what calms harms neither.
_LIFTED = (Emotion.SAD, Emotion.FEARFUL, Direction.LIVELY_UNPLEASANT, Direction.QUIET_UNPLEASANT)


def _default_choices() -> dict[Feeling, MappingEntry]:
    return {one: MappingEntry(Strategy.LIFT if one in _LIFTED else Strategy.MATCH) for one in FEELINGS}


@dataclass(frozen=True, slots=True)
class Preferences:
    """Everything that people decide about the music; kept in one TOML file."""

    # For each of the eight emotions and the six directions.
    choices: Mapping[Feeling, MappingEntry] = field(default_factory=_default_choices)
    autopilot: AutopilotSettings = AutopilotSettings()  # how it behaves
    player: PlayerKind = PlayerKind.DRY_RUN  # which player plays
    # The local player's, by its name; empty: that of the settings, else the system's default.
    loudspeaker: str = ""
    # The player that is open, by its name; empty: the one that plays. And what it is to play: pasted links.
    open_player: str = ""
    links: tuple[PlaylistRef, ...] = ()
