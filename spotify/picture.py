"""Owns what is known of the player at Spotify: what plays, where, and what could."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from playback.player import Connection, PlayerKind, PlayerSnapshot, Playlist
from spotify.reading import Device, Playback

__all__ = ["Picture"]

_AFTER_END_S: Final = 1.0


class Picture:
    """What was seen and done last; one thread alone may use it. All times are Unix time, s.

    Attributes
    ----------
    playback, taken_s
        What plays, and when that was known to be so.
    devices
        Where music can come out.
    """

    def __init__(self) -> None:
        self.playback = Playback()
        self.taken_s = 0.0
        self.devices: tuple[Device, ...] = ()
        self._playlists: dict[str, Playlist] = {}
        self._others: dict[str, Playlist] = {}  # found or played, but not listed

    @property
    def listed(self) -> int:
        """How many playlists are listed."""
        return len(self._playlists)

    def see(self, seen: Playback, at_s: float) -> None:
        """Take what plays."""
        self.playback, self.taken_s = seen, at_s
        device = seen.device
        if device is not None and device.id and all(one.id != device.id for one in self.devices):
            self.devices = (*self.devices, device)
        self.devices = tuple(
            device if device is not None and one.id == device.id else replace(one, active=False)
            for one in self.devices
        )

    def at(self, now_s: float) -> Playback:
        """What plays, as far as it must have got by now."""
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

    def target(self, remembered: str, *, chosen: bool) -> Device | None:
        """The device that a command goes to.

        Parameters
        ----------
        remembered
            Name of the one that the user has chosen; empty: none.
        chosen
            That one comes before the one that is active; else after it.
        """
        usable = [one for one in self.devices if one.usable]
        remembers = [one for one in usable if one.name == remembered]
        active = [one for one in usable if one.active]
        order = (remembers, active, usable) if chosen else (active, remembers, usable)
        return next((found[0] for found in order if found), None)

    def playlist(self, uri: str) -> Playlist | None:
        """What is known of a playlist; None where nothing is."""
        return self._playlists.get(uri) or self._others.get(uri)

    def list(self, playlists: Iterable[Playlist]) -> None:
        """Take all playlists there are."""
        self._playlists = {one.uri: one for one in playlists}

    def add_first(self, playlist: Playlist) -> None:
        """Take a playlist that was made just now; Spotify lists such ones first."""
        self._playlists = {playlist.uri: playlist} | self._playlists

    def add_others(self, *playlists: Playlist) -> None:
        """Take playlists that are not listed."""
        self._others |= {one.uri: one for one in playlists}

    def remove(self, uri: str) -> None:
        """A playlist is not there any more."""
        self._playlists.pop(uri, None)
        self._others.pop(uri, None)

    def note_empty(self, uri: str) -> None:
        """A playlist was found to hold nothing."""
        known = self._playlists.get(uri)
        if known is not None:
            self._playlists[uri] = replace(known, tracks=0)

    def snapshot(self, connection: Connection) -> PlayerSnapshot:
        """The same for everybody."""
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
