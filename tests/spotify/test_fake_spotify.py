"""The fake Spotify itself, over real HTTP: with requests, and with spotipy as it is but for addresses."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import spotipy
from spotipy.cache_handler import MemoryCacheHandler
from spotipy.oauth2 import SpotifyOauthError, SpotifyPKCE

from tests.fake_spotify import ALL_SCOPES, CLIENT_ID, FakeSpotify, fake_spotify
from tests.paths import ROOT
from tests.patience import PROMPT_S

CALLBACK = "http://127.0.0.1:43117/callback"


@pytest.fixture
def server() -> Iterator[FakeSpotify]:
    with fake_spotify() as server:
        yield server


@pytest.fixture
def client(server: FakeSpotify) -> spotipy.Spotify:
    return client_of(server)


@pytest.fixture
def pkce(server: FakeSpotify, monkeypatch: pytest.MonkeyPatch) -> SpotifyPKCE:
    monkeypatch.setattr(SpotifyPKCE, "OAUTH_AUTHORIZE_URL", f"{server.url}/authorize")
    monkeypatch.setattr(SpotifyPKCE, "OAUTH_TOKEN_URL", f"{server.url}/api/token")
    return SpotifyPKCE(CLIENT_ID, CALLBACK, scope=ALL_SCOPES, cache_handler=MemoryCacheHandler())


def client_of(server: FakeSpotify, **sign_in: Any) -> spotipy.Spotify:
    return client_with(server, str(server.sign_in(**sign_in)["access_token"]))


def client_with(server: FakeSpotify, token: str) -> spotipy.Spotify:
    # A session of one's own: spotipy's makes every 5xx and 429 one "429, Max Retries" without its headers.
    client = spotipy.Spotify(token, requests_session=requests.Session(), requests_timeout=20)
    client.prefix = f"{server.url}/v1/"
    return client


def play_by_hand(server: FakeSpotify) -> None:
    server.add_device("Desk")
    server.phone.play(server.add_playlist("Mine").uri)


def refusal(call: Callable[[], object]) -> tuple[int, str, str | None]:
    """Status, message and reason with which the call was refused."""
    with pytest.raises(spotipy.SpotifyException) as refused:
        call()
    return refused.value.http_status, refused.value.msg.partition("\n ")[2], refused.value.reason


def consent(address: str, answer: str = "agree") -> dict[str, str]:
    """Press a button on the consent page: what the browser is sent back with."""
    page = requests.get(address, timeout=20)
    assert page.ok, page.text
    form = re.search(r'action="([^"]+)"', page.text)
    assert form is not None
    base = "{0.scheme}://{0.netloc}".format(urlsplit(address))
    back = requests.post(base + form[1], {"answer": answer}, allow_redirects=False, timeout=20)
    assert back.status_code == 303
    assert back.headers["Location"].startswith(f"{CALLBACK}?")
    return dict(parse_qsl(urlsplit(back.headers["Location"]).query))


def token_error(server: FakeSpotify, **form: str) -> tuple[int, str, str]:
    answer = requests.post(f"{server.url}/api/token", {"client_id": CLIENT_ID} | form, timeout=20)
    return answer.status_code, answer.json()["error"], answer.json()["error_description"]


def test_starts_and_stops_at_once_and_leaves_no_thread() -> None:
    began, threads = time.monotonic(), threading.active_count()
    with fake_spotify() as server:
        requests.get(f"{server.url}/v1/me", timeout=20)
    assert time.monotonic() - began < PROMPT_S
    assert threading.active_count() == threads


def test_stops_at_once_though_an_answer_is_due_in_half_a_minute() -> None:
    with fake_spotify() as server:
        server.faults.delay(seconds=30.0)
        asking = threading.Thread(target=refused_connection, args=(f"{server.url}/v1/me",))
        asking.start()
        assert server.wait_until(lambda: server.arrived == 1)
        began = time.monotonic()
    assert time.monotonic() - began < PROMPT_S
    asking.join(5.0)
    assert not asking.is_alive()


def test_what_fails_inside_is_raised_at_the_end() -> None:
    def serve() -> None:
        with fake_spotify() as server:
            server.playlists.append(None)  # type: ignore[arg-type]
            client = client_of(server)
            assert refusal(client.current_user_playlists)[0] == 500

    with pytest.raises(AttributeError):
        serve()


def test_two_servers_know_nothing_of_each_other(server: FakeSpotify) -> None:
    with fake_spotify() as other:
        other.add_playlist("Elsewhere")
        assert client_of(server).current_user_playlists()["total"] == 0
        token = str(server.sign_in()["access_token"])
        assert refusal(lambda: client_with(other, token).me())[0] == 401


def test_agreeing_gives_tokens_to_whoever_holds_the_verifier(server: FakeSpotify, pkce: SpotifyPKCE) -> None:
    back = consent(pkce.get_authorize_url(state="s-1"))
    assert back["state"] == "s-1"
    pkce.get_access_token(back["code"])
    client = spotipy.Spotify(auth_manager=pkce)
    client.prefix = f"{server.url}/v1/"
    assert client.me()["display_name"] == server.user_name


def test_page_has_both_buttons_and_names_the_scopes(pkce: SpotifyPKCE) -> None:
    page = requests.get(pkce.get_authorize_url(), timeout=20).text
    assert all(f'id="{name}"' in page for name in ("agree", "cancel"))
    assert "user-modify-playback-state" in page


def test_cancelling_says_so_with_the_state(pkce: SpotifyPKCE) -> None:
    back = consent(pkce.get_authorize_url(state="s-2"), "cancel")
    assert back == {"error": "access_denied", "state": "s-2"}


def test_auto_consent_redirects_at_once(server: FakeSpotify, pkce: SpotifyPKCE) -> None:
    server.auto_consent = True
    answer = requests.get(pkce.get_authorize_url(state="s-3"), allow_redirects=False, timeout=20)
    back = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    assert back["state"] == "s-3"
    pkce.get_access_token(back["code"])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"client_id": "f" * 32}, "INVALID_CLIENT: Invalid client"),
        ({"redirect_uri": "http://127.0.0.1:43117/other"}, "INVALID_CLIENT: Invalid redirect URI"),
        ({"redirect_uri": "http://localhost:43117/callback"}, "INVALID_CLIENT: Invalid redirect URI"),
        ({"redirect_uri": "http://[broken"}, "INVALID_CLIENT: Invalid redirect URI"),
        ({"redirect_uri": ""}, "INVALID_CLIENT: Invalid redirect URI"),
        ({"response_type": "token"}, "response_type must be code"),
        ({"code_challenge_method": "plain"}, "code_challenge_method must be S256"),
        ({"scope": "user-read-minds"}, "INVALID_SCOPE: Invalid scope"),
    ],
)
def test_wrong_questions_get_the_error_page(server: FakeSpotify, changed: dict[str, str], said: str) -> None:
    query = {
        "client_id": CLIENT_ID,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "code_challenge_method": "S256",
        "code_challenge": "x",
    }
    page = requests.get(f"{server.url}/authorize", query | changed, timeout=20)
    assert (page.status_code, said in page.text) == (400, True)


def test_address_registered_with_a_port_goes_with_that_port_alone(server: FakeSpotify) -> None:
    server.add_app("a" * 32, "http://127.0.0.1:8898/callback")
    query = {"client_id": "a" * 32, "response_type": "code", "redirect_uri": CALLBACK}
    assert requests.get(f"{server.url}/authorize", query, timeout=20).status_code == 400
    query["redirect_uri"] = "http://127.0.0.1:8898/callback"
    assert requests.get(f"{server.url}/authorize", query, timeout=20).status_code == 200


def test_wrong_verifier_is_refused(pkce: SpotifyPKCE) -> None:
    code = consent(pkce.get_authorize_url())["code"]
    pkce.code_verifier = "v" * 64
    with pytest.raises(SpotifyOauthError, match="code_verifier was incorrect"):
        pkce.get_access_token(code)


def test_code_works_once(pkce: SpotifyPKCE) -> None:
    code = consent(pkce.get_authorize_url())["code"]
    pkce.get_access_token(code)
    with pytest.raises(SpotifyOauthError, match="Invalid authorization code"):
        pkce.get_access_token(code, check_cache=False)


def test_code_lasts_ten_minutes(server: FakeSpotify, pkce: SpotifyPKCE) -> None:
    code = consent(pkce.get_authorize_url())["code"]
    server.clock.advance(601)
    with pytest.raises(SpotifyOauthError, match="Authorization code expired"):
        pkce.get_access_token(code)


def test_code_goes_with_its_redirect_address(pkce: SpotifyPKCE) -> None:
    code = consent(pkce.get_authorize_url())["code"]
    pkce.redirect_uri = "http://127.0.0.1:1/callback"
    with pytest.raises(SpotifyOauthError, match="Invalid redirect URI"):
        pkce.get_access_token(code)


def test_refreshing_keeps_the_refresh_token(server: FakeSpotify, pkce: SpotifyPKCE) -> None:
    token = server.sign_in()
    fresh = pkce.refresh_access_token(token["refresh_token"])
    assert fresh["access_token"] != token["access_token"]
    assert fresh["refresh_token"] == token["refresh_token"]
    form = {
        "client_id": CLIENT_ID,
        "grant_type": "refresh_token",
        "refresh_token": token["refresh_token"],
    }
    assert "refresh_token" not in requests.post(f"{server.url}/api/token", form, timeout=20).json()


def test_access_token_ends_after_an_hour(server: FakeSpotify, client: spotipy.Spotify) -> None:
    server.clock.advance(3590)
    client.me()
    server.clock.advance(20)
    assert refusal(client.me) == (401, "The access token expired", None)


def test_refresh_token_ends_six_months_after_sign_in_however_often_it_was_used(
    server: FakeSpotify, pkce: SpotifyPKCE
) -> None:
    refresh_token = str(server.sign_in()["refresh_token"])
    for _ in range(6):
        server.clock.advance(29 * 86_400)
        pkce.refresh_access_token(refresh_token)
    server.clock.advance(7 * 86_400)
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    assert token_error(server, **form) == (400, "invalid_grant", "Refresh token expired")


def test_revoking_ends_all(server: FakeSpotify, client: spotipy.Spotify) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": str(server.sign_in()["refresh_token"])}
    server.revoke()
    assert token_error(server, **form) == (400, "invalid_grant", "Refresh token revoked")
    assert refusal(client.me) == (401, "Invalid access token", None)


@pytest.mark.parametrize(
    ("form", "error", "description"),
    [
        ({"client_id": "f" * 32}, "invalid_client", "Invalid client"),
        ({}, "unsupported_grant_type", "grant_type parameter is missing"),
        ({"grant_type": "magic"}, "unsupported_grant_type", "grant_type magic is not supported"),
        ({"grant_type": "refresh_token"}, "invalid_grant", "Invalid refresh token"),
        ({"grant_type": "authorization_code"}, "invalid_grant", "Invalid authorization code"),
    ],
)
def test_wrong_forms_get_oauth_errors(
    server: FakeSpotify, form: dict[str, str], error: str, description: str
) -> None:
    assert token_error(server, **form) == (400, error, description)


def test_tokens_are_looked_at(server: FakeSpotify) -> None:
    def said(**headers: str) -> tuple[int, str]:
        answer = requests.get(f"{server.url}/v1/me", headers=headers, timeout=20)
        return answer.status_code, answer.json()["error"]["message"]

    assert said() == (401, "No token provided")
    assert said(Authorization="Basic abc") == (400, "Only valid bearer authentication supported")
    assert said(Authorization="Bearer nonsense") == (401, "Invalid access token")


def test_scopes_are_looked_at(server: FakeSpotify) -> None:
    client = client_of(server, scopes=["user-read-playback-state"])
    server.add_device("Desk", active=True)
    assert client.devices()["devices"]
    assert refusal(client.pause_playback) == (403, "Insufficient client scope", None)
    assert refusal(client.current_user_playlists) == (403, "Insufficient client scope", None)
    create = lambda public: client.current_user_playlist_create("New", public=public)  # noqa: E731
    assert refusal(lambda: create(public=False)) == (403, "Insufficient client scope", None)


def test_who_may_only_make_private_playlists_makes_no_public_one(server: FakeSpotify) -> None:
    client = client_of(server, scopes=["playlist-modify-private"])
    assert refusal(lambda: client.current_user_playlist_create("New"))[0] == 403
    made = client.current_user_playlist_create("New", public=False)
    assert not made["public"]


def test_lapsed_app_and_stranger_get_plain_text(server: FakeSpotify, client: spotipy.Spotify) -> None:
    server.user_registered = False
    assert "may not be registered" in refusal(client.me)[1]
    server.owner_premium = False
    assert refusal(client.me)[1].startswith("Active premium subscription required for the owner")
    server.user_registered = server.owner_premium = True
    assert client.me()


def test_the_quota_is_that_of_any_24_hours(server: FakeSpotify, client: spotipy.Spotify) -> None:
    server.quota_per_day = 3
    server.use_quota()  # by another app of the account
    server.clock.advance(1800.0)
    for _ in range(2):
        client.me()
    with pytest.raises(spotipy.SpotifyException) as refused:
        client.me()
    assert (refused.value.http_status, refused.value.reason) == (429, "QUOTA_EXCEEDED")
    wait_s = int(refused.value.headers["Retry-After"])
    assert wait_s == pytest.approx(84_600, abs=5)
    server.clock.advance(wait_s)
    assert refusal(client.me)[1] != "Too many requests"  # another day, though the token is old
    assert client_of(server).me()
    assert refusal(client_of(server).me)[0] == 429  # the others are of the last 24 hours still


def test_me_no_longer_tells_product_email_and_country(client: spotipy.Spotify) -> None:
    assert not {"product", "email", "country", "followers"} & set(client.me())


def test_pages_reach_all_and_hold_null_for_spotifys_own(server: FakeSpotify, client: spotipy.Spotify) -> None:
    for k in range(5):
        server.add_playlist(f"Mine {k}")
    server.add_playlist("Discover Weekly", owner="spotify")
    server.add_playlist("A friend's", owner="friend7")
    page, names = client.current_user_playlists(limit=3), []
    assert (page["total"], page["previous"]) == (7, None)
    while page:
        names += [one and one["name"] for one in page["items"]]
        page = client.next(page)
    assert names == [*(f"Mine {k}" for k in range(5)), None, "A friend's"]


def test_pages_know_their_bounds(server: FakeSpotify, client: spotipy.Spotify) -> None:
    mine = server.add_playlist("Mine")
    assert refusal(lambda: client.current_user_playlists(limit=51)) == (400, "Invalid limit", None)
    assert refusal(lambda: client.current_user_playlists(offset=-1)) == (400, "Invalid offset", None)
    assert refusal(lambda: client.playlist_items(mine.id, limit=51)) == (400, "Invalid limit", None)


def test_collaborative_ones_need_their_scope(server: FakeSpotify) -> None:
    server.add_playlist("Ours", collaborative=True)
    assert client_of(server).current_user_playlists()["total"] == 1
    assert client_of(server, scopes=["playlist-read-private"]).current_user_playlists()["total"] == 0


def test_items_hold_item_and_null_where_a_track_has_gone(
    server: FakeSpotify, client: spotipy.Spotify
) -> None:
    mine = server.add_playlist("Mine", 2)
    mine.tracks.insert(1, None)
    entries = client.playlist_items(mine.uri)["items"]
    assert [entry["item"] and entry["item"]["name"] for entry in entries] == ["Mine 1", None, "Mine 2"]
    assert not any("track" in entry for entry in entries)
    whole = client.playlist(mine.id)
    assert (whole["items"]["total"], "tracks" in whole) == (3, False)


def test_what_others_own_shows_no_contents(server: FakeSpotify, client: spotipy.Spotify) -> None:
    theirs = server.add_playlist("Theirs", owner="friend7")
    ours = server.add_playlist("Ours", owner="friend7", collaborative=True)
    assert "items" not in client.playlist(theirs.id)
    assert refusal(lambda: client.playlist_items(theirs.id)) == (403, "Forbidden", None)
    assert client.playlist_items(ours.id)["total"] == 5


def test_deleted_and_hidden_ones_are_not_found(server: FakeSpotify, client: spotipy.Spotify) -> None:
    mine, hidden = server.add_playlist("Mine"), server.add_playlist("Hits", owner="spotify")
    server.delete_playlist(mine)
    for one in (mine, hidden):
        assert refusal(lambda one=one: client.playlist(one.id)) == (404, "Resource not found", None)
    assert client.current_user_playlists()["items"] == [None]


def test_new_playlist_is_filled_and_played(server: FakeSpotify, client: spotipy.Spotify) -> None:
    known = server.add_playlist("Known", 3)
    made = client.current_user_playlist_create("Uplifting", public=False)
    client.playlist_add_items(made["id"], [track.uri for track in known.tracks if track])
    client.playlist_replace_items(made["id"], [known.tracks[1].uri])  # type: ignore[union-attr]
    assert client.playlist_items(made["id"])["total"] == 1
    device = server.add_device("Desk")
    client.start_playback(device.id, context_uri=made["uri"])
    assert (server.now_playing().playlist, server.now_playing().track) == ("Uplifting", "Known 2")


def test_what_others_own_is_not_changed(server: FakeSpotify, client: spotipy.Spotify) -> None:
    theirs = server.add_playlist("Theirs", owner="friend7")
    uri = theirs.tracks[0].uri  # type: ignore[union-attr]
    assert refusal(lambda: client.playlist_add_items(theirs.id, [uri]))[0] == 403


def test_search_gives_at_most_ten(server: FakeSpotify, client: spotipy.Spotify) -> None:
    for k in range(12):
        server.add_playlist(f"Chill {k}", 1)
    server.add_playlist("Chill Hits", owner="spotify")
    assert refusal(lambda: client.search("chill", limit=11)) == (400, "Invalid limit", None)
    first = client.search("chill", limit=10, type="playlist")["playlists"]
    assert (len(first["items"]), first["total"]) == (10, 13)
    rest = client.next(first)["playlists"]["items"]
    assert [one and one["name"] for one in rest] == ["Chill 10", "Chill 11", None]
    assert client.search("chill 3", limit=5, type="track,artist")["tracks"]["total"] == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("playlists/{}/tracks", 403),
        ("audio-features/11dFghVXANMlKmJXsNCbNl", 403),
        ("audio-features/?ids=11dFghVXANMlKmJXsNCbNl", 403),
        ("tracks/?ids=11dFghVXANMlKmJXsNCbNl", 403),
        ("users/friend7/playlists", 403),
        ("browse/new-releases", 403),
        ("recommendations", 404),
        ("browse/featured-playlists", 404),
        ("nothing/like/it", 404),
    ],
)
def test_what_was_removed_is_refused(
    server: FakeSpotify, client: spotipy.Spotify, path: str, status: int
) -> None:
    mine = server.add_playlist("Mine")
    assert refusal(lambda: client._get(path.format(mine.id)))[0] == status


def test_nothing_is_open(server: FakeSpotify, client: spotipy.Spotify) -> None:
    mine = server.add_playlist("Mine")
    assert client.current_playback() is None
    assert client.devices() == {"devices": []}
    assert refusal(lambda: client.start_playback(context_uri=mine.uri)) == (
        404,
        "Player command failed: No active device found",
        "NO_ACTIVE_DEVICE",
    )


def test_sleeping_device_is_listed_and_wakes_when_named(server: FakeSpotify, client: spotipy.Spotify) -> None:
    mine, desk = server.add_playlist("Mine"), server.add_device("Desk", asleep=True)
    listed = client.devices()["devices"][0]
    assert (listed["name"], listed["is_active"]) == ("Desk", False)
    assert refusal(lambda: client.start_playback(context_uri=mine.uri))[2] == "NO_ACTIVE_DEVICE"
    client.start_playback(desk.id, context_uri=mine.uri)
    now = client.current_playback()
    assert (now["device"]["name"], now["context"]["uri"], now["is_playing"]) == ("Desk", mine.uri, True)
    assert [(one.uri, one.by) for one in server.played] == [(mine.uri, "app")]


def test_device_that_will_not_wake_is_not_found(server: FakeSpotify, client: spotipy.Spotify) -> None:
    mine, desk = server.add_playlist("Mine"), server.add_device("Desk", asleep=True, wakes=False)
    for device_id in (desk.id, "f" * 40):
        call = lambda name=device_id: client.start_playback(name, context_uri=mine.uri)  # noqa: E731
        assert refusal(call) == (404, "Device not found", None)


def test_device_that_goes_takes_the_music_with_it(server: FakeSpotify, client: spotipy.Spotify) -> None:
    mine, desk = server.add_playlist("Mine"), server.add_device("Desk", active=True)
    client.start_playback(context_uri=mine.uri)
    old_id = desk.id
    server.take_away(desk)
    assert client.current_playback() is None
    assert client.devices() == {"devices": []}
    assert refusal(lambda: client.start_playback(old_id))[0] == 404
    server.bring_back(desk, new_id=True)
    assert client.devices()["devices"][0]["id"] != old_id
    client.start_playback(desk.id)
    assert server.now_playing().playlist == "Mine"


def test_restricted_device_takes_no_commands(server: FakeSpotify, client: spotipy.Spotify) -> None:
    mine, tv = server.add_playlist("Mine"), server.add_device("Television", restricted=True)
    assert client.devices()["devices"][0]["is_restricted"]
    assert refusal(lambda: client.start_playback(tv.id, context_uri=mine.uri))[0] == 403


def test_transfer_takes_the_music_along(server: FakeSpotify, client: spotipy.Spotify) -> None:
    mine = server.add_playlist("Mine")
    server.add_device("Desk", active=True)
    kitchen = server.add_device("Kitchen", asleep=True)
    client.start_playback(context_uri=mine.uri)
    client.transfer_playback(kitchen.id, force_play=False)
    assert (server.now_playing().device, server.now_playing().playing) == ("Kitchen", True)


def test_time_passes_by_the_servers_clock(server: FakeSpotify, client: spotipy.Spotify) -> None:
    server.clock.stop()
    mine = server.add_playlist("Mine", 3)
    server.add_device("Desk", active=True)
    client.start_playback(context_uri=mine.uri)
    server.clock.advance(200)
    now = client.current_playback()
    assert (now["item"]["name"], now["progress_ms"]) == ("Mine 2", 20_000)
    server.clock.advance(400)
    assert (server.now_playing().playing, server.now_playing().track) == (False, "Mine 1")


def test_repeat_goes_round(server: FakeSpotify, client: spotipy.Spotify) -> None:
    server.clock.stop()
    mine = server.add_playlist("Mine", 3)
    server.add_device("Desk", active=True)
    client.start_playback(context_uri=mine.uri)
    client.repeat("context")
    server.clock.advance(3 * 180 + 10)
    assert (server.now_playing().track, server.now_playing().position_s) == ("Mine 1", 10.0)
    client.repeat("track")
    server.clock.advance(360)
    assert (server.now_playing().track, server.now_playing().position_s) == ("Mine 1", 10.0)


def test_pausing_twice_and_resuming_twice_violate_a_restriction(
    server: FakeSpotify, client: spotipy.Spotify
) -> None:
    restriction = (403, "Player command failed: Restriction violated", "UNKNOWN")
    mine = server.add_playlist("Mine")
    server.add_device("Desk", active=True)
    assert refusal(client.start_playback) == restriction  # nothing to go on with
    client.start_playback(context_uri=mine.uri)
    assert refusal(client.start_playback) == restriction
    client.pause_playback()
    assert refusal(client.pause_playback) == restriction
    client.start_playback()
    assert server.now_playing().playing


def test_next_previous_seek_and_offset(server: FakeSpotify, client: spotipy.Spotify) -> None:
    mine = server.add_playlist("Mine", 3)
    server.add_device("Desk", active=True)
    client.start_playback(context_uri=mine.uri, offset={"position": 1}, position_ms=5_000)
    assert (server.now_playing().track, round(server.now_playing().position_s)) == ("Mine 2", 5)
    client.next_track()
    assert server.now_playing().track == "Mine 3"
    client.next_track()
    assert server.now_playing().track == "Mine 1"
    client.previous_track()
    assert server.now_playing().track == "Mine 1"
    client.seek_track(170_000)
    assert 170 <= server.now_playing().position_s < 180
    last = mine.tracks[2]
    assert last is not None
    client.start_playback(context_uri=mine.uri, offset={"uri": last.uri})
    assert server.now_playing().track == "Mine 3"


def test_tracks_play_without_a_playlist(server: FakeSpotify, client: spotipy.Spotify) -> None:
    mine = server.add_playlist("Mine", 2)
    server.add_device("Desk", active=True)
    client.start_playback(uris=[track.uri for track in mine.tracks if track])
    assert (server.now_playing().track, server.now_playing().context_uri) == ("Mine 1", "")
    assert client.current_playback()["context"] is None


def test_shuffle_plays_the_same_tracks_in_another_order(server: FakeSpotify, client: spotipy.Spotify) -> None:
    mine = server.add_playlist("Mine", 20)
    server.add_device("Desk", active=True)
    client.shuffle(state=True)
    client.start_playback(context_uri=mine.uri)
    assert client.current_playback()["shuffle_state"] is True
    assert server.playback.queue != mine.tracks
    assert set(server.playback.queue) == set(mine.tracks)


def test_volume_is_set_where_it_can_be(server: FakeSpotify, client: spotipy.Spotify) -> None:
    server.add_device("Desk", active=True)
    phone = server.add_device("Phone", volume=None)
    client.volume(30)
    assert server.now_playing().volume == 30
    message = "Player command failed: Cannot control device volume"
    assert refusal(lambda: client.volume(30, phone.id)) == (403, message, "VOLUME_CONTROL_DISALLOW")
    assert [one["supports_volume"] for one in client.devices()["devices"]] == [True, False]


def test_deleted_playlist_is_not_found_and_empty_one_plays_nothing(
    server: FakeSpotify, client: spotipy.Spotify
) -> None:
    gone, empty = server.add_playlist("Gone"), server.add_playlist("Empty", 0)
    server.add_device("Desk", active=True)
    server.delete_playlist(gone)
    assert refusal(lambda: client.start_playback(context_uri=gone.uri)) == (404, "Not found.", None)
    client.start_playback(context_uri=empty.uri)
    now = client.current_playback()
    assert (now["is_playing"], now["item"]) == (False, None)


def test_account_without_premium_may_look_but_not_touch(server: FakeSpotify, client: spotipy.Spotify) -> None:
    server.add_device("Desk", active=True)
    server.premium = False
    assert client.current_playback()["device"]["name"] == "Desk"
    refused = (403, "Player command failed: Premium required", "PREMIUM_REQUIRED")
    assert refusal(client.next_track) == refused


def test_the_users_own_hand(server: FakeSpotify, client: spotipy.Spotify) -> None:
    mine = server.add_playlist("Mine", 3)
    server.add_device("Phone")
    server.phone.play(mine.uri)
    server.phone.next()
    server.phone.set_volume(80)
    now = client.current_playback()
    assert (now["item"]["name"], now["device"]["volume_percent"]) == ("Mine 2", 80)
    assert [one.by for one in server.played] == ["phone"]
    server.phone.pause()
    assert client.current_playback()["is_playing"] is False
    server.phone.play()
    assert client.current_playback()["is_playing"] is True


def test_advert_can_be_neither_paused_nor_skipped(server: FakeSpotify, client: spotipy.Spotify) -> None:
    play_by_hand(server)
    server.phone.advert(30)
    assert client.current_playback()["currently_playing_type"] == "ad"
    assert refusal(client.pause_playback)[0] == 403
    assert refusal(client.next_track)[0] == 403
    server.clock.advance(31)
    client.pause_playback()


@pytest.mark.parametrize("body", ["[]", "nonsense", '{"context_uri": 3}', '{"uris": "x"}'])
def test_bad_bodies_are_bad_requests(server: FakeSpotify, body: str) -> None:
    server.add_device("Desk", active=True)
    headers = {"Authorization": f"Bearer {server.sign_in()['access_token']}"}
    for path in ("/v1/me/player/play", "/v1/me/player"):
        answer = requests.put(server.url + path, body, headers=headers, timeout=20)
        assert answer.status_code == 400, answer.text


def test_count_down_and_end(server: FakeSpotify, client: spotipy.Spotify) -> None:
    server.faults.server_error("/v1/me", status=502, times=2)
    assert [refusal(client.me)[0] for _ in range(2)] == [502, 502]
    assert client.me()


def test_last_until_cleared_and_meet_their_path_and_method_alone(
    server: FakeSpotify, client: spotipy.Spotify
) -> None:
    fault = server.faults.add("/v1/me/player*", method="PUT", status=418, body="I am a teapot")
    server.add_device("Desk", active=True)
    assert client.current_playback()
    assert refusal(client.pause_playback) == (418, "I am a teapot", None)
    server.faults.clear(fault)
    assert refusal(client.pause_playback)[0] == 403


def test_rate_limit_tells_how_long(server: FakeSpotify, client: spotipy.Spotify) -> None:
    server.faults.rate_limit(retry_after_s=3600)
    with pytest.raises(spotipy.SpotifyException) as refused:
        client.me()
    assert (refused.value.http_status, refused.value.headers["Retry-After"]) == (429, "3600")


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("unauthorised", 401, "The access token expired"),
        ("premium_required", 403, "Player command failed: Premium required"),
        ("owner_without_premium", 403, "Active premium subscription required"),
        ("user_not_registered", 403, "the user may not be registered"),
    ],
)
def test_refusals_by_name(
    server: FakeSpotify, client: spotipy.Spotify, name: str, status: int, said: str
) -> None:
    getattr(server.faults, name)("/v1/me")
    got, message, _ = refusal(client.me)
    assert (got, said in message) == (status, True)


def test_garbage_is_no_json(server: FakeSpotify) -> None:
    server.faults.garbage("/v1/me")
    answer = requests.get(f"{server.url}/v1/me", timeout=20)
    assert answer.headers["Content-Type"] == "application/json"
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_late_answer_outlasts_a_time_out_and_has_no_effect(server: FakeSpotify) -> None:
    play_by_hand(server)
    client = client_of(server)
    client.requests_timeout = 0.05
    server.faults.delay(seconds=30.0, times=1)
    with pytest.raises(requests.ReadTimeout):
        client.pause_playback()
    assert server.wait_until(lambda: [call.status for call in server.calls] == [None])
    assert server.now_playing().playing


def test_late_answer_to_what_was_done_at_once(server: FakeSpotify) -> None:
    play_by_hand(server)
    client = client_of(server)
    client.requests_timeout = 0.05
    server.faults.delay(seconds=30.0, carried_out=True, times=1)
    with pytest.raises(requests.ReadTimeout):
        client.pause_playback()
    assert server.wait_until(lambda: not server.now_playing().playing)


def test_delay_ends_in_the_true_answer(server: FakeSpotify, client: spotipy.Spotify) -> None:
    for carried_out in (False, True):
        server.faults.delay(seconds=0.02, carried_out=carried_out, times=1)
        assert client.me()["id"] == server.user_id


def test_dropped_connection_with_and_without_effect(server: FakeSpotify, client: spotipy.Spotify) -> None:
    play_by_hand(server)
    server.faults.drop("/v1/me/player/*", times=1)
    with pytest.raises(requests.ConnectionError):
        client.pause_playback()
    assert server.now_playing().playing
    server.faults.drop("/v1/me/player/*", carried_out=True, times=1)
    with pytest.raises(requests.ConnectionError):
        client.pause_playback()
    assert not server.now_playing().playing
    assert [call.status for call in server.calls] == [None, None]


def test_accounts_service_fails_too(server: FakeSpotify, pkce: SpotifyPKCE) -> None:
    server.faults.server_error("/api/token", times=1)
    with pytest.raises(SpotifyOauthError):
        pkce.refresh_access_token(server.sign_in()["refresh_token"])


def test_cut_refuses_and_restored_answers_on_the_same_port(
    server: FakeSpotify, client: spotipy.Spotify
) -> None:
    mine = server.add_playlist("Mine")
    client.me()
    server.cut_network()
    with pytest.raises(requests.ConnectionError):
        client.me()
    server.restore_network()
    assert client.playlist(mine.id)["name"] == "Mine"


def test_cut_breaks_what_is_under_way(server: FakeSpotify) -> None:
    server.faults.delay(seconds=30.0)
    asking = threading.Thread(target=refused_connection, args=(f"{server.url}/v1/me",))
    asking.start()
    assert server.wait_until(lambda: server.arrived == 1)
    server.cut_network()
    asking.join(5.0)
    assert not asking.is_alive()


def test_silent_network_takes_connections_and_says_nothing(server: FakeSpotify) -> None:
    client = client_of(server)
    client.requests_timeout = 0.05
    server.cut_network(silent=True)
    with pytest.raises(requests.ReadTimeout):
        client.me()
    server.restore_network()
    client.requests_timeout = 5
    assert client.me()


def test_calls_are_written_down_without_tokens(server: FakeSpotify, pkce: SpotifyPKCE) -> None:
    token = server.sign_in()
    pkce.refresh_access_token(token["refresh_token"])
    client = client_of(server)
    client.current_user_playlists(limit=7)
    server.add_device("Desk", active=True)
    refusal(lambda: client.start_playback(context_uri="spotify:album:1"))
    assert [(call.method, call.path, call.status) for call in server.calls] == [
        ("POST", "/api/token", 200),
        ("GET", "/v1/me/playlists", 200),
        ("PUT", "/v1/me/player/play", 400),
    ]
    assert server.calls[1].query == {"limit": "7", "offset": "0"}
    assert server.calls[2].body == {"context_uri": "spotify:album:1"}
    assert (server.count("/v1/"), server.count("/v1/", "PUT"), server.count()) == (2, 1, 3)
    secrets = [*server.access_tokens, *server.grants]
    assert not any(secret in repr(server.calls) for secret in secrets)


def test_waiting_ends_with_the_request_that_was_waited_for(server: FakeSpotify) -> None:
    asking = threading.Timer(0.02, requests.get, (f"{server.url}/v1/me",), {"timeout": 5})
    asking.start()
    assert server.wait_until(lambda: server.count("/v1/me") == 1)
    assert not server.wait_until(lambda: server.count("/v1/me") == 2, timeout_s=0.01)
    asking.join()


def refused_connection(address: str) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get(address, timeout=10)


def test_runs_by_hand_with_a_small_world() -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.fake_spotify", "--port", "0", "--auto-consent"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("Fake Spotify at ").strip()
        query = {"client_id": CLIENT_ID, "response_type": "code", "redirect_uri": CALLBACK}
        answer = requests.get(f"{url}/authorize", query, allow_redirects=False, timeout=20)
        process.send_signal(signal.SIGINT)
        assert process.wait(5.0) == 0
    assert answer.headers["Location"].startswith(CALLBACK)


def test_a_podcast_has_an_item_only_for_who_knows_of_podcasts(
    server: FakeSpotify, client: spotipy.Spotify
) -> None:
    server.add_device("Desk", active=True)
    server.phone.podcast()
    seen = client.current_playback()
    assert (seen["currently_playing_type"], seen["item"]) == ("episode", None)
    assert client.current_playback(additional_types="track,episode")["item"]["show"]["name"] == "A Show"
    server.private = True
    seen = client.current_playback(additional_types="track,episode")
    assert (seen["currently_playing_type"], seen["item"], seen["is_playing"]) == ("unknown", None, True)
