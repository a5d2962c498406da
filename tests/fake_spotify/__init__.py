"""A Spotify on this machine: accounts service and Web API as of November 2026, with state and with faults."""

from tests.fake_spotify.faults import Fault, Faults
from tests.fake_spotify.server import FakeSpotify, fake_spotify
from tests.fake_spotify.state import ALL_SCOPES, Call, Clock, Device, FakePlaylist, Playback, Played, Track
from tests.fake_spotify.world import CLIENT_ID, REDIRECT_URI, NowPlaying

__all__ = [
    "ALL_SCOPES",
    "CLIENT_ID",
    "REDIRECT_URI",
    "Call",
    "Clock",
    "Device",
    "FakePlaylist",
    "FakeSpotify",
    "Fault",
    "Faults",
    "NowPlaying",
    "Playback",
    "Played",
    "Track",
    "fake_spotify",
]
