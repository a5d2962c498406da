"""Cached state of the player at Spotify: what plays, where, and what could."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from playback.player import PlayerConnection, PlayerKind, PlayerSnapshot, Playlist
from spotify.web_api_parsing import PlaybackState, SpotifyDevice

_AFTER_END_S: Final = 1.0


class PlayerStateCache:
    """State by the last poll or command; for one thread only. All times are Unix time, s."""

    def __init__(self) -> None:
        # What plays, and when that was known.
        self.playback = PlaybackState()
        self.taken_s = 0.0
        self.changed_s = 0.0  # when something else was first seen to play, or playback to stop or start
        self.devices: tuple[SpotifyDevice, ...] = ()  # devices on which Spotify is open
        self._playlists: dict[str, Playlist] = {}
        self._unlisted: dict[str, Playlist] = {}  # found or played, but not among the user's own

    @property
    def playlist_count(self) -> int:
        """Number of listed playlists."""
        return len(self._playlists)

    def update(self, playback: PlaybackState, at_s: float) -> None:
        """Replace what plays.

        Parameters
        ----------
        playback
            What plays.
        at_s
            When that was known.
        """
        if playback.choice != self.playback.choice:
            self.changed_s = at_s
        self.playback, self.taken_s = playback, at_s
        device = playback.device
        if device is not None and not any(one.is_same(device) for one in self.devices):
            self.devices = (*self.devices, device)
        self.devices = tuple(
            device if device is not None and one.is_same(device) else replace(one, active=False)
            for one in self.devices
        )

    def mark_restricted(self, device: SpotifyDevice) -> None:
        """Note that a device refuses commands, though it was not listed so."""
        self.devices = tuple(
            replace(one, restricted=True) if one.is_same(device) else one for one in self.devices
        )

    def at(self, now_s: float) -> PlaybackState:
        """What plays, with the position that the track must have reached by now."""
        track = self.playback.track
        if not self.playback.playing or track is None or track.position_s is None:
            return self.playback
        position_s = track.position_s + max(0.0, now_s - self.taken_s)
        if track.duration_s is not None:
            position_s = min(track.duration_s, position_s)
        return replace(self.playback, track=replace(track, position_s=position_s))

    def track_ended(self, now_s: float) -> bool:
        """Whether another track must play by now."""
        track = self.playback.track
        if not self.playback.playing or track is None:
            return False
        if track.duration_s is None or track.position_s is None:
            return False
        return now_s - self.taken_s >= track.duration_s - track.position_s + _AFTER_END_S

    @property
    def active_device(self) -> SpotifyDevice | None:
        """The device in use."""
        return next((one for one in self.devices if one.active), None)

    def target(self, chosen: str, *, prefer_chosen: bool, wake: bool) -> SpotifyDevice | None:
        """The device for a command; None where none is usable.

        Parameters
        ----------
        chosen
            Name of the device that the user has chosen; empty: none.
        prefer_chosen
            Whether it comes before the active one; else after it.
        wake
            Whether another device than the active one will do, where that one is restricted.
        """
        if not wake and self.active_device is not None and not self.active_device.usable:
            return None
        usable = [one for one in self.devices if one.usable]
        named = [one for one in usable if one.name == chosen]
        active = [one for one in usable if one.active]
        order = (named, active, usable) if prefer_chosen else (active, named, usable)
        return next((found[0] for found in order if found), None)

    def playlist(self, uri: str) -> Playlist | None:
        """A known playlist; None where it is unknown."""
        return self._playlists.get(uri) or self._unlisted.get(uri)

    def set_playlists(self, playlists: Iterable[Playlist]) -> None:
        """Replace the listed playlists."""
        self._playlists = {one.uri: one for one in playlists}

    def add_first(self, playlist: Playlist) -> None:
        """Add a new playlist; Spotify lists such ones first."""
        self._playlists = {playlist.uri: playlist} | self._playlists

    def add_unlisted(self, *playlists: Playlist) -> None:
        """Add playlists that are not listed."""
        self._unlisted |= {one.uri: one for one in playlists}

    def remove(self, uri: str) -> None:
        """Remove a deleted playlist."""
        self._playlists.pop(uri, None)
        self._unlisted.pop(uri, None)

    def mark_empty(self, uri: str) -> None:
        """Note that a listed playlist holds no tracks."""
        known = self._playlists.get(uri)
        if known is not None:
            self._playlists[uri] = replace(known, tracks=0)

    def snapshot(self, connection: PlayerConnection) -> PlayerSnapshot:
        """The state for everybody."""
        device = self.playback.device
        return PlayerSnapshot(
            kind=PlayerKind.SPOTIFY,
            connection=connection,
            playing=self.playback.playing,
            track=self.playback.track,
            playlist=self.playlist(self.playback.context_uri),
            device=None if device is None else device.output(),
            volume=None if device is None else device.volume,
            playlists=tuple(self._playlists.values()),
            devices=tuple(one.output() for one in self.devices),
            taken_s=self.taken_s,
        )
