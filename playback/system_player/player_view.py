"""What everybody sees of the players that are open: the connection and the snapshot. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from playback.player import (
    ConnectionState,
    OutputDevice,
    PlayerConnection,
    PlayerKind,
    PlayerSnapshot,
    PlayingTrack,
    Playlist,
)
from playback.system_player.backend import OpenPlayer
from playback.system_player.selection import OpenedPlaylist


def names_of(players: Iterable[OpenPlayer]) -> str:
    """The names of players in a sentence; empty for none."""
    *others, last = [one.name for one in players] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def connection(
    players: Sequence[OpenPlayer], in_use: OpenPlayer | None, *, problem: str, examples: str
) -> PlayerConnection:
    """Tell whether links can be played.

    Parameters
    ----------
    players, in_use
        Those that are open, and the one that counts.
    problem
        One sentence on why they cannot be seen; else empty.
    examples
        Players that people may open.
    """
    if problem:
        return PlayerConnection(ConnectionState.DISCONNECTED, problem)
    if in_use is None:
        return PlayerConnection(ConnectionState.DISCONNECTED, f"No player is open: open {examples}.")
    if not in_use.answers:
        silent = f"{in_use.name} does not answer: wait a moment, or start it again."
        return PlayerConnection(ConnectionState.DEGRADED, silent)
    names, one = names_of(players), len(players) == 1
    if not any(player.usable for player in players):
        verb = "opens" if one else "open"
        return PlayerConnection(ConnectionState.DEGRADED, f"{names} {verb} no links: open {examples}.")
    return PlayerConnection(ConnectionState.CONNECTED, f"{names} {'is' if one else 'are'} open.")


def no_player_for(scheme: str, players: Sequence[OpenPlayer]) -> str:
    """Say that no player opens links of a scheme; empty where none is open."""
    names = names_of([one for one in players if one.usable] or players)
    what = {"spotify": "links of Spotify", "file": "files"}.get(scheme, "addresses of the web")
    advice = "open a player that does, or choose another playlist"
    return f"{names} cannot open {what}: {advice}." if names else ""


def snapshot_of(
    players: Sequence[OpenPlayer],
    in_use: OpenPlayer | None,
    *,
    connection: PlayerConnection,
    opened: OpenedPlaylist | None,
    playlists: tuple[Playlist, ...],
    taken_s: float,
    now_s: float,
) -> PlayerSnapshot:
    """The state for everybody.

    Parameters
    ----------
    players, in_use, connection
        As for `connection`, and what it told.
    opened
        What a player was asked to play, while that is what it plays.
    playlists
        All that can be played.
    taken_s, now_s
        When the players were seen, Unix time, and now, monotonic time.
    """
    devices = {
        one.id: OutputDevice(
            one.name,
            active=in_use is not None and one.id == in_use.id,
            volume=one.volume,
            id=one.id,
            takes_commands=one.takes_commands,
        )
        for one in players
    }
    return PlayerSnapshot(
        kind=PlayerKind.SYSTEM,
        connection=connection,
        playing=in_use is not None and in_use.playing,
        track=None if in_use is None else _track_now(in_use, now_s),
        playlist=opened.playlist if opened and in_use and opened.is_on(in_use) else None,
        device=None if in_use is None else devices[in_use.id],
        volume=None if in_use is None else in_use.volume,
        playlists=playlists,
        devices=tuple(devices.values()),
        taken_s=taken_s,
    )


def _track_now(player: OpenPlayer, now_s: float) -> PlayingTrack | None:
    """What it plays, with the position that the track must have reached by now."""
    track = player.track
    if track is None or not player.playing or track.position_s is None:
        return track
    position_s = track.position_s + max(0.0, now_s - player.seen_s)
    return replace(track, position_s=min(position_s, track.duration_s or position_s))
