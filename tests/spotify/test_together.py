"""Account and player together: disconnected at first, connected after sign-in, gone when signed out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import keyring
import pytest
import requests
from keyring.backends import fail

from core import paths
from core.settings import load_settings
from playback.player import ConnectionState, OutcomeKind, Player
from spotify.account import SpotifyAccount
from spotify.player import SpotifyPlayer
from spotify.sign_in import SignInState
from tests.fake_spotify import CLIENT_ID, FakeSpotify, fake_spotify
from tests.patience import PROMPT_S
from tests.spotify.keyrings_for_tests import Memory, Raising


class OpenSpotify(NamedTuple):
    account: SpotifyAccount
    player: SpotifyPlayer

    def close(self) -> None:
        self.account.cancel()
        self.player.close()


@pytest.fixture
def server() -> Iterator[FakeSpotify]:
    with fake_spotify() as running:
        running.auto_consent = True
        running.add_playlist("Rainy day", 12)
        running.add_device("Desk", active=True)
        yield running


@pytest.fixture
def make(
    server: FakeSpotify, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], OpenSpotify]]:
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    monkeypatch.setattr(paths, "config_dir", lambda: tmp_path / "config")
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path / "data")
    settings = load_settings(
        spotify_accounts_url=server.url, spotify_api_url=server.url, spotify_callback_port=0
    )
    opened: list[OpenSpotify] = []

    def make_one() -> OpenSpotify:
        account = SpotifyAccount(settings)
        opened.append(OpenSpotify(account, SpotifyPlayer(account, api_url=settings.spotify_api_url)))
        return opened[-1]

    yield make_one
    for one in opened:
        one.close()
    for thread in threading.enumerate():
        if thread.name.startswith("attune-spotify"):
            thread.join()
    keyring.set_keyring(before)


def sign_in(spotify: OpenSpotify) -> None:
    one = spotify.account.begin(CLIENT_ID, on_signed_in=spotify.player.refresh)
    requests.get(one.url, timeout=10)
    assert one.wait(10).ok


def test_never_signed_in_is_disconnected_and_asks_nobody(
    server: FakeSpotify, make: Callable[[], OpenSpotify]
) -> None:
    spotify = make()
    player: Player = spotify.player
    assert player.refresh().result(5).kind is OutcomeKind.NOT_CONNECTED
    assert player.snapshot().connection.state is ConnectionState.DISCONNECTED
    assert player.play("spotify:playlist:1").result(5).kind is OutcomeKind.NOT_CONNECTED
    assert server.calls == []


def test_a_locked_keyring_costs_nobody_the_sign_in(make: Callable[[], OpenSpotify]) -> None:
    unlocked = Memory()
    keyring.set_keyring(unlocked)
    sign_in(make())
    keyring.set_keyring(Raising())
    locked = make()
    outcome = locked.player.refresh().result(10)
    assert outcome.kind is OutcomeKind.SIGN_IN_AGAIN
    assert "unlock it" in outcome.message
    assert locked.account.status().signed_in
    keyring.set_keyring(unlocked)
    assert make().player.refresh().result(10).ok


def test_sign_in_connects_the_player(server: FakeSpotify, make: Callable[[], OpenSpotify]) -> None:
    spotify = make()
    sign_in(spotify)
    assert spotify.player.refresh().result(10).ok
    snapshot = spotify.player.snapshot()
    assert snapshot.connection.state is ConnectionState.CONNECTED
    assert snapshot.connection.account == "Robin Listener"
    assert [one.name for one in snapshot.playlists] == ["Rainy day"]
    [playlist] = server.playlists
    assert spotify.player.play(playlist.uri).result(10).ok
    assert server.played[-1].uri == playlist.uri


def test_revoked_sign_in_is_said_and_a_new_one_helps(
    server: FakeSpotify, make: Callable[[], OpenSpotify]
) -> None:
    spotify = make()
    sign_in(spotify)
    assert spotify.player.refresh().result(10).ok
    server.revoke()
    assert spotify.player.refresh().result(10).kind is OutcomeKind.SIGN_IN_AGAIN
    asked = server.count("/api/token")
    assert spotify.player.refresh().result(10).kind is OutcomeKind.SIGN_IN_AGAIN
    assert spotify.player.snapshot().connection.state is ConnectionState.SIGN_IN_AGAIN
    assert server.count("/api/token") == asked
    sign_in(spotify)
    assert spotify.player.refresh().result(10).ok


def test_disconnecting_leaves_nothing(make: Callable[[], OpenSpotify], tmp_path: Path) -> None:
    spotify = make()
    sign_in(spotify)
    assert spotify.player.refresh().result(10).ok
    assert spotify.player.choose_device("Desk").result(10).ok
    assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == 2
    spotify.player.close()
    spotify.account.disconnect()
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []
    again = make()
    assert again.player.refresh().result(5).kind is OutcomeKind.NOT_CONNECTED


def test_closing_takes_a_moment_and_ends_a_sign_in(make: Callable[[], OpenSpotify]) -> None:
    spotify = make()
    one = spotify.account.begin(CLIENT_ID)
    began_s = time.monotonic()
    spotify.close()
    assert time.monotonic() - began_s < PROMPT_S
    assert one.outcome.state is SignInState.CANCELLED
