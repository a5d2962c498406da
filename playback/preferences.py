"""Owns what people decide about the music: where what is felt leads, and how the autopilot behaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from models.emotion.labels import Emotion
from models.emotion.plane import Direction, Feeling
from playback.feelings import FEELINGS
from playback.player import PlayerKind
from playback.styles import Strategy

__all__ = ["AutopilotSettings", "Choice", "Mode", "PlaylistRef", "Preferences"]


class Mode(StrEnum):
    """What the autopilot may do."""

    OFF = "off"
    SUGGEST = "suggest"
    """It proposes a playlist, and people press a button."""
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class PlaylistRef:
    """A playlist that somebody chose.

    Parameters
    ----------
    uri
        Its address.
    name
        What it was called then.
    public
        Found by a search: that the player does not list it among the user's own does not mean it is gone.
    """

    uri: str
    name: str
    public: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """What one emotion, or one direction, leads to.

    Parameters
    ----------
    strategy
        Which of the two lists is used.
    match, lift
        Playlists of all players, in the order in which they take turns. Where none of them belongs to
        the player in use, it is the styles of `playback.styles` that decide.
    """

    strategy: Strategy
    match: tuple[PlaylistRef, ...] = ()
    lift: tuple[PlaylistRef, ...] = ()


@dataclass(frozen=True, slots=True)
class AutopilotSettings:
    """How the autopilot behaves.

    Parameters
    ----------
    mode
        What it may do.
    dwell_s
        An emotion or a direction must be held for so long before the music changes, 0 to 120 s.
    cooldown_s
        At least so long between two changes, 10 to 7200 s.
    override_min
        After an action of a person's own it keeps quiet for so long, 0 to 240 minutes.
    quiet_from, quiet_to
        Local minutes of the day, 0 to 1439, between which it changes nothing, also over midnight; equal:
        never quiet.
    """

    mode: Mode = Mode.SUGGEST
    dwell_s: float = 4.0
    cooldown_s: float = 120.0
    override_min: float = 15.0
    quiet_from: int = 0
    quiet_to: int = 0


# Lively and unpleasant may be fear as well as anger: what calms harms neither.
_LIFTED = (Emotion.SAD, Emotion.FEARFUL, Direction.LIVELY_UNPLEASANT, Direction.QUIET_UNPLEASANT)


def _default_choices() -> dict[Feeling, Choice]:
    return {one: Choice(Strategy.LIFT if one in _LIFTED else Strategy.MATCH) for one in FEELINGS}


@dataclass(frozen=True, slots=True)
class Preferences:
    """Everything that people decide about the music; kept in one TOML file.

    Parameters
    ----------
    choices
        For each of the eight emotions and the six directions.
    autopilot
        How it behaves.
    player
        Which player plays.
    loudspeaker
        The local player's, by its name; empty: that of the settings, else the system's default.
    """

    choices: Mapping[Feeling, Choice] = field(default_factory=_default_choices)
    autopilot: AutopilotSettings = AutopilotSettings()
    player: PlayerKind = PlayerKind.DRY_RUN
    loudspeaker: str = ""
