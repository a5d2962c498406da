"""A day with Spotify, simulated against the quota: by the server's clock, over TCP, within 300 calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from playback.player import ConnectionState, Outcome, OutcomeKind, PlayerSnapshot
from spotify import call_quota
from spotify.client import SpotifyClient
from spotify.persistent_state import PersistentState
from spotify.playback_client import PlaybackClient
from tests.fake_spotify import FakeSpotify, fake_spotify
from tests.spotify.signed_in import SignedIn

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
        self.memory = PersistentState(tmp_path / "spotify.json", clock=clock)
        self.client = SpotifyClient(
            credentials, state=self.memory, clock=clock, api_url=server.url, back_off_s=(0.0,)
        )
        self.snapshot: PlayerSnapshot
        self.playback = PlaybackClient(self.client, publish=self._take)
        self.run(self.playback.refresh)

    def _take(self, snapshot: PlayerSnapshot) -> None:
        self.snapshot = snapshot

    def run(self, command: Callable[[], Outcome]) -> Outcome:
        return self.playback.execute(command)

    def play(self, uri: str, *, if_unchanged_since: float | None = None) -> Outcome:
        return self.run(partial(self.playback.play, uri, if_unchanged_since=if_unchanged_since))

    def pass_time(self, seconds: float, *, watched: bool = False) -> None:
        until_s = self.server.clock.now() + seconds
        while self.server.clock.now() < until_s:
            self.server.clock.advance(STEP_S)
            self.playback.tick(watched=watched)

    def calls(self) -> int:
        """The most that came in within any 24 hours; ours of the last 24 are counted, and told."""
        times_s = [call.time_s for call in self.server.calls if call.path.startswith("/v1/")]
        first = call_quota.slot_of(self.server.clock.now() - call_quota.DAY_S)
        counted = sum(call_quota.slot_of(at_s) >= first for at_s in times_s)
        assert self.memory.calls() == counted == self.snapshot.connection.calls_today
        return max(sum(at_s - call_quota.DAY_S < one <= at_s for one in times_s) for at_s in times_s)


@pytest.fixture
def day(server: FakeSpotify, tmp_path: Path) -> Iterator[Day]:
    one = Day(server, tmp_path)
    yield one
    one.client.close()


def test_an_active_day_costs_at_most_300_calls(day: Day) -> None:
    """Sixteen hours of music; four of them watched, 48 switches, 24 commands by hand, 8 on the phone."""
    day.pass_time(7 * HOUR_S)
    idle = day.calls()
    be_active(day)
    assert idle <= 40
    assert day.calls() <= call_quota.DAY_CALLS
    assert len(day.server.played) == 48


def test_a_day_that_is_active_again_costs_no_more_within_any_24_hours(day: Day) -> None:
    be_active(day)
    day.pass_time(5 * HOUR_S)
    be_active(day)
    assert day.calls() <= call_quota.DAY_CALLS + 20  # what people and the autopilot ask for is always sent


def be_active(day: Day) -> None:
    for third in range(48):
        now_s = day.server.clock.now()  # the autopilot asks what plays before it plays anything
        assert day.play(day.moods[third % 6].uri, if_unchanged_since=now_s).ok
        day.pass_time(600.0, watched=third % 12 < 3)
        if third % 2:
            assert day.run(day.playback.pause).ok
            day.pass_time(60.0)
            assert day.run(day.playback.resume).ok
        if third % 6 == 5:
            day.server.phone.next()
        day.pass_time(540.0, watched=third % 12 < 3)
        assert day.snapshot.playing


def test_a_day_of_watching_costs_at_most_300_calls_and_misses_little(day: Day) -> None:
    day.pass_time(8 * HOUR_S)
    assert day.play(day.moods[0].uri).ok
    day.pass_time(6 * HOUR_S, watched=True)
    assert day.play(day.moods[1].uri).ok
    day.pass_time(HOUR_S, watched=True)
    day.server.phone.pause()
    day.pass_time(1800.0, watched=True)
    assert not day.snapshot.playing
    day.pass_time(8 * HOUR_S, watched=True)
    assert day.calls() <= call_quota.POLLING_CALLS + 10


def test_what_a_person_does_elsewhere_is_seen_within_minutes_though_nobody_looks(day: Day) -> None:
    day.pass_time(17 * HOUR_S)
    assert day.play(day.moods[0].uri).ok
    day.pass_time(HOUR_S)
    day.server.phone.play(day.moods[3].uri)
    day.pass_time(122.0)
    assert day.snapshot.playlist is not None
    assert day.snapshot.playlist.uri == day.moods[3].uri


def test_a_day_on_which_spotify_is_out_of_order_costs_at_most_300_calls(day: Day) -> None:
    day.server.faults.server_error()
    for _ in range(20):
        day.play(day.moods[0].uri)
        day.pass_time(HOUR_S, watched=True)
    assert day.memory.calls() <= call_quota.DAY_CALLS
    day.server.faults.clear()
    day.server.clock.advance(5.0)
    assert day.play(day.moods[0].uri).ok
    assert day.snapshot.connection.state is ConnectionState.CONNECTED


def test_many_playlists_are_not_listed_again_every_hour(day: Day) -> None:
    for number in range(500):
        day.server.add_playlist(f"More {number}", 1)
    day.run(day.playback.refresh)
    lists = day.server.count("/v1/me/playlists")
    day.pass_time(6 * HOUR_S, watched=True)
    assert day.server.count("/v1/me/playlists") == lists
    day.pass_time(6 * HOUR_S, watched=True)
    assert day.server.count("/v1/me/playlists") == lists + 11


def test_commands_go_through_though_the_days_looks_are_spent(day: Day) -> None:
    for _ in range(call_quota.DAY_CALLS):
        day.memory.count_call()
    asked = day.server.count("/v1/", "GET")
    day.pass_time(HOUR_S, watched=True)
    assert day.play(day.moods[0].uri).ok
    day.pass_time(HOUR_S, watched=True)
    assert day.server.count("/v1/", "GET") == asked
    assert day.run(day.playback.refresh).ok


def test_calls_of_other_apps_use_the_quota_up_and_it_comes_back_by_itself(day: Day) -> None:
    """Nothing is asked until Spotify said so, and what was refused is told apart from a short limit."""
    day.server.quota_per_day = 1144
    day.server.use_quota(1144)
    refused = day.play(day.moods[0].uri)
    assert refused.kind is OutcomeKind.QUOTA_EXCEEDED
    assert refused.until_s == pytest.approx(day.server.clock.now() + call_quota.DAY_S, abs=1.0)
    asked = day.server.count("/v1/")
    day.pass_time(23 * HOUR_S, watched=True)
    assert day.play(day.moods[0].uri).kind is OutcomeKind.QUOTA_EXCEEDED
    assert day.server.count("/v1/") == asked
    connection = day.snapshot.connection
    assert (connection.state, connection.until_s) == (ConnectionState.QUOTA_EXCEEDED, refused.until_s)
    assert "all apps of your developer account" in connection.message
    day.pass_time(HOUR_S + STEP_S)
    assert day.play(day.moods[0].uri).ok
    assert day.snapshot.connection.state is ConnectionState.CONNECTED


def test_a_quota_that_frees_one_call_at_a_time_leads_to_no_storm(day: Day) -> None:
    day.server.faults.quota_exceeded(retry_after="1")
    asked = day.server.count("/v1/")
    for _ in range(60):
        day.pass_time(60.0, watched=True)
        day.play(day.moods[0].uri)
    assert day.server.count("/v1/") - asked <= 61
