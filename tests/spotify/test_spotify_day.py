"""A day with Spotify, simulated against the quota: by the server's clock, over TCP, within 300 calls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_spotify import FakeSpotify, fake_spotify
from signed_in import SignedIn

from playback.player import ConnectionState, PlayerSnapshot
from spotify import quota
from spotify.client import SpotifyClient
from spotify.memory import Memory
from spotify.remote import Remote

STEP_S = 5.0
HOUR_S = 3600.0


@pytest.fixture
def server() -> Iterator[FakeSpotify]:
    with fake_spotify() as running:
        running.clock.stop()
        running.clock.advance(86_400 - running.clock.now() % 86_400)
        yield running


class Day:
    """A player on the test's own thread, which lets time pass."""

    def __init__(self, server: FakeSpotify, tmp_path: Path) -> None:
        self.server = server
        self.moods = [server.add_playlist(f"Mood {number}", 40) for number in range(6)]
        server.add_device("Desk", active=True)
        clock, credentials = server.clock.now, SignedIn(server)
        self.memory = Memory(tmp_path / "spotify.json", clock=clock)
        self.client = SpotifyClient(
            credentials, memory=self.memory, clock=clock, api_url=server.url, back_off_s=(0.0,)
        )
        self.snapshot: PlayerSnapshot
        self.remote = Remote(self.client, credentials, self.memory, clock=clock, publish=self._take)
        self.remote.refresh()

    def _take(self, snapshot: PlayerSnapshot) -> None:
        self.snapshot = snapshot

    def pass_time(self, seconds: float, *, watched: bool = False) -> None:
        until_s = self.server.clock.now() + seconds
        while self.server.clock.now() < until_s:
            self.server.clock.advance(STEP_S)
            self.remote.tick(watched=watched)

    def calls(self) -> int:
        """What the server has counted today, which is what we have counted."""
        used = self.server.quota_used[int(self.server.clock.now() // 86_400)]
        answered_401 = sum(call.status == 401 for call in self.server.calls)
        assert self.memory.calls() == used + answered_401 == self.snapshot.connection.calls_today
        return used + answered_401


@pytest.fixture
def day(server: FakeSpotify, tmp_path: Path) -> Iterator[Day]:
    one = Day(server, tmp_path)
    yield one
    one.client.close()


def test_an_active_day_costs_at_most_300_calls(day: Day) -> None:
    """Sixteen hours of music; four of them watched, 48 switches, 24 commands by hand, 8 on the phone."""
    day.pass_time(7 * HOUR_S)
    idle = day.calls()
    for third in range(48):
        assert day.remote.glance().ok  # as the autopilot does before it plays anything
        assert day.remote.play(day.moods[third % 6].uri).ok
        day.pass_time(600.0, watched=third % 12 < 3)
        if third % 2:
            assert day.remote.pause().ok
            day.pass_time(60.0)
            assert day.remote.resume().ok
        if third % 6 == 5:
            day.server.phone.next()
        day.pass_time(540.0, watched=third % 12 < 3)
        assert day.snapshot.playing
    assert idle <= 40
    assert day.calls() <= quota.DAY_CALLS
    assert len(day.server.played) == 48


def test_a_day_of_watching_costs_at_most_300_calls_and_misses_little(day: Day) -> None:
    day.pass_time(8 * HOUR_S)
    assert day.remote.play(day.moods[0].uri).ok
    day.pass_time(6 * HOUR_S, watched=True)
    assert day.remote.play(day.moods[1].uri).ok
    day.pass_time(HOUR_S, watched=True)
    day.server.phone.pause()
    day.pass_time(1800.0, watched=True)
    assert not day.snapshot.playing
    day.pass_time(8 * HOUR_S, watched=True)
    assert day.calls() <= quota.LOOKING_CALLS + 10


def test_what_a_person_does_elsewhere_is_seen_within_minutes_though_nobody_looks(day: Day) -> None:
    day.pass_time(17 * HOUR_S)
    assert day.remote.play(day.moods[0].uri).ok
    day.pass_time(HOUR_S)
    day.server.phone.play(day.moods[3].uri)
    day.pass_time(122.0)
    assert day.snapshot.playlist is not None
    assert day.snapshot.playlist.uri == day.moods[3].uri


def test_a_day_on_which_spotify_is_out_of_order_costs_at_most_300_calls(day: Day) -> None:
    day.server.faults.server_error()
    for _ in range(20):
        day.remote.play(day.moods[0].uri)
        day.pass_time(HOUR_S, watched=True)
    assert day.memory.calls() <= quota.DAY_CALLS
    day.server.faults.clear()
    day.server.clock.advance(5.0)
    assert day.remote.play(day.moods[0].uri).ok
    assert day.snapshot.connection.state is ConnectionState.CONNECTED


def test_many_playlists_are_not_listed_again_every_hour(day: Day) -> None:
    for number in range(500):
        day.server.add_playlist(f"More {number}", 1)
    day.remote.refresh()
    lists = day.server.count("/v1/me/playlists")
    day.pass_time(6 * HOUR_S, watched=True)
    assert day.server.count("/v1/me/playlists") == lists
    day.pass_time(6 * HOUR_S, watched=True)
    assert day.server.count("/v1/me/playlists") == lists + 11


def test_commands_go_through_though_the_days_looks_are_spent(day: Day) -> None:
    for _ in range(quota.DAY_CALLS):
        day.memory.count()
    asked = day.server.count("/v1/", "GET")
    day.pass_time(HOUR_S, watched=True)
    assert day.remote.play(day.moods[0].uri).ok
    day.pass_time(HOUR_S, watched=True)
    assert day.server.count("/v1/", "GET") == asked
    assert day.remote.refresh().ok
