"""The autopilot with the player on Spotify, over TCP: what people do there and here, and what it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.emotions import Emotion
from playback.controller import PlaybackController
from playback.mapping.styles import Strategy
from playback.player import ConnectionState, OutcomeKind
from playback.preferences.preferences import AutopilotSettings, MappingEntry, Mode, PlaylistRef, Preferences
from playback.snapshot import MusicSnapshot, Phase, RecordKind
from spotify.player import SpotifyPlayer
from tests.fake_spotify import FakeSpotify, fake_spotify
from tests.playback.catching_up import catch_up
from tests.spotify.signed_in import SignedIn, holds_soon


@pytest.fixture
def server() -> Iterator[FakeSpotify]:
    with fake_spotify() as running:
        running.clock.stop()
        running.add_device("Desk", active=True)
        yield running


class Home:
    """A home in which somebody listens, and is heard."""

    def __init__(self, server: FakeSpotify, file: Path) -> None:
        self.server = server
        self.sad, self.other = server.add_playlist("For sad"), server.add_playlist("Other")
        given = Preferences(autopilot=AutopilotSettings(mode=Mode.AUTO, cooldown_s=60.0))
        entry = MappingEntry(Strategy.MATCH, match=(PlaylistRef(self.sad.uri, "For sad"),))
        clock = server.clock.now
        player = SpotifyPlayer(
            SignedIn(server), api_url=server.url, state_file=file, clock=clock, tick_s=0.005
        )
        self.music = PlaybackController(
            player,
            replace(given, choices={**given.choices, Emotion.SAD: entry}),
            save=lambda _: None,
            record=lambda *_: None,
            clock=clock,
            local_minute=lambda: 720,
            poll_s=0.01,
        )
        self.music.set_listening(True)
        # A connection may be known before what plays, or the playlists, and to the player before it is to
        # the autopilot: the tests begin once all are.
        self.soon(
            lambda now: (
                len(now.player.playlists) == 2
                and now.player.connection.state is ConnectionState.CONNECTED
                and now.phase is not Phase.UNABLE
            )
        )

    def soon(self, holds: Callable[[MusicSnapshot], object]) -> MusicSnapshot:
        assert holds_soon(lambda: bool(holds(self.music.snapshot()))), self.music.snapshot()
        return self.music.snapshot()

    def pass_time(self, time_s: float) -> None:
        self.server.clock.advance(time_s)
        self.music.refresh().result(10.0)

    def hear_sad(self) -> None:
        for _ in range(11):
            self.server.clock.advance(0.5)
            self.music.follow(Emotion.SAD)
            catch_up(self.music)
        self.soon(lambda now: now.records and now.records[0].at_s >= self.server.clock.now() - 6.0)

    @property
    def played(self) -> list[str]:
        return [one.uri for one in self.server.played if one.by == "app"]


@pytest.fixture
def home(server: FakeSpotify, tmp_path: Path) -> Iterator[Home]:
    one = Home(server, tmp_path / "spotify.json")
    yield one
    one.music.close()


@pytest.mark.parametrize("private", [False, True])
def test_a_podcast_is_left_alone_until_somebody_lets_the_autopilot_go_on(home: Home, private: bool) -> None:
    home.server.private = private
    home.server.phone.podcast()
    home.pass_time(1.0)
    home.soon(lambda now: now.phase is Phase.OVERRIDDEN)
    home.hear_sad()
    assert home.played == []
    home.music.resume_autopilot()
    home.soon(lambda now: now.records[0].kind is RecordKind.SWITCHED)
    assert home.played == [home.sad.uri]


def test_a_podcast_that_nobody_saw_begin_is_left_alone(home: Home) -> None:
    home.music.play(home.other.uri).result(10.0)
    home.pass_time(61.0)
    home.soon(lambda now: now.player.playlist is not None and now.player.track is not None)
    home.server.phone.podcast()
    home.server.clock.advance(10.0)
    home.hear_sad()
    # What it keeps from happening may be recorded after it.
    seen = "In the player itself a podcast was started"
    home.soon(lambda now: any(record.reason.startswith(seen) for record in now.records))
    assert home.played == [home.other.uri]


def test_a_playlist_that_is_played_here_is_followed_after_the_cool_down(home: Home) -> None:
    assert home.music.play(home.other.uri).result(10.0).kind is OutcomeKind.DONE
    home.soon(lambda now: now.phase is Phase.COOLING)
    home.hear_sad()
    assert home.played == [home.other.uri]
    home.pass_time(61.0)
    home.hear_sad()
    home.soon(lambda now: now.records[0].kind is RecordKind.SWITCHED)
    assert home.played == [home.other.uri, home.sad.uri]


def test_while_the_quota_is_used_up_the_autopilot_waits_and_asks_nobody(home: Home) -> None:
    fault = home.server.faults.quota_exceeded(retry_after="9999999999")
    refused = home.music.refresh().result(10.0)
    assert refused.until_s == home.server.clock.now() + 86_400
    now = home.soon(
        lambda now: now.phase is Phase.UNABLE and "all apps of your developer account" in now.message
    )
    assert now.player.connection.state is ConnectionState.QUOTA_EXCEEDED
    assert (now.until_s, now.can_resume) == (refused.until_s, False)
    asked = home.server.count("/v1/")
    home.hear_sad()
    assert home.server.count("/v1/") == asked
    home.server.faults.clear(fault)
    home.server.clock.advance(86_401)
    home.soon(lambda now: now.player.connection.state is ConnectionState.CONNECTED)
