"""A Spotify on this machine: accounts service and Web API as of November 2026, with state and with faults."""

from fake_spotify.faults import Fault, Faults
from fake_spotify.server import FakeSpotify, fake_spotify
from fake_spotify.state import ALL_SCOPES, Call, Clock, Device, Playback, Played, Playlist, Track
from fake_spotify.world import CLIENT_ID, REDIRECT_URI, NowPlaying

__all__ = [
    "ALL_SCOPES",
    "CLIENT_ID",
    "REDIRECT_URI",
    "Call",
    "Clock",
    "Device",
    "FakeSpotify",
    "Fault",
    "Faults",
    "NowPlaying",
    "Playback",
    "Played",
    "Playlist",
    "Track",
    "fake_spotify",
]
