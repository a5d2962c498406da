"""What the autopilot goes by: people's preferences, and the playlists of the player in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from core.directions import Feeling
from playback.mapping.candidates import candidates
from playback.mapping.feelings import FEELINGS
from playback.mapping.styles import Strategy
from playback.player import PlayerKind, PlayerSnapshot, Playlist
from playback.preferences.opinions import PlaylistOpinion
from playback.preferences.preferences import AutopilotSettings, Preferences

DEMO_COOLDOWN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Context:
    """What the autopilot goes by; may change between steps, which `SettingsChanged` reports."""

    settings: AutopilotSettings  # how it behaves
    # Playlists of the player in use for each emotion and direction, in the order in which they take turns.
    candidates: Mapping[Feeling, tuple[Playlist, ...]]
    # Whether they are meant to match what is felt or to lead away from it.
    strategies: Mapping[Feeling, Strategy] = field(default_factory=dict)
    # What people said of playlists that were played for them.
    opinions: Mapping[Feeling, tuple[PlaylistOpinion, ...]] = field(default_factory=dict)
    # The player has listed something; before that there are no candidates, and nothing is said about it.
    listed: bool = True


def context_for(preferences: Preferences, player: PlayerSnapshot, *, demo: bool = False) -> Context:
    """Find what the autopilot goes by with these preferences and this player.

    Parameters
    ----------
    preferences, player
        What people decided, and what the player shows.
    demo
        What is heard is the demo. In a preview it is followed more quickly, so that all of it can be seen.
    """
    settings = preferences.autopilot
    if demo and player.kind is PlayerKind.DRY_RUN:
        settings = replace(settings, cooldown_s=min(settings.cooldown_s, DEMO_COOLDOWN_S))
    return Context(
        settings,
        {feeling: candidates(preferences, feeling, player.playlists, player.kind) for feeling in FEELINGS},
        {feeling: entry.strategy for feeling, entry in preferences.choices.items()},
        {feeling: entry.opinions for feeling, entry in preferences.choices.items()},
        listed=bool(player.playlists),
    )
