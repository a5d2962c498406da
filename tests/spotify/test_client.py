"""The client over TCP: paging, nulls, time-outs, tokens, what is repeated and what is counted."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playback.player import ContentKind
from spotify.api_errors import ApiErrorKind, CallError
from spotify.client import SpotifyClient
from spotify.persistent_state import PersistentState, persistent_state_file
from spotify.web_api_parsing import (
    PlaybackState,
    SpotifyDevice,
    canonical_uri,
    devices,
    listed,
    playback,
    playlist,
    total,
)
from tests.fake_spotify import FakeSpotify, fake_spotify
from tests.patience import PROMPT_S
from tests.spotify.signed_in import SignedIn

FIELDS = st.sampled_from([
    "devices", "id", "name", "is_active", "items", "item", "uri", "owner", "total", "is_playing", "context",
    "type", "device", "artists", "show", "audiobook", "duration_ms", "progress_ms", "currently_playing_type",
])  # fmt: skip


@pytest.fixture
def server() -> Iterator[FakeSpotify]:
    with fake_spotify() as running:
        yield running


@pytest.fixture
def credentials(server: FakeSpotify) -> SignedIn:
    return SignedIn(server)


@pytest.fixture
def memory(server: FakeSpotify, tmp_path: Path) -> PersistentState:
    return PersistentState(tmp_path / "spotify.json", clock=server.clock.now)


@pytest.fixture
def client(server: FakeSpotify, credentials: SignedIn, memory: PersistentState) -> Iterator[SpotifyClient]:
    one = client_of(server, credentials, memory)
    yield one
    one.close()


def client_of(
    server: FakeSpotify, credentials: SignedIn, memory: PersistentState, *, timeout_s: float = 5.0
) -> SpotifyClient:
    return SpotifyClient(
        credentials,
        state=memory,
        clock=time.time,
        api_url=server.url,
        timeout_s=timeout_s,
        back_off_s=(0.0, 0.0),
    )


def kind_of(call: Callable[[], object]) -> ApiErrorKind:
    with pytest.raises(CallError) as failed:
        call()
    return failed.value.failure.kind


def test_all_pages_of_playlists_without_nulls(server: FakeSpotify, client: SpotifyClient) -> None:
    for number in range(120):
        server.add_playlist(f"Mine {number}", 1)
    server.add_playlist("Discover Weekly", owner="spotify")
    server.add_playlist("Hers", owner="friend7")
    found, pages = client.playlists(client.user_id())
    assert [one.name for one in found] == [*(f"Mine {number}" for number in range(120)), "Hers"]
    assert pages == 3
    assert [one.owned for one in found[-2:]] == [True, False]
    assert found[0].tracks == 1
    assert [call.query["offset"] for call in server.calls if call.path == "/v1/me/playlists"] == [
        "0",
        "50",
        "100",
    ]


def test_tokens_are_sent_nowhere_that_an_answer_names(server: FakeSpotify, client: SpotifyClient) -> None:
    with fake_spotify() as other:
        lure = {"items": [], "total": 51, "next": f"{other.url}/v1/me/playlists"}
        server.faults.add("/v1/me/playlists", status=200, body=lure)
        client.playlists("x")
        server.faults.add("/v1/me", status=302, headers={"Location": f"{other.url}/v1/me"})
        assert kind_of(client.user_id) is ApiErrorKind.NO_CONNECTION
        assert other.arrived == 0


def test_what_plays(server: FakeSpotify, client: SpotifyClient) -> None:
    assert client.playback() == PlaybackState()
    mine, desk = server.add_playlist("Mine"), server.add_device("Desk", active=True)
    server.clock.stop()
    server.phone.play(mine.uri)
    server.clock.advance(12.0)
    seen = client.playback()
    assert (seen.playing, seen.context_uri) == (True, mine.uri)
    assert seen.device == SpotifyDevice(desk.id, "Desk", active=True, volume=0.5)
    assert seen.track is not None
    assert (seen.track.title, seen.track.artist) == ("Mine 1", "The Inventions")
    assert (seen.track.duration_s, seen.track.position_s) == (180.0, 12.0)
    server.phone.advert()
    assert (ad := client.playback().track) is not None
    assert ad.title == "Advertisement"


def test_where_music_can_come_out(server: FakeSpotify, client: SpotifyClient) -> None:
    server.add_device("Desk", active=True)
    server.add_device("Phone", volume=None)
    server.add_device("Car", restricted=True)
    desk, phone, car = client.devices()
    assert (desk.active, desk.volume, desk.usable) == (True, 0.5, True)
    assert (phone.active, phone.volume) == (False, None)
    assert not car.usable


def test_whether_a_playlist_has_tracks(server: FakeSpotify, client: SpotifyClient) -> None:
    gone = server.add_playlist("Gone", [None, None])
    assert client.has_tracks(server.add_playlist("Full", 60).uri)
    assert not client.has_tracks(server.add_playlist("Empty", 0).uri)
    assert not client.has_tracks(gone.uri)
    assert kind_of(lambda: client.has_tracks(server.add_playlist("Hers", owner="her").uri)) is (
        ApiErrorKind.FORBIDDEN
    )


def test_search_finds_ten_at_most_without_nulls(server: FakeSpotify, client: SpotifyClient) -> None:
    server.add_playlist("Chill hits", owner="spotify")
    for number in range(12):
        server.add_playlist(f"Chill {number}", 1)
    assert len(client.search("chill", "x")) == 9
    assert client.search("nothing like it", "x") == ()


def test_a_playlist_is_made_in_private(server: FakeSpotify, client: SpotifyClient) -> None:
    made = client.create_playlist("Uplifting", server.user_id)
    assert (made.name, made.tracks, made.owned) == ("Uplifting", 0, True)
    assert not server.playlists[0].public
    assert server.count("/v1/me/playlists", "POST") == 1


def test_a_token_that_is_not_accepted_is_renewed_once(
    server: FakeSpotify, client: SpotifyClient, credentials: SignedIn
) -> None:
    server.expire_access_tokens()
    assert client.user_id() == server.user_id
    assert credentials.renewed == 1
    server.faults.unauthorised()
    assert kind_of(client.user_id) is ApiErrorKind.TOKEN_EXPIRED
    assert credentials.renewed == 2


def test_a_sign_in_that_is_over_is_said_and_not_retried(
    server: FakeSpotify, client: SpotifyClient, credentials: SignedIn
) -> None:
    server.revoke()
    assert kind_of(client.user_id) is ApiErrorKind.SIGN_IN_AGAIN
    assert (credentials.renewed, server.count("/api/token")) == (1, 1)


def test_reads_are_repeated_twice_and_commands_that_may_double_never(
    server: FakeSpotify, client: SpotifyClient
) -> None:
    desk, mine = server.add_device("Desk", active=True), server.add_playlist("Mine")
    server.faults.server_error(times=2)
    assert client.devices()
    assert server.count("/v1/") == 3
    server.faults.server_error()
    for call, times in (
        (client.devices, 3),
        (lambda: client.pause(desk.id), 3),
        (lambda: client.set_volume(desk.id, 10), 3),
        (lambda: client.transfer(desk.id, play=False), 3),
        (lambda: client.play(desk.id, mine.uri), 1),
        (lambda: client.next(desk.id), 1),
        (lambda: client.create_playlist("New", "x"), 1),
        (lambda: client.playback(repeat=False), 1),
    ):
        before = server.count("/v1/")
        assert kind_of(call) is ApiErrorKind.SERVER_ERROR
        assert server.count("/v1/") - before == times


def test_what_says_when_to_come_back_is_not_asked_again_at_once(
    server: FakeSpotify, client: SpotifyClient
) -> None:
    server.faults.add(status=503, headers={"Retry-After": "20"})
    assert kind_of(client.devices) is ApiErrorKind.SERVER_ERROR
    assert server.count("/v1/") == 1
    assert not client.health.may_poll(time.time() + 15)
    assert client.health.may_poll(time.time() + 21)


def test_nothing_is_repeated_once_it_is_closed(server: FakeSpotify, client: SpotifyClient) -> None:
    server.faults.server_error()
    client.stop()
    assert kind_of(client.devices) is ApiErrorKind.SERVER_ERROR
    assert server.count("/v1/") == 1


def test_a_rate_limit_is_never_waited_for(server: FakeSpotify, client: SpotifyClient) -> None:
    server.faults.rate_limit(retry_after_s=3600)
    began = time.monotonic()
    with pytest.raises(CallError) as failed:
        client.devices()
    assert time.monotonic() - began < PROMPT_S
    assert server.count("/v1/") == 1
    until_s = failed.value.failure.outcome.until_s
    assert until_s == pytest.approx(time.time() + 3600, abs=5)


def test_an_answer_that_does_not_come_is_given_up(
    server: FakeSpotify, credentials: SignedIn, memory: PersistentState
) -> None:
    client = client_of(server, credentials, memory, timeout_s=0.1)
    server.faults.delay(seconds=30.0)
    began = time.monotonic()
    assert kind_of(client.devices) is ApiErrorKind.NO_ANSWER
    assert time.monotonic() - began < PROMPT_S
    client.close()


def test_what_does_not_get_through_costs_no_call(
    server: FakeSpotify, client: SpotifyClient, memory: PersistentState
) -> None:
    client.devices()
    assert memory.calls() == 1
    server.cut_network()
    with pytest.raises(CallError) as failed:
        client.devices()
    assert failed.value.failure.transient
    server.restore_network()
    client.devices()
    assert memory.calls() in (2, 3)  # the connection that was open may have taken one


@pytest.mark.parametrize(
    "body", ['{"error": "broken"}', "[]", "null", "Too many requests", '{"error": {"message": 7}}', ""]
)
def test_a_refusal_counts_by_its_status_whatever_its_body(
    server: FakeSpotify, client: SpotifyClient, body: str
) -> None:
    server.faults.add(status=429, body=body, headers={"Retry-After": "77"})
    with pytest.raises(CallError) as failed:
        client.devices()
    assert failed.value.failure.kind is ApiErrorKind.RATE_LIMITED
    assert failed.value.failure.outcome.until_s == pytest.approx(time.time() + 77, abs=5)


@pytest.mark.parametrize("body", ['{"items": [nonsense', "[1]", "7", ""])
def test_an_answer_that_cannot_be_read_is_said(server: FakeSpotify, client: SpotifyClient, body: str) -> None:
    server.faults.add(status=200, body=body)
    assert kind_of(client.devices) is ApiErrorKind.UNREADABLE


def test_commands_may_be_answered_with_anything(server: FakeSpotify, client: SpotifyClient) -> None:
    desk = server.add_device("Desk", active=True)
    server.faults.add(method="PUT", status=200, body="RpqtSNBrob")
    client.pause(desk.id)


def test_a_sign_in_page_of_the_network_is_not_taken_for_spotify(
    server: FakeSpotify, client: SpotifyClient
) -> None:
    for status, kind in (
        (200, "text/html; charset=utf-8"),
        (200, "TEXT/HTML"),
        (200, "application/json"),
        (200, "application/xhtml+xml"),
        (403, "text/html"),
        (511, "text/html"),
    ):
        fault = server.faults.add(
            status=status, body="\n<html>Welcome to the hotel</html>", headers={"Content-Type": kind}
        )
        for call in (client.devices, lambda: client.pause("x"), client.playback):
            assert kind_of(call) is ApiErrorKind.NO_CONNECTION
        server.faults.clear(fault)


def test_no_token_is_logged_at_debug_or_held_by_an_error(
    server: FakeSpotify, credentials: SignedIn, memory: PersistentState, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = client_of(server, credentials, memory)
    client.devices()
    server.expire_access_tokens()
    client.devices()
    server.faults.server_error()
    with pytest.raises(CallError) as failed:
        client.devices()
    client.close()
    assert failed.value.__context__ is None
    secrets = [*server.access_tokens, *server.grants]
    assert len(secrets) > 2
    assert not any(secret in caplog.text or secret in repr(failed.value) for secret in secrets)
    for library in ("spotipy", "urllib3"):
        assert logging.getLogger(library).level >= logging.INFO


# What is remembered


def test_calls_of_24_hours_are_counted_and_survive_restarts(tmp_path: Path) -> None:
    now_s = [86_400.0 * 20_000 + 5]
    file = tmp_path / "new" / "spotify.json"
    memory = PersistentState(file, clock=lambda: now_s[0])
    for _ in range(3):
        memory.count_call()
    memory.remember_device("Küche")
    again = PersistentState(file, clock=lambda: now_s[0])
    assert (again.calls(), again.device) == (3, "Küche")
    now_s[0] += 86_400 - 600
    assert again.calls() == 3
    now_s[0] += 1200
    assert again.calls() == 0
    again.count_call()
    assert (again.calls(), again.device) == (1, "Küche")
    assert [one.name for one in file.parent.iterdir()] == ["spotify.json"]


def test_what_is_kept_of_calls_does_not_grow(tmp_path: Path) -> None:
    now_s = [1e9]
    memory = PersistentState(tmp_path / "spotify.json", clock=lambda: now_s[0])
    for _ in range(400):
        memory.count_call()
        now_s[0] += 1800.0
    assert memory.calls() == 48
    assert len(json.loads((tmp_path / "spotify.json").read_text())["calls"]) <= 50


def test_two_programs_add_to_one_count(tmp_path: Path) -> None:
    one, other = (PersistentState(tmp_path / "spotify.json", clock=lambda: 1e9) for _ in range(2))
    one.count_call()
    other.count_call()
    other.remember_device("Desk")
    one.count_call()
    assert (one.calls(), one.device) == (3, "Desk")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version": 2, "day": 1, "calls": 1, "device": ""}',
        '{"version": 1, "day": 1, "calls": -1, "device": ""}',
        '{"version": 1, "day": 1, "calls": 1.5, "device": ""}',
        '{"version": 1, "day": 1, "calls": 1, "device": null}',
        '{"version": 1, "calls": 1, "device": ""}',
        '{"version": 1, "day": "1", "calls": 1, "device": ""}',
        '{"version": 1, "calls": [1], "device": ""}',
        '{"version": 1, "calls": {"x": 1}, "device": ""}',
        '{"version": 1, "calls": {"1666666": "1"}, "device": ""}',
        '{"version": 1, "calls": {"1666666": true}, "device": ""}',
        f'{{"version": 1, "calls": {{"{"9" * 40}": 1}}, "device": ""}}',
        '{"version": 1, "calls": {}, "device": "", "limited_by_quota": 1}',
        '{"version": 1, "day": 1, "calls": 1, "device": "", "limited_until_s": NaN}',
        '{"version": 1, "day": 1, "calls": 1, "device": "", "limited_until_s": [1]}',
        f'{{"version": 1, "day": 1, "calls": 1, "device": "", "limited_until_s": {"9" * 400}}}',
        "\ud800",
    ],
)
def test_a_damaged_memory_is_begun_anew(tmp_path: Path, text: str) -> None:
    file = tmp_path / "spotify.json"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    memory = PersistentState(file, clock=lambda: 1e9)
    assert (memory.calls(), memory.device, memory.limited_until_s()) == (0, "", None)
    memory.count_call()
    assert list(json.loads(file.read_text())["calls"].values()) == [1]


def test_calls_are_counted_where_nothing_can_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    memory = PersistentState(tmp_path / "file" / "spotify.json", clock=lambda: 1e9)
    for _ in range(3):
        memory.count_call()
    assert memory.calls() == 3
    assert len(caplog.messages) == 1


def test_a_limit_is_heeded_by_every_program_until_it_is_over(tmp_path: Path) -> None:
    now_s, file = [1e9], tmp_path / "spotify.json"
    one, other = (PersistentState(file, clock=lambda: now_s[0]) for _ in range(2))
    assert one.limited_until_s() is None
    one.set_limit(1e9 + 600)
    one.count_call()
    other.remember_device("Desk")
    again = PersistentState(file, clock=lambda: now_s[0])
    assert {each.limited_until_s() for each in (one, other, again)} == {1e9 + 600}
    assert (again.calls(), again.device) == (1, "Desk")
    now_s[0] += 600
    assert {each.limited_until_s() for each in (one, other, again)} == {None}


def test_a_clock_that_is_set_back_ends_a_limit(tmp_path: Path) -> None:
    now_s, file = [2e9], tmp_path / "spotify.json"
    memory = PersistentState(file, clock=lambda: now_s[0])
    memory.set_limit(2e9 + 600, quota=True)
    now_s[0] = 1e9
    assert PersistentState(file, clock=lambda: now_s[0]).limited_until_s() is None
    memory.set_limit(1e9 + 60)  # what comes now holds, not what is said of the year 2033
    assert PersistentState(file, clock=lambda: now_s[0]).limited_until_s() == 1e9 + 60


def test_no_limit_that_is_kept_lasts_longer_than_a_day(tmp_path: Path) -> None:
    file = tmp_path / "spotify.json"
    kept = {"version": 1, "day": 1, "calls": 1, "device": "", "limited_from_s": 1e9, "limited_until_s": 9e9}
    file.write_text(json.dumps(kept))
    assert PersistentState(file, clock=lambda: 1e9).limited_until_s() == 1e9 + 86_400


def test_a_memory_from_before_limits_were_kept_is_read(tmp_path: Path) -> None:
    file = tmp_path / "spotify.json"
    file.write_text('{"version": 1, "day": 11574, "calls": 7, "device": "Desk"}')
    memory = PersistentState(file, clock=lambda: 1e9)
    assert (memory.calls(), memory.device, memory.limited_until_s()) == (7, "Desk", None)
    later = PersistentState(file, clock=lambda: 1e9 + 2 * 86_400)
    assert later.calls() == 0


@pytest.mark.parametrize("holds", ["nothing", "what another wrote"])
def test_a_limit_holds_where_it_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holds: str
) -> None:
    file = tmp_path / "spotify.json"
    if holds != "nothing":
        PersistentState(file, clock=lambda: 1e9).count_call()
    monkeypatch.setattr(PersistentState, "_write", lambda _: None)
    memory = PersistentState(file, clock=lambda: 1e9)
    memory.set_limit(1e9 + 60)
    assert memory.limited_until_s() == 1e9 + 60


def test_the_memory_lies_in_the_data_folder() -> None:
    assert persistent_state_file().name == "spotify.json"


# Anything may be null


def test_nulls_anywhere_are_survived() -> None:
    assert playlist(None, "me") is None
    assert playlist({"uri": "spotify:album:1", "name": "x"}, "me") is None
    bare = playlist({"uri": "spotify:playlist:1", "name": None, "owner": None, "items": None}, "me")
    assert bare is not None
    assert (bare.name, bare.tracks, bare.owned) == ("Untitled", None, False)
    assert listed({"items": [None, {}, 3]}) == [{}]
    assert listed({"items": None}) == listed(None) == []
    assert total({"total": "7"}) is None
    assert devices({"devices": [None, {"name": None}, {"name": "Desk", "id": None}]}) == (
        SpotifyDevice("", "Desk"),
    )
    assert devices({"devices": [{"id": "1", "name": ""}]}) == (SpotifyDevice("1", "Unnamed device"),)
    assert devices({"devices": None}) == devices(None) == ()
    assert playback({"device": None, "item": None, "context": None, "is_playing": None}) == PlaybackState()
    seen = playback({"item": {"name": "Talk", "artists": None, "show": {"name": "Show"}}, "progress_ms": -3})
    assert seen.track is not None
    assert (seen.track.artist, seen.track.position_s, seen.track.duration_s) == ("Show", 0.0, None)


@pytest.mark.parametrize(
    ("said", "kind", "title"),
    [
        ({"currently_playing_type": "episode", "item": None}, ContentKind.PODCAST, "A podcast"),
        (
            {"currently_playing_type": "unknown", "context": {"type": "show"}},
            ContentKind.PODCAST,
            "A podcast",
        ),
        ({"item": {"name": "E", "type": "episode"}}, ContentKind.PODCAST, "E"),
        (
            {"currently_playing_type": "episode", "item": {"name": "C", "audiobook": {}}},
            ContentKind.AUDIOBOOK,
            "C",
        ),
        (
            {"currently_playing_type": "chapter", "item": {"type": "chapter"}},
            ContentKind.AUDIOBOOK,
            "An audiobook",
        ),
        ({"currently_playing_type": "ad", "item": {"name": "x"}}, ContentKind.ADVERT, "Advertisement"),
        ({"currently_playing_type": "unknown"}, ContentKind.UNKNOWN, "Something that Spotify does not name"),
        ({"item": {"name": None, "is_local": True}}, ContentKind.MUSIC, "Untitled"),
    ],
)
def test_what_plays_has_a_kind_and_a_title(said: dict[str, object], kind: ContentKind, title: str) -> None:
    track = playback({"is_playing": True} | said).track
    assert track is not None
    assert (track.kind, track.title) == (kind, title)


@pytest.mark.parametrize(
    "said",
    [
        {"is_playing": True, "currently_playing_type": "track", "item": None},
        {"is_playing": False, "currently_playing_type": "unknown", "item": None},
        {
            "is_playing": True,
            "currently_playing_type": "unknown",
            "context": {"type": "playlist", "uri": "spotify:playlist:1"},
        },
    ],
)
def test_what_has_no_name_yet_is_no_choice_of_a_person(said: dict[str, object]) -> None:
    assert playback(said).track is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=6),
        max_leaves=20,
    )
)
@settings(derandomize=True, max_examples=200)
def test_any_json_is_survived(raw: object) -> None:
    playback(raw)
    devices(raw)
    playlist(raw, "me")
    assert total(raw) is None or isinstance(total(raw), int)
    assert all(isinstance(one, dict) for one in listed(raw))


def test_names_that_are_no_unicode_are_remembered(tmp_path: Path) -> None:
    memory = PersistentState(tmp_path / "spotify.json", clock=lambda: 1e9)
    memory.remember_device("Echo\ud800\x1b[2J")
    assert PersistentState(tmp_path / "spotify.json", clock=lambda: 1e9).device == "Echo\ud800\x1b[2J"


def test_playlists_have_one_address() -> None:
    assert canonical_uri("spotify:user:me:playlist:1a") == canonical_uri("spotify:playlist:1a")
    assert canonical_uri("spotify:album:1a") == canonical_uri("local:style:chill") == ""
