"""Owns how playback moves: starting, resting, skipping, and the passing of time by the server's clock."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.fake_spotify.state import Device, FakePlaylist, Track, invented_id

if TYPE_CHECKING:
    from tests.fake_spotify.world import World

__all__ = [
    "NowPlaying",
    "activate",
    "advert_runs",
    "leave",
    "now_playing",
    "pause",
    "play_tracks",
    "resume",
    "seek",
    "skip",
    "start",
    "start_playlist",
    "sync",
]


@dataclass(frozen=True, slots=True)
class NowPlaying:
    """What plays, and where: names and addresses, empty where there is nothing."""

    playing: bool
    context_uri: str = ""
    playlist: str = ""
    track_uri: str = ""
    track: str = ""
    position_s: float = 0.0
    device: str = ""
    volume: int | None = None


def now_playing(world: World) -> NowPlaying:
    """What plays at this moment."""
    sync(world)
    state = world.playback
    playlist = world.playlist(state.context_uri) if state.context_uri else None
    return NowPlaying(
        state.playing,
        state.context_uri or "",
        playlist.name if playlist else "",
        state.track.uri if state.track else "",
        state.track.name if state.track else "",
        state.position_s,
        state.device.name if state.device else "",
        state.device.volume if state.device else None,
    )


def sync(world: World) -> None:
    """Move playback to the present: tracks end, the next ones begin, the last one ends in rest."""
    state, now = world.playback, world.clock.now()
    passed_s, state.as_of_s = now - state.as_of_s, now
    if not state.playing or state.track is None:
        return
    state.position_s += max(0.0, passed_s)
    if state.repeat == "track":
        state.position_s %= state.track.duration_s
        return
    while state.playing and state.track and state.position_s >= state.track.duration_s:
        state.position_s -= state.track.duration_s
        _go_to(world, state.index + 1)


def activate(world: World, device: Device) -> None:
    """Make the device the one in use; what plays goes on there."""
    sync(world)
    device.asleep = False
    world.playback.device = device


def leave(world: World, device: Device) -> None:
    """The device is in use no longer: what it played rests."""
    if world.playback.device is device:
        pause(world)
        world.playback.device = None


def start(world: World, uri: str, *, by: str = "app") -> None:
    """Play a playlist from its beginning, or a track."""
    playlist = world.playlist(uri)
    if playlist is not None:
        start_playlist(world, playlist, by=by)
    else:
        play_tracks(world, [track_of(world, uri)], by=by)


def start_playlist(world: World, playlist: FakePlaylist, *, first: int = 0, by: str = "app") -> None:
    """Play a playlist; an empty one plays nothing."""
    tracks = [track for track in playlist.tracks if track is not None]
    if world.playback.shuffle and not first:
        random.Random(f"{playlist.id} {len(world.played)}").shuffle(tracks)
    _load(world, tracks, playlist.uri, first)
    world.note_played(playlist.uri, by)


def play_tracks(world: World, tracks: list[Track], *, first: int = 0, by: str = "app") -> None:
    """Play tracks that belong to no playlist."""
    _load(world, tracks, None, first)
    for track in tracks[:1]:
        world.note_played(track.uri, by)


def track_of(world: World, uri: str) -> Track:
    """The track of that address; one that no playlist holds is invented."""
    known = (track for playlist in world.playlists for track in playlist.tracks if track is not None)
    wanted = uri.rpartition(":")[2]
    return next((track for track in known if track.id == wanted), Track(wanted or invented_id(uri), "A song"))


def resume(world: World) -> None:
    sync(world)
    world.playback.playing = world.playback.track is not None


def pause(world: World) -> None:
    sync(world)
    world.playback.playing = False


def seek(world: World, position_s: float) -> None:
    sync(world)
    world.playback.position_s = position_s
    sync(world)


def skip(world: World, tracks: int) -> None:
    """Go on, or back, from the beginning of the track that comes."""
    sync(world)
    world.playback.position_s = 0.0
    _go_to(world, max(0, world.playback.index + tracks), loops=True)


def advert_runs(world: World) -> bool:
    return world.clock.now() < world.playback.advert_until_s


def _load(world: World, tracks: list[Track], context_uri: str | None, first: int) -> None:
    state = world.playback
    sync(world)
    state.queue, state.context_uri = tracks, context_uri
    state.index, state.position_s = min(first, max(0, len(tracks) - 1)), 0.0
    state.playing = bool(tracks)


def _go_to(world: World, index: int, *, loops: bool = False) -> None:
    state = world.playback
    if index < len(state.queue):
        state.index = index
        return
    state.index = 0
    if not (state.repeat == "context" or loops):
        state.playing, state.position_s = False, 0.0
