"""The account: tokens that are renewed, that end, that are forgotten; other programs; nothing left."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import pytest
import requests
from keyring.backends import fail

from core.settings import Settings, load_settings
from spotify.account import SpotifyAccount
from spotify.app_registration import ClientIdError
from spotify.client import Credentials
from spotify.errors import SignedOutError, SignInAgainError, SpotifyLimitedError, SpotifyUnreachableError
from spotify.persistent_state import PersistentState
from spotify.sign_in import SignInState
from spotify.token_store import TokenStore
from tests.fake_spotify import CLIENT_ID, FakeSpotify, fake_spotify

DAY_S = 86_400.0


@pytest.fixture(autouse=True)
def _no_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture
def server() -> Iterator[FakeSpotify]:
    with fake_spotify() as running:
        running.auto_consent = True
        running.clock.stop()
        yield running


@pytest.fixture
def settings(server: FakeSpotify) -> Settings:
    return load_settings(spotify_accounts_url=server.url, spotify_api_url=server.url, spotify_callback_port=0)


@pytest.fixture
def make(server: FakeSpotify, settings: Settings, tmp_path: Path) -> Callable[[], SpotifyAccount]:
    """An account as a program that starts has it; all of them keep their sign-in at one place."""
    return lambda: SpotifyAccount(
        settings,
        store=TokenStore(tmp_path / "spotify"),
        state_file=tmp_path / "data.json",
        clock=server.clock.now,
    )


@pytest.fixture
def account(make: Callable[[], SpotifyAccount]) -> Iterator[SpotifyAccount]:
    one = make()
    yield one
    one.cancel()
    wait_for_threads()


def sign_in(account: SpotifyAccount, client_id: str = CLIENT_ID, **options: bool) -> str:
    """Sign in as a user does who agrees; what it says in the end."""
    one = account.begin(client_id, **options)
    requests.get(one.url, timeout=10)
    outcome = one.wait(10.0)
    assert outcome.ok, outcome
    wait_for_threads()
    return outcome.message


def wait_for_threads() -> None:
    """What asks the server ends before the server does."""
    for thread in threading.enumerate():
        if thread.name.startswith("attune-spotify"):
            thread.join()


def tokens(server: FakeSpotify) -> int:
    return server.count("/api/token")


def test_account_is_what_the_client_wants(account: SpotifyAccount) -> None:
    credentials: Credentials = account
    assert credentials.account == ""


def test_nobody_is_signed_in_at_first(account: SpotifyAccount) -> None:
    assert not account.status().signed_in
    for ask in (account.access_token, account.refresh):
        with pytest.raises(SignedOutError, match="sign in first"):
            ask()


def test_sign_in_is_kept_for_the_next_program(
    server: FakeSpotify, account: SpotifyAccount, make: Callable[[], SpotifyAccount]
) -> None:
    assert sign_in(account) == "Connected to Spotify as Robin Listener."
    assert account.access_token() in server.access_tokens
    assert tokens(server) == 1  # the code's
    later = make()
    status = later.status()
    assert (status.signed_in, status.account, status.client_id) == (True, "Robin Listener", CLIENT_ID)
    assert status.ends_s == server.clock.now() + 180 * DAY_S
    assert later.account == "Robin Listener"
    assert later.access_token() in server.access_tokens
    assert tokens(server) == 2


def test_access_token_is_asked_for_when_it_is_about_to_end(
    server: FakeSpotify, account: SpotifyAccount
) -> None:
    sign_in(account)
    first = account.access_token()
    server.clock.advance(3600 - 90)
    assert account.access_token() == first
    server.clock.advance(60)
    assert account.access_token() != first
    assert tokens(server) == 2


def test_clock_that_is_wrong_costs_one_refresh(server: FakeSpotify, account: SpotifyAccount) -> None:
    sign_in(account)
    old = account.access_token()
    server.expire_access_tokens()  # our clock still takes it for good
    assert account.access_token() == old
    new = account.refresh()
    assert server.access_tokens[new][1] > server.clock.now()
    assert account.access_token() == new
    assert tokens(server) == 2


def test_clock_that_is_years_ahead_asks_no_more_often(
    server: FakeSpotify, settings: Settings, tmp_path: Path
) -> None:
    account = SpotifyAccount(
        settings,
        store=TokenStore(tmp_path / "s"),
        state_file=tmp_path / "data.json",
        clock=lambda: server.clock.now() + 1000 * DAY_S,
    )
    sign_in(account)
    for _ in range(3):
        account.access_token()
    assert tokens(server) == 1


@pytest.mark.parametrize("end", ["revoked", "six months"])
def test_end_of_a_sign_in_is_asked_about_once(
    server: FakeSpotify, account: SpotifyAccount, make: Callable[[], SpotifyAccount], end: str
) -> None:
    sign_in(account)
    if end == "revoked":
        server.revoke()
    else:
        server.clock.advance(181 * DAY_S)
    before = tokens(server)
    with pytest.raises(SignInAgainError, match=r"six months are over, or it was revoked.*sign in again"):
        account.refresh()
    for again in (account, make()):
        for _ in range(5):
            with pytest.raises((SignedOutError, SignInAgainError), match=r"Robin Listener.*sign in again"):
                again.access_token()
    assert tokens(server) == before + 1
    status = account.status()
    assert (status.signed_in, status.client_id) == (False, CLIENT_ID)
    assert "sign in again" in status.problem
    sign_in(account, client_id="")  # which is asked for once
    assert account.access_token() in server.access_tokens


def test_worthless_token_that_cannot_be_deleted_is_not_shown_again(
    server: FakeSpotify, account: SpotifyAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(account)
    server.revoke()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "fsync", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    for _ in range(3):
        with pytest.raises(SignInAgainError, match="sign in again"):
            account.refresh()
    monkeypatch.undo()
    assert tokens(server) == 2


def test_app_that_is_gone_ends_the_sign_in(server: FakeSpotify, account: SpotifyAccount) -> None:
    sign_in(account)
    server.apps.clear()
    with pytest.raises(SignInAgainError, match="knows no app of this client id"):
        account.refresh()
    assert not account.status().signed_in


def test_trouble_that_passes_forgets_nothing(server: FakeSpotify, account: SpotifyAccount) -> None:
    sign_in(account)
    faults = server.faults
    for fail_at, error in (
        (faults.server_error, SpotifyUnreachableError),
        (faults.drop, SpotifyUnreachableError),
        (faults.garbage, SpotifyUnreachableError),
        (faults.rate_limit, SpotifyLimitedError),
    ):
        fault = fail_at("/api/token")
        with pytest.raises(error):
            account.refresh()
        faults.clear(fault)
    assert account.refresh() in server.access_tokens


def test_rate_limit_says_how_long(server: FakeSpotify, account: SpotifyAccount) -> None:
    sign_in(account)
    server.faults.rate_limit("/api/token", retry_after_s=600)
    with pytest.raises(SpotifyLimitedError, match="600 s") as caught:
        account.refresh()
    assert caught.value.wait_s == 600


def test_sign_in_of_another_program_is_taken_over(
    server: FakeSpotify, account: SpotifyAccount, make: Callable[[], SpotifyAccount]
) -> None:
    sign_in(account)
    server.revoke()
    sign_in(make())
    assert account.refresh() in server.access_tokens


def test_refresh_token_that_is_replaced_is_kept(
    server: FakeSpotify, account: SpotifyAccount, make: Callable[[], SpotifyAccount]
) -> None:
    sign_in(account)
    other = server.sign_in()
    server.faults.add(
        "/api/token",
        status=200,
        body={
            "access_token": other["access_token"],
            "refresh_token": other["refresh_token"],
            "expires_in": 3600,
        },
        times=1,
    )
    assert account.refresh() == other["access_token"]
    [first] = [token for token in server.grants if token != other["refresh_token"]]
    server.grants[first].revoked = True
    later = make()
    assert later.refresh() in server.access_tokens
    assert later.status().account == "Robin Listener"


def test_end_is_said_two_weeks_before(server: FakeSpotify, account: SpotifyAccount) -> None:
    sign_in(account)
    server.clock.advance(165 * DAY_S)
    assert account.status().notice == ""
    server.clock.advance(2 * DAY_S)
    notice = account.status().notice
    assert "six months" in notice
    assert "sign in again before" in notice


def test_scope_to_create_playlists_is_asked_for_on_wish(account: SpotifyAccount) -> None:
    sign_in(account)
    assert "playlist-modify-private" not in account.status().scopes
    sign_in(account, may_create=True)
    assert "playlist-modify-private" in account.status().scopes


def test_account_that_the_app_does_not_list_is_said_at_once(
    server: FakeSpotify, account: SpotifyAccount
) -> None:
    server.user_registered = False
    assert "add it under User Management" in sign_in(account)


@pytest.mark.parametrize("body", [b"[", {"display_name": None, "id": 3}, []])
def test_account_without_a_name_is_connected_all_the_same(
    server: FakeSpotify, account: SpotifyAccount, body: object
) -> None:
    server.faults.add("/v1/me", status=200, body=body)
    assert sign_in(account) == "Connected to Spotify."
    assert account.status().signed_in


def test_disconnecting_leaves_nothing(
    account: SpotifyAccount, make: Callable[[], SpotifyAccount], tmp_path: Path
) -> None:
    sign_in(account)
    (tmp_path / "spotify" / "more.json").touch()
    assert PersistentState(tmp_path / "data.json", clock=time.time).calls() == 1
    account.disconnect()
    assert list(tmp_path.iterdir()) == []
    for one in (account, make()):
        assert one.status().client_id == ""
        with pytest.raises(SignedOutError):
            one.access_token()
    account.disconnect()


def test_damaged_file_is_one_sentence_and_a_new_sign_in_helps(
    server: FakeSpotify, account: SpotifyAccount, make: Callable[[], SpotifyAccount], tmp_path: Path
) -> None:
    sign_in(account)
    (tmp_path / "spotify" / "sign-in.json").write_text("{")
    later = make()
    with pytest.raises(SignInAgainError, match="is damaged: sign in again"):
        later.access_token()
    assert "is damaged" in later.status().problem
    sign_in(later)
    assert later.access_token() in server.access_tokens


def test_full_disk_fails_the_sign_in_with_one_sentence(
    account: SpotifyAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    one = account.begin(CLIENT_ID)
    requests.get(one.url, timeout=10)
    outcome = one.wait(10.0)
    assert outcome.state is SignInState.FAILED
    assert "free some space" in outcome.message
    assert not account.status().signed_in


def test_second_sign_in_ends_the_first(account: SpotifyAccount) -> None:
    first = account.begin(CLIENT_ID)
    second = account.begin(CLIENT_ID)
    assert first.outcome.state is SignInState.CANCELLED
    assert second.waiting


def test_sign_in_tells_who_waits_for_it(account: SpotifyAccount) -> None:
    told = threading.Event()
    one = account.begin(CLIENT_ID, on_signed_in=told.set)
    requests.get(one.url, timeout=10)
    assert told.wait(20.0)
    assert one.wait(20.0).ok


def test_sign_in_without_client_id_is_one_sentence(account: SpotifyAccount) -> None:
    with pytest.raises(ClientIdError, match="32 hexadecimal digits"):
        account.begin()


def test_client_id_of_the_settings_needs_no_asking(server: FakeSpotify, tmp_path: Path) -> None:
    settings = load_settings(
        spotify_client_id=CLIENT_ID,
        spotify_accounts_url=server.url,
        spotify_api_url=server.url,
        spotify_callback_port=0,
    )
    account = SpotifyAccount(settings, store=TokenStore(tmp_path / "s"), state_file=tmp_path / "data.json")
    assert account.client_id == CLIENT_ID
    sign_in(account, client_id="")


def test_spotify_that_never_answers_holds_no_door_up(server: FakeSpotify, account: SpotifyAccount) -> None:
    sign_in(account)
    server.faults.delay("/api/token", seconds=3.0)
    asking = threading.Thread(target=account.refresh)
    asking.start()
    assert account.status().signed_in
    assert account.client_id == CLIENT_ID
    assert asking.is_alive()
    asking.join()
