"""The player over TCP: what people can do, and what becomes of it in each of Spotify's failures."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from playback.player import ConnectionState, ContentKind, Outcome, OutcomeKind, Player, PlayerKind
from playback.serial_executor import CLOSED
from spotify import player as player_module
from spotify.persistent_state import PersistentState
from spotify.player import SpotifyPlayer
from tests.fake_spotify import ALL_SCOPES, Device, FakePlaylist, FakeSpotify, fake_spotify
from tests.patience import PROMPT_S
from tests.spotify.signed_in import SignedIn, holds_soon

SOON_S = 20.0
NEVER_S = 3600.0

Make = Callable[..., SpotifyPlayer]


@pytest.fixture
def server() -> Iterator[FakeSpotify]:
    with fake_spotify() as running:
        running.clock.stop()
        running.clock.advance(86_400 + 43_200 - running.clock.now() % 86_400)  # noon: the day is half over
        yield running


@pytest.fixture
def credentials(server: FakeSpotify) -> SignedIn:
    return SignedIn(server)


@pytest.fixture
def mine(server: FakeSpotify) -> FakePlaylist:
    return server.add_playlist("Mine")


@pytest.fixture
def other(server: FakeSpotify) -> FakePlaylist:
    return server.add_playlist("Other")


@pytest.fixture
def desk(server: FakeSpotify) -> Device:
    return server.add_device("Desk", active=True)


@pytest.fixture
def make(server: FakeSpotify, credentials: SignedIn, tmp_path: Path) -> Iterator[Make]:
    """A player that does nothing by itself unless `tick_s` is given; closed at the end."""
    made: list[SpotifyPlayer] = []

    def one(tick_s: float = NEVER_S, timeout_s: float = 5.0, connected: bool = True) -> SpotifyPlayer:
        player = SpotifyPlayer(
            credentials,
            api_url=server.url,
            state_file=tmp_path / "spotify.json",
            clock=server.clock.now,
            timeout_s=timeout_s,
            back_off_s=(0.0, 0.0),
            tick_s=tick_s,
        )
        made.append(player)
        if connected:
            assert found(player) == ()  # what was asked first is done by now
        return player

    yield one
    for player in made:
        player.close()


def found(player: SpotifyPlayer, *texts: str) -> tuple[FakePlaylist, ...]:
    """What a search finds."""
    outcome = player.search(texts).result(SOON_S)
    assert outcome.ok
    return outcome.playlists


def calls_of(server: FakeSpotify, act: Callable[[], object]) -> list[tuple[str, str]]:
    """What came in meanwhile."""
    before = len(server.calls)
    act()
    return [(call.method, call.path.removeprefix("/v1/")) for call in server.calls[before:]]


PLAY, LIST, LOOK, TRANSFER = (
    ("PUT", "me/player/play"),
    ("GET", "me/player/devices"),
    ("GET", "me/player"),
    ("PUT", "me/player"),
)


# All is well


@pytest.mark.usefixtures("desk")
def test_play_crosses_at_most_six_frames_to_http(
    make: Make, mine: FakePlaylist, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`SpotifyPlayer.play`, and what is on the stack of the player's thread when the request is sent."""
    stacks: list[list[str]] = []
    room = Path(player_module.__file__).parent
    send = requests.Session.send

    def recorded(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> Any:
        frames = traceback.extract_stack()
        stacks.append([frame.name for frame in frames if Path(frame.filename).parent == room])
        return send(session, request, **options)

    player = make()
    monkeypatch.setattr(requests.Session, "send", recorded)
    assert player.play(mine.uri).result(SOON_S).ok
    [on_the_thread] = stacks
    assert on_the_thread[-1] == "_call"
    assert 1 + len(on_the_thread) <= 6


def test_it_connects_by_itself_and_lists_everything(
    server: FakeSpotify, make: Make, mine: FakePlaylist, desk: Device
) -> None:
    server.add_playlist("Discover Weekly", owner="spotify")
    player: Player = make()
    now = player.snapshot()
    assert (player.kind, now.kind) == (PlayerKind.SPOTIFY, PlayerKind.SPOTIFY)
    assert now.connection.state is ConnectionState.CONNECTED
    assert (now.connection.account, now.connection.calls_today) == ("Robin Listener", 4)
    assert "Robin Listener" in now.connection.message
    assert [(one.uri, one.name, one.tracks) for one in now.playlists] == [(mine.uri, "Mine", 5)]
    assert [(one.name, one.active, one.volume, one.id) for one in now.devices] == [
        ("Desk", True, 0.5, desk.id)
    ]
    assert (now.playing, now.volume, now.taken_s) == (False, 0.5, server.clock.now())


def test_before_anything_is_known_it_says_so(server: FakeSpotify, make: Make) -> None:
    server.faults.delay(seconds=30.0)
    player = make(connected=False)
    now = player.snapshot()
    assert (now.connection.state, now.taken_s, now.playlists) == (ConnectionState.DISCONNECTED, 0.0, ())


@pytest.mark.usefixtures("mine", "desk")
def test_test_tells_what_is_there(make: Make) -> None:
    outcome = make().refresh().result(SOON_S)
    assert outcome == Outcome(OutcomeKind.DONE, "Spotify answers: 1 playlist, 1 device.")


def test_play_is_one_call_with_the_device_named(
    server: FakeSpotify, make: Make, mine: FakePlaylist, desk: Device
) -> None:
    player = make()
    assert calls_of(server, lambda: player.play(mine.uri).result(SOON_S)) == [PLAY]
    assert server.calls[-1].query == {"device_id": desk.id}
    assert server.now_playing().playlist == "Mine"
    now = player.snapshot()
    assert (now.playing, now.taken_s) == (True, server.clock.now())
    assert now.playlist is not None
    assert now.playlist.uri == mine.uri
    assert now.device is not None
    assert now.device.name == "Desk"


def test_pause_resume_next_and_volume(
    server: FakeSpotify, make: Make, mine: FakePlaylist, desk: Device
) -> None:
    player = make()
    player.play(mine.uri).result(SOON_S)
    player.refresh().result(SOON_S)
    server.clock.advance(10.0)
    assert player.set_volume(0.314).result(SOON_S).kind is OutcomeKind.DONE
    assert (server.now_playing().volume, player.snapshot().volume) == (31, 0.31)
    track = player.snapshot().track
    assert track is not None
    assert track.position_s == pytest.approx(10.0, abs=0.01)
    assert player.pause().result(SOON_S).kind is OutcomeKind.DONE
    assert (server.now_playing().playing, player.snapshot().playing) == (False, False)
    assert player.resume().result(SOON_S).kind is OutcomeKind.DONE
    assert (server.now_playing().playing, player.snapshot().playing) == (True, True)
    assert player.next().result(SOON_S).kind is OutcomeKind.DONE
    assert server.now_playing().track == "Mine 2"
    assert {call.query.get("device_id") for call in server.calls if call.method != "GET"} == {desk.id}


@pytest.mark.usefixtures("desk")
def test_what_is_so_already_is_nothing_to_do(server: FakeSpotify, make: Make, mine: FakePlaylist) -> None:
    player = make()
    assert player.pause().result(SOON_S).kind is OutcomeKind.NOTHING_TO_DO
    server.phone.play(mine.uri)
    assert player.resume().result(SOON_S).kind is OutcomeKind.NOTHING_TO_DO
    assert player.snapshot().playing
    assert player.choose_device("Desk").result(SOON_S).kind is OutcomeKind.NOTHING_TO_DO


@pytest.mark.usefixtures("desk")
def test_an_advert_is_named_and_not_taken_for_done(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    player = make()
    player.play(mine.uri).result(SOON_S)
    server.phone.advert()
    outcome = player.pause().result(SOON_S)
    assert outcome.kind is OutcomeKind.FAILED
    assert "advert" in outcome.message
    track = player.snapshot().track
    assert track is not None
    assert track.title == "Advertisement"


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("volume", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_volume_beyond_bounds_is_refused_without_a_call(
    server: FakeSpotify, make: Make, volume: float
) -> None:
    player = make()
    assert calls_of(server, lambda: player.set_volume(volume).result(SOON_S)) == []
    assert "0 to 1" in player.set_volume(volume).result(SOON_S).message


@pytest.mark.usefixtures("desk")
def test_of_many_volumes_only_the_last_is_sent(server: FakeSpotify, make: Make) -> None:
    player = make()
    hold = server.faults.delay("/v1/me", seconds=0.1)
    held = player.create_playlists(["x"])  # asks nothing that is slow, but keeps the order
    futures = [player.set_volume(step / 100) for step in range(40)]
    assert futures[-1].result(SOON_S).kind is OutcomeKind.DONE
    assert held.result(SOON_S).ok
    server.faults.clear(hold)
    assert server.now_playing().volume == 39
    assert server.count("/v1/me/player/volume") < 40
    assert all(future.result(SOON_S).ok for future in futures)


@pytest.mark.usefixtures("desk")
def test_search_and_new_playlists(server: FakeSpotify, make: Make) -> None:
    player = make()
    others = server.add_playlist("Chill evening", owner="friend7", followed=False)
    server.add_playlist("Chill hits", owner="spotify")
    assert [one.uri for one in found(player, "no such thing", "chill")] == [others.uri]
    assert player.play(others.uri).result(SOON_S).ok
    assert player.snapshot().playlist is not None
    assert player.create_playlists([]).result(SOON_S).kind is OutcomeKind.NOTHING_TO_DO
    outcome = player.create_playlists([" Uplifting "]).result(SOON_S)
    assert outcome.message == "Uplifting was made; it is empty until you add something to it."
    made = player.snapshot().playlists[0]
    assert (made.name, made.tracks) == ("Uplifting", 0)
    assert player.play(made.uri).result(SOON_S).kind is OutcomeKind.EMPTY
    both = player.create_playlists(["Calm", "Hype"]).result(SOON_S)
    assert both.message == "Calm and Hype were made; they are empty until you add something."
    assert player.create_playlists(["A", "  ", "B"]).result(SOON_S).kind is OutcomeKind.FAILED
    assert [one.name for one in player.snapshot().playlists[:4]] == ["A", "Hype", "Calm", "Uplifting"]


def test_a_search_that_fails_says_why(server: FakeSpotify, make: Make) -> None:
    player = make()
    server.faults.rate_limit()
    outcome = player.search(("chill",)).result(SOON_S)
    assert outcome.kind is OutcomeKind.RATE_LIMITED
    assert "too often" in outcome.message
    assert outcome.playlists == ()


def test_what_may_not_be_made_tells_what_to_do(server: FakeSpotify, tmp_path: Path) -> None:
    scopes = tuple(one for one in ALL_SCOPES if not one.startswith("playlist-modify"))
    player = SpotifyPlayer(SignedIn(server, scopes), api_url=server.url, state_file=tmp_path / "x.json")
    outcome = player.create_playlists(["New"]).result(SOON_S)
    assert outcome.kind is OutcomeKind.FORBIDDEN
    assert "sign in again" in outcome.message
    assert player.snapshot().connection.state is ConnectionState.CONNECTED
    player.close()


# Playlists that cannot be played


@pytest.mark.usefixtures("other", "desk")
def test_a_deleted_playlist_is_gone_and_no_longer_listed(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    player = make()
    server.delete_playlist(mine)
    outcome = player.play(mine.uri).result(SOON_S)
    assert outcome == Outcome(OutcomeKind.GONE, "Mine is not there any more: choose another one.")
    assert [one.name for one in player.snapshot().playlists] == ["Other"]


@pytest.mark.usefixtures("desk")
def test_an_empty_playlist_is_not_played(server: FakeSpotify, make: Make) -> None:
    empty = server.add_playlist("Hollow", 0)
    player = make()
    outcome = player.play(empty.uri).result(SOON_S)
    assert (outcome.kind, "Hollow" in outcome.message) == (OutcomeKind.EMPTY, True)
    assert server.count("/v1/me/player/play") == 0
    empty.tracks[:] = server.add_playlist("More").tracks
    assert player.play(empty.uri).result(SOON_S).kind is OutcomeKind.DONE


@pytest.mark.usefixtures("desk")
def test_one_that_was_emptied_meanwhile_is_known_to_be_so_afterwards(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    player = make(tick_s=0.005)
    mine.tracks.clear()
    player.play(mine.uri).result(SOON_S)
    server.clock.advance(2.0)
    assert holds_soon(lambda: not player.snapshot().playing)
    assert player.play(mine.uri).result(SOON_S).kind is OutcomeKind.EMPTY


@pytest.mark.parametrize("uri", ["", "local:style:chill", "spotify:album:1", "spotify:playlist:"])
def test_what_is_no_playlist_is_refused_without_a_call(server: FakeSpotify, make: Make, uri: str) -> None:
    player = make()
    assert calls_of(server, lambda: player.play(uri).result(SOON_S)) == []
    assert player.play(uri).result(SOON_S).kind is OutcomeKind.FAILED


@pytest.mark.usefixtures("desk")
def test_a_playlist_that_is_not_listed_plays_under_its_own_address(server: FakeSpotify, make: Make) -> None:
    player = make()
    theirs = server.add_playlist("Theirs", owner="friend7")
    assert player.play(f"spotify:user:friend7:playlist:{theirs.id}").result(SOON_S).ok
    playing = player.snapshot().playlist
    assert playing is not None
    assert playing.uri == theirs.uri


# Devices


def test_nothing_is_open(server: FakeSpotify, make: Make, mine: FakePlaylist) -> None:
    player = make()
    outcome = player.play(mine.uri).result(SOON_S)
    assert (outcome.kind, "open Spotify" in outcome.message) == (OutcomeKind.NO_DEVICE, True)
    assert player.resume().result(SOON_S).kind is OutcomeKind.NO_DEVICE
    assert player.pause().result(SOON_S).kind is OutcomeKind.NOTHING_TO_DO
    server.add_device("Phone")
    assert player.play(mine.uri).result(SOON_S).kind is OutcomeKind.DONE


def test_a_sleeping_device_is_woken(server: FakeSpotify, make: Make, mine: FakePlaylist) -> None:
    server.add_device("Kitchen", asleep=True)
    assert make().play(mine.uri).result(SOON_S).kind is OutcomeKind.DONE
    assert server.now_playing().device == "Kitchen"


@pytest.mark.usefixtures("desk")
def test_one_that_needs_to_be_woken_is_woken_once(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    player = make()
    body = {"error": {"status": 404, "message": "Device not found"}}
    server.faults.add("/v1/me/player/play", status=404, body=body, times=1)
    assert calls_of(server, lambda: player.play(mine.uri).result(SOON_S)) == [PLAY, LIST, TRANSFER, PLAY]
    assert server.now_playing().playlist == "Mine"
    server.faults.add("/v1/me/player/play", status=404, body=body)
    assert calls_of(server, lambda: player.play(mine.uri).result(SOON_S)) == [PLAY, LIST, TRANSFER, PLAY]
    assert player.play(mine.uri).result(SOON_S).kind is OutcomeKind.NO_DEVICE


def test_one_that_will_not_wake_is_said(
    server: FakeSpotify, make: Make, mine: FakePlaylist, desk: Device
) -> None:
    player = make()
    server.put_to_sleep(desk)
    desk.wakes = False
    assert player.play(mine.uri).result(SOON_S).kind is OutcomeKind.NO_DEVICE


def test_a_device_that_vanished_and_came_back_with_another_id_is_found_by_its_name(
    server: FakeSpotify, make: Make, mine: FakePlaylist, desk: Device
) -> None:
    server.add_device("Attic")
    player = make()
    assert player.choose_device("Desk").result(SOON_S).ok
    server.take_away(desk)
    outcome = player.play(mine.uri).result(SOON_S)
    assert (outcome.ok, server.now_playing().device) == (True, "Attic")
    assert "Desk is not there" in outcome.message
    server.bring_back(desk, new_id=True)
    player.refresh().result(SOON_S)
    player.play(mine.uri).result(SOON_S)
    assert server.now_playing().device == "Desk"


def test_the_chosen_device_is_remembered_between_runs(
    server: FakeSpotify, make: Make, mine: FakePlaylist, desk: Device
) -> None:
    server.add_device("Kitchen")
    server.phone.play(mine.uri, desk)
    player = make()
    assert player.choose_device("Kitchen").result(SOON_S).kind is OutcomeKind.DONE
    assert (server.now_playing().device, server.now_playing().playing) == ("Kitchen", True)
    device = player.snapshot().device
    assert device is not None
    assert device.name == "Kitchen"
    server.phone.play(mine.uri, desk)
    again = make()
    again.play(mine.uri).result(SOON_S)
    assert server.now_playing().device == "Kitchen"
    again.choose_device("").result(SOON_S)
    server.phone.play(mine.uri, desk)
    again.refresh().result(SOON_S)
    again.play(mine.uri).result(SOON_S)
    assert server.now_playing().device == "Desk"


CAR = "Spotify is open on Car, which takes no commands from apps: open it on another device, too."


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("nameless", [True, False])
def test_devices_that_are_not_there_or_take_no_commands(
    server: FakeSpotify, make: Make, mine: FakePlaylist, active: bool, nameless: bool
) -> None:
    car = server.add_device("Car", restricted=True, active=active)
    if nameless:
        car.id = ""  # as such devices often come
    player = make()
    assert player.choose_device("Attic").result(SOON_S).kind is OutcomeKind.GONE
    assert player.choose_device("Car").result(SOON_S) == Outcome(OutcomeKind.FORBIDDEN, CAR)
    for start in (player.play(mine.uri), player.resume()):
        assert start.result(SOON_S) == Outcome(OutcomeKind.NO_DEVICE, CAR)
    if active:
        for command in (player.pause(), player.next(), player.set_volume(0.3)):
            assert command.result(SOON_S) == Outcome(OutcomeKind.FORBIDDEN, CAR)
    else:
        assert player.pause().result(SOON_S).kind is OutcomeKind.NOTHING_TO_DO
    assert [(one.name, one.takes_commands) for one in player.snapshot().devices] == [("Car", False)]
    assert server.count("/v1/me/player/") == server.count("/v1/me/player/devices")


def test_of_several_devices_the_one_that_takes_commands_plays(
    server: FakeSpotify, make: Make, mine: FakePlaylist, other: FakePlaylist
) -> None:
    car = server.add_device("Car", restricted=True, active=True)
    desk = server.add_device("Desk")
    server.phone.play(other.uri, car)
    player = make()
    assert player.pause().result(SOON_S) == Outcome(OutcomeKind.FORBIDDEN, CAR)
    assert (server.now_playing().device, server.now_playing().playing) == ("Car", True)
    assert player.play(mine.uri).result(SOON_S).ok
    assert (server.now_playing().device, server.now_playing().playlist) == ("Desk", "Mine")
    assert player.pause().result(SOON_S).ok
    assert server.calls[-1].query["device_id"] == desk.id


def test_music_that_goes_on_where_no_commands_are_taken_is_not_paused_elsewhere(
    server: FakeSpotify, make: Make, mine: FakePlaylist, desk: Device
) -> None:
    player = make()
    player.play(mine.uri).result(SOON_S)
    server.phone.play(mine.uri, server.add_device("Car", restricted=True))
    server.take_away(desk)
    assert player.pause().result(SOON_S) == Outcome(OutcomeKind.FORBIDDEN, CAR)


def test_a_device_that_refuses_though_it_was_not_listed_so_is_named_and_another_plays(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    car = server.add_device("Car", active=True)
    player = make()
    car.restricted = True
    body = {
        "error": {"status": 403, "message": "Player command failed: Restricted device", "reason": "UNKNOWN"}
    }
    server.faults.add("/v1/me/player/pause", status=403, body=body)
    assert player.pause().result(SOON_S) == Outcome(OutcomeKind.FORBIDDEN, CAR)
    car.restricted = False
    player.refresh().result(SOON_S)
    server.add_device("Desk")
    player.refresh().result(SOON_S)
    car.restricted = True
    assert player.play(mine.uri).result(SOON_S).ok
    assert server.now_playing().device == "Desk"


def test_a_chosen_device_that_takes_no_commands_is_named_where_another_plays(
    server: FakeSpotify, make: Make, mine: FakePlaylist, desk: Device
) -> None:
    car = server.add_device("Car")
    player = make()
    assert player.choose_device("Car").result(SOON_S).ok
    car.restricted = True
    player.refresh().result(SOON_S)
    outcome = player.play(mine.uri).result(SOON_S)
    assert outcome.message == "Car takes no commands from apps, so it is Desk that plays."
    assert server.now_playing().device == desk.name


# What is no music


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("start", "kind", "title", "artist"),
    [
        ("podcast", ContentKind.PODCAST, "Episode 1", "A Show"),
        ("audiobook", ContentKind.AUDIOBOOK, "Chapter 1", "A Book"),
        ("local_file", ContentKind.MUSIC, "Demo tape", "Our Band"),
    ],
)
def test_what_plays_is_named_by_what_it_is(
    server: FakeSpotify, make: Make, start: str, kind: ContentKind, title: str, artist: str
) -> None:
    player = make()
    getattr(server.phone, start)()
    player.refresh().result(SOON_S)
    now = player.snapshot()
    assert (now.playing, now.playlist) == (True, None)
    assert now.track is not None
    assert (now.track.kind, now.track.title, now.track.artist) == (kind, title, artist)


@pytest.mark.usefixtures("desk")
def test_a_private_session_plays_something_that_has_no_name(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    player = make()
    server.private = True
    server.phone.podcast()
    player.refresh().result(SOON_S)
    track = player.snapshot().track
    assert track is not None
    assert (track.kind, track.title) == (ContentKind.UNKNOWN, "Something that Spotify does not name")
    server.phone.play(mine.uri)
    player.refresh().result(SOON_S)
    now = player.snapshot()
    assert (now.playlist and now.playlist.name, now.track) == ("Mine", None)


@pytest.mark.usefixtures("desk")
def test_nothing_is_played_over_a_podcast_that_somebody_started_meanwhile(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    """Before it an album played, which has no playlist either."""
    player = make()
    server.phone.play("spotify:track:1")
    player.refresh().result(SOON_S)
    seen_s = player.snapshot().taken_s
    server.clock.advance(60.0)
    server.phone.podcast()
    outcome = player.play(mine.uri, if_unchanged_since=seen_s).result(SOON_S)
    assert outcome.kind is OutcomeKind.CHANGED
    assert server.now_playing().track == "Episode 1"


@pytest.mark.usefixtures("desk")
def test_an_advert_changes_nothing_about_what_plays(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    player = make()
    player.play(mine.uri).result(SOON_S)
    seen_s = player.snapshot().taken_s
    server.clock.advance(60.0)
    advert = {"is_playing": True, "currently_playing_type": "ad", "context": None, "item": None}
    server.faults.add("/v1/me/player", method="GET", status=200, body=advert, times=1)
    assert player.play(mine.uri, if_unchanged_since=seen_s).result(SOON_S).ok
    assert player.snapshot().playlist == player.snapshot().playlists[0]


def test_music_that_was_moved_elsewhere_is_paused_there(
    server: FakeSpotify, make: Make, mine: FakePlaylist, desk: Device
) -> None:
    player = make()
    player.play(mine.uri).result(SOON_S)
    server.phone.play(mine.uri, server.add_device("Phone"))
    server.take_away(desk)
    assert player.pause().result(SOON_S).kind is OutcomeKind.DONE
    assert not server.now_playing().playing


def test_a_volume_that_cannot_be_set_is_said(server: FakeSpotify, make: Make) -> None:
    server.add_device("Phone", volume=None, active=True)
    player = make()
    assert player.snapshot().volume is None
    assert player.set_volume(0.3).result(SOON_S).kind is OutcomeKind.FORBIDDEN


# Who may not


@pytest.mark.usefixtures("desk")
def test_without_premium_one_command_is_asked_and_no_more(
    server: FakeSpotify, make: Make, mine: FakePlaylist, caplog: pytest.LogCaptureFixture
) -> None:
    server.premium = False
    player = make()
    assert player.play(mine.uri).result(SOON_S).kind is OutcomeKind.PREMIUM_REQUIRED

    def others() -> None:
        for future in (player.play(mine.uri), player.pause(), player.next(), player.choose_device("Desk")):
            assert future.result(SOON_S).kind is OutcomeKind.PREMIUM_REQUIRED

    assert calls_of(server, others) == []
    assert sum("Premium" in message for message in caplog.messages) == 1
    connection = player.snapshot().connection
    assert (connection.state, "Premium" in connection.message) == (ConnectionState.DEGRADED, True)


@pytest.mark.usefixtures("desk")
def test_an_app_without_premium_and_an_account_that_is_not_listed(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    player = make()
    server.owner_premium = False
    assert player.play(mine.uri).result(SOON_S).kind is OutcomeKind.APP_LAPSED
    assert player.snapshot().connection.state is ConnectionState.DEGRADED
    server.owner_premium, server.user_registered = True, False
    assert player.refresh().result(SOON_S).kind is OutcomeKind.FORBIDDEN
    assert "User Management" in player.snapshot().connection.message
    server.user_registered = True
    assert player.refresh().result(SOON_S).ok
    assert player.snapshot().connection.state is ConnectionState.CONNECTED


@pytest.mark.usefixtures("desk")
def test_nothing_is_played_after_a_change_on_the_phone_which_is_not_asked_for_twice_at_once(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    player = make()
    assert player.play(mine.uri).result(SOON_S).ok
    played_s = player.snapshot().taken_s
    server.clock.advance(60.0)
    server.phone.pause()
    assert player.snapshot().playing

    def play_if_unchanged() -> None:
        said = player.play(mine.uri, if_unchanged_since=played_s).result(SOON_S)
        assert said.kind is OutcomeKind.CHANGED

    assert len(calls_of(server, play_if_unchanged)) == 1
    assert not player.snapshot().playing
    server.clock.advance(4.0)
    assert calls_of(server, play_if_unchanged) == []
    server.clock.advance(2.0)
    assert len(calls_of(server, play_if_unchanged)) == 1
    seen_s = player.snapshot().taken_s
    assert player.play(mine.uri, if_unchanged_since=seen_s).result(SOON_S).ok
    assert player.snapshot().playing


@pytest.mark.usefixtures("desk")
def test_refusals_do_not_lead_to_a_storm_of_calls(server: FakeSpotify, make: Make) -> None:
    server.faults.add(status=403, body={"error": {"status": 403, "message": "Forbidden"}})
    player = make(tick_s=0.001)
    before = len(server.calls)
    for _ in range(60):
        player.mark_viewed()
        server.clock.advance(60.0)
        player.choose_device("").result(SOON_S)
    assert len(server.calls) - before <= 3
    assert player.snapshot().connection.state is ConnectionState.DEGRADED


@pytest.mark.usefixtures("desk")
def test_a_token_that_expires_is_not_noticed(
    server: FakeSpotify, make: Make, mine: FakePlaylist, credentials: SignedIn
) -> None:
    player = make()
    server.clock.advance(3700.0)
    assert player.play(mine.uri).result(SOON_S).kind is OutcomeKind.DONE
    assert credentials.renewed == 1


@pytest.mark.usefixtures("desk")
def test_once_a_sign_in_is_over_nothing_is_asked_any_more(
    server: FakeSpotify, make: Make, mine: FakePlaylist, credentials: SignedIn
) -> None:
    player = make(tick_s=0.005)
    server.revoke()
    assert player.play(mine.uri).result(SOON_S).kind is OutcomeKind.SIGN_IN_AGAIN
    assert player.snapshot().connection.state is ConnectionState.SIGN_IN_AGAIN
    asked = server.arrived
    server.clock.advance(5000.0)
    player.mark_viewed()
    assert player.pause().result(SOON_S).kind is OutcomeKind.SIGN_IN_AGAIN
    assert player.refresh().result(SOON_S).kind is OutcomeKind.SIGN_IN_AGAIN
    assert player.snapshot().connection.state is ConnectionState.SIGN_IN_AGAIN
    assert server.arrived == asked
    credentials.sign_in_again(server)
    assert player.refresh().result(SOON_S).ok
    assert player.play(mine.uri).result(SOON_S).ok


def test_nobody_is_signed_in(server: FakeSpotify, make: Make, credentials: SignedIn) -> None:
    credentials.sign_out()
    player = make(connected=False)
    assert player.pause().result(SOON_S).kind is OutcomeKind.NOT_CONNECTED
    assert player.snapshot().connection.state is ConnectionState.DISCONNECTED
    assert server.arrived == 0


def test_a_token_that_is_never_accepted_needs_a_new_sign_in(server: FakeSpotify, make: Make) -> None:
    player = make()
    server.faults.unauthorised()
    assert player.refresh().result(SOON_S).kind is OutcomeKind.SIGN_IN_AGAIN
    assert player.snapshot().connection.state is ConnectionState.SIGN_IN_AGAIN
    assert calls_of(server, lambda: player.pause().result(SOON_S)) == []


# Spotify has enough, or has trouble


@pytest.mark.usefixtures("desk")
def test_an_hour_of_429_costs_one_call_and_ends_by_itself(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    player = make(tick_s=0.005)
    limit = server.faults.rate_limit(retry_after_s=3600)
    until_s = server.clock.now() + 3600
    outcome = player.play(mine.uri).result(SOON_S)
    assert (outcome.kind, outcome.until_s) == (OutcomeKind.RATE_LIMITED, until_s)

    def meanwhile() -> None:
        for _ in range(59):
            server.clock.advance(60.0)
            player.mark_viewed()
            for future in (player.play(mine.uri), player.refresh(), player.pause()):
                said = future.result(SOON_S)
                assert (said.kind, said.until_s) == (OutcomeKind.RATE_LIMITED, until_s)
            connection = player.snapshot().connection
            assert (connection.state, connection.until_s) == (ConnectionState.RATE_LIMITED, until_s)

    assert calls_of(server, meanwhile) == []
    server.faults.clear(limit)
    server.clock.advance(61.0)
    assert holds_soon(lambda: player.snapshot().connection.state is ConnectionState.CONNECTED)
    assert player.play(mine.uri).result(SOON_S).kind is OutcomeKind.DONE


@pytest.mark.usefixtures("desk", "mine")
def test_a_limit_at_the_start_is_made_up_for_once_it_is_over(server: FakeSpotify, make: Make) -> None:
    limit = server.faults.rate_limit(retry_after_s=60)
    player = make(tick_s=0.005, connected=False)
    assert holds_soon(lambda: player.snapshot().connection.state is ConnectionState.RATE_LIMITED)
    server.faults.clear(limit)
    server.clock.advance(61.0)
    assert holds_soon(lambda: len(player.snapshot().playlists) == 1)


@pytest.mark.usefixtures("desk")
def test_a_limit_outlasts_the_program(server: FakeSpotify, make: Make, mine: FakePlaylist) -> None:
    former = make()
    limit = server.faults.rate_limit(retry_after_s=3600)
    until_s = server.clock.now() + 3600
    assert former.play(mine.uri).result(SOON_S).until_s == until_s
    former.close()
    server.clock.advance(60.0)

    def start_again() -> SpotifyPlayer:
        player = make(tick_s=0.005, connected=False)
        connection = player.snapshot().connection
        assert (connection.state, connection.until_s) == (ConnectionState.RATE_LIMITED, until_s)
        for _ in range(50):
            server.clock.advance(60.0)
            player.mark_viewed()
            for future in (
                player.play(mine.uri),
                player.refresh(),
                player.play(mine.uri, if_unchanged_since=0.0),
            ):
                said = future.result(SOON_S)
                assert (said.kind, said.until_s) == (OutcomeKind.RATE_LIMITED, until_s)
        return player

    players: list[SpotifyPlayer] = []
    assert calls_of(server, lambda: players.append(start_again())) == []
    server.faults.clear(limit)
    server.clock.advance(600.0)
    assert holds_soon(lambda: players[0].snapshot().connection.state is ConnectionState.CONNECTED)
    assert holds_soon(lambda: len(players[0].snapshot().playlists) == 1)


@pytest.mark.usefixtures("desk")
def test_a_limit_that_another_program_was_told_is_heeded(
    server: FakeSpotify, make: Make, mine: FakePlaylist, tmp_path: Path
) -> None:
    player = make()
    until_s = server.clock.now() + 600
    PersistentState(tmp_path / "spotify.json", clock=server.clock.now).set_limit(until_s)

    def play() -> None:
        said = player.play(mine.uri).result(SOON_S)
        assert (said.kind, said.until_s) == (OutcomeKind.RATE_LIMITED, until_s)
        assert player.snapshot().connection.state is ConnectionState.RATE_LIMITED

    assert calls_of(server, play) == []
    server.clock.advance(601.0)
    assert player.play(mine.uri).result(SOON_S).kind is OutcomeKind.DONE


@pytest.mark.usefixtures("desk")
def test_a_limit_of_a_clock_that_was_wrong_holds_nobody_up(
    server: FakeSpotify, make: Make, mine: FakePlaylist, tmp_path: Path
) -> None:
    ahead_s = server.clock.now() + 86_400 * 365
    PersistentState(tmp_path / "spotify.json", clock=lambda: ahead_s).set_limit(ahead_s + 600)
    assert make().play(mine.uri).result(SOON_S).kind is OutcomeKind.DONE


@pytest.mark.usefixtures("desk")
def test_answers_in_half_a_minute_hold_nobody_up(server: FakeSpotify, make: Make, mine: FakePlaylist) -> None:
    player = make(timeout_s=0.1)
    server.faults.delay(seconds=30.0)
    began = time.monotonic()
    futures = [player.play(mine.uri) for _ in range(50)]
    player.mark_viewed()
    player.snapshot()
    assert time.monotonic() - began < PROMPT_S
    assert {future.result(SOON_S).kind for future in futures} == {OutcomeKind.UNREACHABLE}
    assert time.monotonic() - began < 20.0
    assert player.snapshot().connection.state is ConnectionState.DEGRADED


@pytest.mark.usefixtures("desk")
def test_trouble_passes_unnoticed_where_it_is_short(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    player = make()
    server.faults.server_error(times=2)
    assert player.refresh().result(SOON_S).ok
    server.faults.server_error("/v1/me/player/play", times=1)
    assert calls_of(server, lambda: player.play(mine.uri).result(SOON_S)) == [PLAY, LOOK, PLAY]
    assert server.now_playing().playlist == "Mine"


@pytest.mark.usefixtures("desk")
def test_a_play_that_was_carried_out_without_an_answer_is_not_repeated(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    player = make()
    server.faults.drop("/v1/me/player/play", carried_out=True, times=1)
    outcome: list[Outcome] = []
    calls = calls_of(server, lambda: outcome.append(player.play(mine.uri).result(SOON_S)))
    assert (calls, outcome[0].kind) == ([PLAY, LOOK], OutcomeKind.DONE)
    assert len(server.played) == 1
    now = player.snapshot()
    assert now.playlist is not None
    assert (now.playlist.uri, now.playing, now.connection.state) == (
        mine.uri,
        True,
        ConnectionState.CONNECTED,
    )


@pytest.mark.usefixtures("desk")
def test_next_is_not_repeated_where_no_answer_came(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    player = make()
    player.play(mine.uri).result(SOON_S)
    server.faults.drop("/v1/me/player/next", carried_out=True, times=1)
    assert player.next().result(SOON_S).kind is OutcomeKind.UNREACHABLE
    assert server.now_playing().track == "Mine 2"


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("carried_out", [True, False])
def test_network_cut_in_the_middle_of_a_switch_and_back(
    server: FakeSpotify, make: Make, mine: FakePlaylist, other: FakePlaylist, carried_out: bool
) -> None:
    player = make(tick_s=0.01)
    player.play(mine.uri).result(SOON_S)
    server.faults.delay("/v1/me/player/play", seconds=30.0, carried_out=carried_out, times=1)
    arrived = server.arrived
    switching = player.play(other.uri)
    assert server.wait_until(lambda: server.arrived > arrived)
    server.cut_network()
    assert switching.result(SOON_S).kind is OutcomeKind.UNREACHABLE
    assert player.snapshot().connection.state is ConnectionState.DEGRADED
    for _ in range(20):
        server.clock.advance(5.0)
        assert player.pause().result(SOON_S).kind is OutcomeKind.UNREACHABLE
    server.restore_network()
    plays = server.count("/v1/me/player/play")
    server.clock.advance(10.0)
    # A connection may be known before what plays.
    assert holds_soon(lambda: player.snapshot().taken_s == server.clock.now())
    now = player.snapshot()
    assert now.connection.state is ConnectionState.CONNECTED
    assert now.playlist is not None
    assert (now.playlist.name, now.playing) == ("Other" if carried_out else "Mine", True)
    assert (server.now_playing().playlist, now.taken_s) == (now.playlist.name, server.clock.now())
    assert server.count("/v1/me/player/play") == plays


@pytest.mark.usefixtures("desk")
def test_a_network_that_swallows_everything_is_left_behind_within_ten_seconds(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    player = make(tick_s=0.01, timeout_s=0.1)
    server.cut_network(silent=True)
    assert player.play(mine.uri).result(SOON_S).kind is OutcomeKind.UNREACHABLE
    for _ in range(3):
        server.clock.advance(5.0)
        player.resume().result(SOON_S)
    server.restore_network()
    server.clock.advance(5.0)
    assert holds_soon(lambda: player.snapshot().connection.state is ConnectionState.CONNECTED)
    assert player.play(mine.uri).result(SOON_S).kind is OutcomeKind.DONE


@pytest.mark.usefixtures("mine", "desk")
def test_a_start_without_network_is_made_up_for(server: FakeSpotify, make: Make) -> None:
    server.cut_network()
    player = make(tick_s=0.01, connected=False)
    assert player.pause().result(SOON_S).kind is OutcomeKind.UNREACHABLE
    server.restore_network()
    server.clock.advance(10.0)
    assert holds_soon(lambda: len(player.snapshot().playlists) == 1)
    assert player.snapshot().connection.state is ConnectionState.CONNECTED


# Looking


@pytest.mark.usefixtures("desk")
def test_what_plays_is_seen_every_eight_seconds_while_somebody_looks(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    player = make(tick_s=0.005)
    player.play(mine.uri).result(SOON_S)
    server.clock.advance(2.0)
    assert holds_soon(lambda: player.snapshot().track is not None)
    looks = server.count("/v1/me/player", "GET")
    player.mark_viewed()
    server.phone.pause()
    server.clock.advance(10.0)
    assert holds_soon(lambda: not player.snapshot().playing)
    assert server.count("/v1/me/player", "GET") == looks + 1


@pytest.mark.usefixtures("desk")
def test_the_end_of_a_track_is_looked_at_by_who_watches(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    player = make(tick_s=0.005)
    player.play(mine.uri).result(SOON_S)
    server.clock.advance(2.0)
    assert holds_soon(lambda: player.snapshot().track is not None)
    server.clock.advance(181.0)
    player.mark_viewed()
    assert holds_soon(lambda: (track := player.snapshot().track) is not None and track.title == "Mine 2")


def test_a_late_answer_does_not_bring_back_what_was_before(
    server: FakeSpotify, make: Make, mine: FakePlaylist, other: FakePlaylist, desk: Device
) -> None:
    player = make(tick_s=0.005)
    player.play(mine.uri).result(SOON_S)
    old = {"is_playing": True, "context": {"uri": other.uri}, "device": {"id": desk.id, "name": "Desk"}}
    server.faults.add("/v1/me/player", method="GET", status=200, body=old, times=1)
    looks = server.count("/v1/me/player", "GET")
    server.clock.advance(2.0)
    assert server.wait_until(lambda: server.count("/v1/me/player", "GET") == looks + 1)
    player.choose_device("").result(SOON_S)
    playing = player.snapshot().playlist
    assert playing is not None
    assert playing.name == "Mine"
    server.clock.advance(4.0)
    assert holds_soon(lambda: player.snapshot().track is not None)


# The end


@pytest.mark.usefixtures("desk")
def test_close_does_not_wait_for_a_request_that_hangs(
    server: FakeSpotify, make: Make, mine: FakePlaylist
) -> None:
    player = make()
    server.faults.delay(seconds=30.0)
    futures = [player.play(mine.uri), player.pause(), player.refresh()]
    searching = player.search(("chill",))
    arrived = server.arrived
    assert server.wait_until(lambda: server.arrived > arrived or server.arrived > 4)
    began = time.monotonic()
    player.close()
    assert time.monotonic() - began < PROMPT_S
    assert [future.result(0) for future in (*futures, searching)] == [CLOSED] * 4
    assert player.next().result(0) == CLOSED
    player.close()
    threads = [one for one in threading.enumerate() if one.name == "attune-spotify"]
    assert all(one.daemon for one in threads)
    server.cut_network()  # ends what was left behind
    for one in threads:
        one.join(SOON_S)


@pytest.mark.usefixtures("desk")
def test_no_token_is_ever_logged_or_shown(
    server: FakeSpotify, make: Make, mine: FakePlaylist, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    player = make()
    server.expire_access_tokens()
    outcomes = [player.play(mine.uri).result(SOON_S)]
    for fault in (server.faults.server_error, server.faults.garbage, server.faults.drop):
        fault(times=4)
        outcomes.append(player.refresh().result(SOON_S))
        server.clock.advance(30.0)
    secrets = [*server.access_tokens, *server.grants]
    shown = f"{caplog.text} {outcomes} {player.snapshot()}"
    assert len(secrets) > 2
    assert not any(secret in shown for secret in secrets)
