"""No token anywhere: not in a log at DEBUG, not in an exception, not in the repository's folder."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import keyring
import pytest
import requests
import spotipy
from keyring.backends import fail

from core import logs, paths
from core.errors import AttuneError
from core.redaction import REDACTED
from core.settings import Settings, load_settings
from spotify import token_exchange
from spotify.account import SpotifyAccount
from spotify.player import SpotifyPlayer
from spotify.token_store import TokenStore
from tests.fake_spotify import CLIENT_ID, FakeSpotify, fake_spotify
from tests.paths import ROOT

LOUD = ("", "asyncio", "keyring", "requests", "spotify", "spotipy", "spotipy.client", "urllib3")


class Secrets:
    """Everything that nobody but the two ends may know, as it comes up."""

    def __init__(self, server: FakeSpotify) -> None:
        self._server = server
        self.known: set[str] = set()

    def note(self, *more: str) -> None:
        with self._server.lock:
            self.known |= {*self._server.access_tokens, *self._server.grants, *self._server.codes, *more}

    def found_in(self, text: str) -> list[str]:
        self.note()
        return [secret for secret in self.known if secret in text]


@pytest.fixture
def server() -> Iterator[FakeSpotify]:
    with fake_spotify() as running:
        running.auto_consent = True
        yield running


@pytest.fixture
def secrets(server: FakeSpotify) -> Secrets:
    return Secrets(server)


@pytest.fixture
def settings(server: FakeSpotify) -> Settings:
    return load_settings(spotify_accounts_url=server.url, spotify_api_url=server.url, spotify_callback_port=0)


@pytest.fixture
def account(settings: Settings, tmp_path: Path) -> Iterator[SpotifyAccount]:
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    one = SpotifyAccount(
        settings, store=TokenStore(tmp_path / "config" / "spotify"), state_file=tmp_path / "data.json"
    )
    yield one
    one.cancel()
    wait_for_threads()
    keyring.set_keyring(before)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """All that is logged at DEBUG by anybody: Attune's own file, and a file of somebody else's."""
    monkeypatch.setattr(paths, "log_file", lambda: tmp_path / "log" / "attune.log")
    root, factory = logging.getLogger(), logging.getLogRecordFactory()
    before = list(root.handlers)
    levels = {name: logging.getLogger(name).level for name in LOUD}
    own = logs.start_logging()
    assert own is not None
    monkeypatch.setattr(logs, "_is_relevant", lambda _: True)
    other = logging.FileHandler(tmp_path / "other.log", encoding="utf-8")
    other.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    root.addHandler(other)
    for handler in root.handlers:
        if isinstance(handler, logs._PrivateLogFile):
            handler.filters.clear()
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield lambda: own.read_text(encoding="utf-8") + (tmp_path / "other.log").read_text(encoding="utf-8")
    for handler in [one for one in root.handlers if one not in before]:
        root.removeHandler(handler)
        handler.close()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.setLogRecordFactory(factory)


def wait_for_threads() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("attune-spotify"):
            thread.join()


def sign_in(account: SpotifyAccount, secrets: Secrets) -> None:
    """Sign in step by step, so that the code is seen on its way."""
    one = account.begin(CLIENT_ID)
    there = requests.get(one.url, allow_redirects=False, timeout=10).headers["Location"]
    secrets.note(one._state, one._verifier)
    assert secrets.found_in(there)
    requests.get(there, timeout=10)
    assert one.wait(10).ok
    wait_for_threads()
    secrets.note()


def use(server: FakeSpotify, token: str) -> None:
    """Calls of the Web API by spotipy, as loud as it gets."""
    client = spotipy.Spotify(auth=token, retries=0, status_retries=0, requests_timeout=5)
    client.prefix = f"{server.url}/v1/"
    client.me()
    client.current_user_playlists()
    with suppress(spotipy.SpotifyException):
        client.playlist("nowhere")


def play(server: FakeSpotify, account: SpotifyAccount, tmp_path: Path) -> None:
    """Our own player, on good days and on bad ones, with the libraries as loud as before."""
    playlist = server.add_playlist("Rainy day", 5)
    server.add_device("Desk", active=True)
    player = SpotifyPlayer(account, api_url=server.url, state_file=tmp_path / "data.json")
    try:
        assert player.refresh().result(10).ok
        for name in LOUD:
            logging.getLogger(name).setLevel(logging.DEBUG)
        assert player.play(playlist.uri).result(10).ok
        for fault in (server.faults.unauthorised, server.faults.premium_required, server.faults.garbage):
            one = fault("/v1/*", times=1)
            player.refresh().result(10)
            player.next().result(10)
            server.faults.clear(one)
    finally:
        player.close()


def test_no_secret_is_logged_at_debug(
    server: FakeSpotify, account: SpotifyAccount, secrets: Secrets, log: Callable[[], str], tmp_path: Path
) -> None:
    sign_in(account, secrets)
    use(server, account.access_token())
    server.expire_access_tokens()
    with suppress(spotipy.SpotifyException):
        use(server, account.access_token())
    use(server, account.refresh())
    secrets.note()
    for fault in ({"status": 503}, {"drop": True}, {"status": 200, "body": b'{"access_token": "AQ'}):
        server.faults.add("/api/token", times=1, **fault)  # type: ignore[arg-type]
        with suppress(AttuneError):
            account.refresh()
    play(server, account, tmp_path)
    server.revoke()
    with suppress(AttuneError):
        account.refresh()
    with suppress(AttuneError):
        account.access_token()
    account.disconnect()
    text = log()
    assert len(secrets.known) >= 7
    assert secrets.found_in(text) == []
    # It did log, and what it logged was redacted, not silenced.
    assert "Sending GET to" in text
    assert "POST /api/token" in text
    assert REDACTED in text


@pytest.mark.parametrize("level", [logging.DEBUG, logging.ERROR])
def test_no_secret_is_logged_with_an_exception(
    server: FakeSpotify, secrets: Secrets, log: Callable[[], str], level: int
) -> None:
    token = str(server.sign_in()["access_token"])
    secrets.note()
    try:
        try:
            raise KeyError(token)
        except KeyError as error:
            raise RuntimeError(f"refused with Authorization: Bearer {token}") from error
    except RuntimeError:
        logging.getLogger("spotify.somewhere").log(level, "it failed", exc_info=True, stack_info=True)
    assert secrets.found_in(log()) == []
    assert "it failed" in log()


def test_no_secret_is_in_an_exception(
    server: FakeSpotify, account: SpotifyAccount, secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(account, secrets)
    failures: list[BaseException] = []

    def collect(call: Callable[[], object]) -> None:
        try:
            call()
        except AttuneError as error:
            failures.append(error)

    refresh_token = next(iter(server.grants))

    def exchange() -> None:
        token_exchange.for_code(
            server.url,
            client_id=CLIENT_ID,
            code=refresh_token,
            verifier=refresh_token,
            redirect_uri="http://127.0.0.1/callback",
        )

    echo = {"error": f"oh {refresh_token}", "error_description": refresh_token}
    for fault in (
        {"status": 400, "body": echo},
        {"status": 500, "body": refresh_token},
        {"status": 200, "body": f'{{"access_token": "{refresh_token}'},
        {"status": 429, "headers": {"Retry-After": refresh_token}},
        {"status": 302, "headers": {"Location": f"http://127.0.0.1/?code={refresh_token}"}},
        {"drop": True},
    ):
        one = server.faults.add("/api/token", **fault)  # type: ignore[arg-type]
        collect(account.refresh)
        collect(exchange)
        server.faults.clear(one)
    collect(exchange)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        again = account.begin(CLIENT_ID)
        requests.get(again.url, timeout=10)
        failures.append(AttuneError(again.wait(10).message))
        secrets.note(again._state, again._verifier)
    wait_for_threads()
    [file] = (account._store.file.parent).glob("*.json")
    content = file.read_text(encoding="utf-8")
    file.write_text(content[:-2], encoding="utf-8")
    collect(account.refresh)
    file.write_text(content, encoding="utf-8")
    server.cut_network()
    collect(account.refresh)
    server.restore_network()
    server.revoke()
    collect(account.refresh)
    assert len(failures) >= 16
    for error in failures:
        text = "".join(traceback.format_exception(error)) + f"{error} {error!r} {error.args}"
        assert secrets.found_in(text) == []
        context = error.__context__
        assert context is None or secrets.found_in(f"{context} {context!r} {vars(context)}") == []


def test_no_secret_is_in_a_representation(account: SpotifyAccount, secrets: Secrets) -> None:
    sign_in(account, secrets)
    signing_in = account._signing_in
    assert signing_in is not None
    shown = [account, account.status(), signing_in, signing_in.outcome, account._store.load()]
    assert secrets.found_in(f"{shown!r} {shown}") == []


def test_no_secret_is_in_the_programs_folder(
    server: FakeSpotify, account: SpotifyAccount, secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)  # where people start it
    began_s = time.time() - 2.0
    sign_in(account, secrets)
    use(server, account.access_token())
    account.refresh()
    secrets.note()
    assert not list(ROOT.glob(".cache*")) or all(one.is_dir() for one in ROOT.glob(".cache*"))
    for file in ROOT.rglob("*"):
        with suppress(FileNotFoundError):
            if file.is_file() and file.stat().st_mtime >= began_s:
                assert secrets.found_in(file.read_bytes().decode("latin-1")) == [], file


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_where_the_token_is_nobody_else_may_look(account: SpotifyAccount, secrets: Secrets) -> None:
    sign_in(account, secrets)
    place = account._store.file.parent
    assert place.stat().st_mode & 0o077 == 0
    for file in place.rglob("*"):
        assert file.stat().st_mode & 0o077 == 0
