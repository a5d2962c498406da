"""Which of the players that are open is in use, which one opens a link, and whether it plays it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from playback.player import ContentKind, Playlist
from playback.system_player.addresses import holds, link_of
from playback.system_player.backend import OpenPlayer

_RESTART_S: Final = 1.0
_GAP_S: Final = 1.5


@dataclass(frozen=True, slots=True)
class OpenedPlaylist:
    """What a player was asked to play."""

    player_id: str
    playlist: Playlist
    listed: frozenset[str] = frozenset()  # see `playback.system_player.addresses.holds`

    def is_on(self, player: OpenPlayer) -> bool:
        """Whether that is what a player plays, or would go on with, as far as can be told."""
        if player.id != self.player_id:
            return False
        return player.track is None or holds(link_of(self.playlist.uri), player.address, self.listed)


def player_in_use(players: Sequence[OpenPlayer], *, chosen: str, used_id: str) -> OpenPlayer | None:
    """Tell which player counts: the chosen one, else the one that plays, else that of the last time.

    Parameters
    ----------
    players
        Those that are open.
    chosen
        Name of the one that a person has chosen; empty: none.
    used_id
        Of the one that counted last.
    """
    return max(
        players,
        key=lambda one: (
            one.name == chosen != "",
            one.playing and one.id == used_id,
            one.playing,
            one.id == used_id,
            one.usable,
        ),
        default=None,
    )


def player_for(scheme: str, players: Sequence[OpenPlayer], *, chosen: str, used_id: str) -> OpenPlayer | None:
    """Choose the player that is to open a link; None where none of them does.

    Parameters
    ----------
    scheme
        Of the link.
    players, chosen, used_id
        As for `player_in_use`.
    """
    able = [one for one in players if one.usable and scheme in one.schemes]
    return player_in_use(able, chosen=chosen, used_id=used_id)


def must_not_be_disturbed(player: OpenPlayer) -> bool:
    """Whether only a person may have it pause: a browser may show a film or hold a call."""
    return player.playing and player.track is not None and player.track.kind is ContentKind.UNKNOWN


def over_gaps(
    before: Sequence[OpenPlayer], now: Sequence[OpenPlayer], now_s: float
) -> tuple[OpenPlayer, ...]:
    """Let players go on playing for a moment between two tracks, where many say that they do not.

    Parameters
    ----------
    before, now
        The players as they were seen last, by this, and as they are.
    now_s
        Monotonic time.
    """
    played = {one.id: one.played_s for one in before}
    steady = []
    for one in now:
        played_s = now_s if one.playing else played.get(one.id, float("-inf"))
        in_gap = not one.playing and _at_an_edge(one) and now_s - played_s < _GAP_S
        steady.append(replace(one, playing=one.playing or in_gap, played_s=played_s))
    return tuple(steady)


def _at_an_edge(player: OpenPlayer) -> bool:
    track = player.track
    if track is None or track.position_s is None:
        return track is None
    left_s = None if track.duration_s is None else track.duration_s - track.position_s
    return track.position_s < _RESTART_S or (left_s is not None and left_s < _RESTART_S)


def track_identity(player: OpenPlayer) -> tuple[str, ...]:
    """What tells the track of a player from others; empty for none."""
    track = player.track
    return () if track is None else (player.track_id, player.address, track.title)


def has_begun(before: OpenPlayer, now: OpenPlayer, *, asked_s: float) -> bool:
    """Whether a player plays what it was asked to open.

    Parameters
    ----------
    before
        As it was then.
    now
        As it is.
    asked_s
        When it was asked, monotonic time.
    """
    if not now.playing or now.track is None or (now.stopped and now.moved_s <= asked_s):
        return False
    position_s = now.track.position_s
    if position_s == 0.0:
        return False  # it may still be waiting for the sound
    other = track_identity(now) != track_identity(before)
    return other or position_s is None or position_s <= now.seen_s - asked_s + _RESTART_S
