"""`attune spotify ...`: sign in, look, sign out, over real HTTP; one sentence for all that goes wrong."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import keyring
import pytest
import requests
from keyring.backends import fail

from attune.cli import spotify
from core import paths
from core.text import printable_lines
from tests.fake_spotify import CLIENT_ID, FakeSpotify, fake_spotify
from tests.paths import ROOT
from tests.terminal import Terminal

LOGIN = ("login", "--client-id", CLIENT_ID)


@pytest.fixture
def server() -> Iterator[FakeSpotify]:
    with fake_spotify() as running:
        running.auto_consent = True
        running.add_playlist("Rainy day", 12)
        running.add_playlist("Friend's mix", 8, owner="friend7")
        running.add_playlist("Discover Weekly", 30, owner="spotify")  # a null in the list
        running.add_device("Desk", active=True)
        running.add_device("Phone", volume=None)
        yield running
        for thread in threading.enumerate():
            if thread.name.startswith("attune-spotify"):
                thread.join()


def browse(url: str) -> None:
    """Go where one is sent; that may be nowhere by then."""
    with contextlib.suppress(requests.RequestException):
        requests.get(url, timeout=10)


@pytest.fixture
def browser(server: FakeSpotify, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A browser on a screen: what was opened in it."""
    opened: list[str] = []

    def open_page(url: str) -> bool:
        opened.append(url)
        threading.Thread(target=browse, args=[url], name="attune-spotify-browser").start()
        return True

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", open_page)
    assert server.url
    return opened


@pytest.fixture
def attune(
    server: FakeSpotify,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Terminal]:
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    monkeypatch.setattr(paths, "config_dir", lambda: tmp_path / "config")
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path / "data")
    monkeypatch.setenv("ATTUNE_SPOTIFY_ACCOUNTS_URL", server.url)
    monkeypatch.setenv("ATTUNE_SPOTIFY_API_URL", server.url)
    monkeypatch.setenv("ATTUNE_SPOTIFY_CALLBACK_PORT", "0")
    yield Terminal(capsys, monkeypatch, "spotify")
    keyring.set_keyring(before)


def test_login_opens_the_page_and_remembers(attune: Terminal, browser: list[str], tmp_path: Path) -> None:
    code, out, err = attune(*LOGIN)
    assert code == 0, err
    assert out.splitlines() == [browser[0], "Connected to Spotify as Robin Listener."]
    assert "opened in your browser" in err
    assert [file.name for file in (tmp_path / "config" / "spotify").iterdir()] == ["sign-in.json"]
    code, _, _ = attune("login")  # the client id is asked for once
    assert code == 0
    assert len(browser) == 2


def test_login_asks_for_more_only_when_told(attune: Terminal, browser: list[str]) -> None:
    attune(*LOGIN)
    attune(*LOGIN, "--create-playlists")
    assert ["playlist-modify-private" in url for url in browser] == [False, True]


def test_status_tells_it_all(server: FakeSpotify, attune: Terminal, browser: list[str]) -> None:
    attune(*LOGIN)
    code, out, _ = attune("status")
    assert code == 0
    for word in (
        "connection: connected",
        "account: Robin Listener",
        "calls in the last 24 hours: 2",
        "ends about: ",
    ):
        assert word in out
    code, out, _ = attune("status", "--json")
    told = json.loads(out)
    assert (told["connection"], told["account"], told["calls_today"]) == ("connected", "Robin Listener", 3)
    assert told["client_id"] == CLIENT_ID
    assert told["ends_at"] > told["signed_in_at"]
    assert server.count("/v1/") == 3
    assert browser


def test_status_asks_nobody_where_nobody_is_signed_in(server: FakeSpotify, attune: Terminal) -> None:
    code, out, _ = attune("status")
    assert code == 0
    assert "disconnected Nobody is signed in to Spotify: sign in first (`attune spotify login`)." in out
    assert json.loads(attune("status", "--json")[1])["connection"] == "disconnected"
    assert server.calls == []


def test_status_warns_two_weeks_before_the_end(attune: Terminal, browser: list[str], tmp_path: Path) -> None:
    attune(*LOGIN)
    file = tmp_path / "config" / "spotify" / "sign-in.json"
    kept = json.loads(file.read_text())
    kept["signed_in_s"] -= 170 * 86_400
    file.write_text(json.dumps(kept))
    _, _, err = attune("status")
    assert "sign in again before" in err
    assert browser


@pytest.mark.parametrize(
    ("trouble", "state", "says"),
    [
        ("revoked", "sign in again", "sign in again"),
        ("refused", "sign in again", "sign in again"),
        ("limited", "rate limited", "Spotify"),
        ("away", "degraded", "Spotify"),
        ("not listed", "degraded", "User Management"),
    ],
)
def test_status_says_what_is_wrong(
    server: FakeSpotify, attune: Terminal, browser: list[str], trouble: str, state: str, says: str
) -> None:
    attune(*LOGIN)
    match trouble:
        case "revoked":
            server.revoke()
        case "refused":
            server.faults.unauthorised()
        case "limited":
            server.faults.rate_limit()
        case "away":
            server.faults.drop("/v1/*")
        case _:
            server.user_registered = False
    code, out, _ = attune("status", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["connection"] == state
    assert says in told["message"]
    assert told["account"] == "Robin Listener"
    if trouble == "revoked":
        before = server.count()
        assert json.loads(attune("status", "--json")[1])["connection"] == "sign in again"
        assert server.count() == before  # never again
    assert browser


@pytest.mark.parametrize("wait_s", ["3600", "soon"])
def test_while_spotify_limits_the_rate_nothing_is_asked_and_it_is_said_until_when(
    server: FakeSpotify, attune: Terminal, browser: list[str], wait_s: str
) -> None:
    attune(*LOGIN)
    limit = server.faults.add("/v1/*", status=429, headers={"Retry-After": wait_s})
    began_s = time.time()
    lasts_s = 3600 if wait_s == "3600" else 60
    before = server.count("/v1/")
    told = json.loads(attune("status", "--json")[1])
    until = datetime.fromisoformat(told["until"])
    assert began_s + lasts_s - 2 < until.timestamp() < time.time() + lasts_s + 1
    assert server.count("/v1/") == before + 1
    words = re.compile(r"^until: \d\d:\d\d( tomorrow)?$", re.MULTILINE)
    clock = f"{until.astimezone():%H:%M}"
    code, out, _ = attune("status")
    assert (code, "connection: rate limited" in out) == (0, True)
    assert clock in words.search(out)[0]  # type: ignore[index]
    assert json.loads(attune("status", "--json")[1])["until"] == told["until"]
    for command in ("devices", "playlists"):
        code, out, err = attune(command)
        assert (code, out) == (1, "")
        assert f"it goes on by itself. It is left alone until {clock}" in err
    assert server.count("/v1/") == before + 1
    server.faults.clear(limit)
    attune("logout")
    attune(*LOGIN)
    assert json.loads(attune("status", "--json")[1])["until"] is None
    assert browser


def test_a_quota_that_is_used_up_is_told_from_a_rate_limit_also_by_the_next_program(
    server: FakeSpotify, attune: Terminal, browser: list[str]
) -> None:
    attune(*LOGIN)
    server.quota_per_day = 1144
    server.use_quota(1143)  # by other apps of the account
    before = server.count("/v1/")
    for _ in range(3):
        told = json.loads(attune("status", "--json")[1])
        assert told["connection"] == "quota exceeded"
        assert "all apps of your developer account" in told["message"]
        lasts_s = datetime.fromisoformat(told["until"]).timestamp() - time.time()
        assert 86_300 < lasts_s <= 86_400
        assert told["calls_today"] == 2
    assert server.count("/v1/") == before + 1
    assert "is used up, which all apps" in attune("playlists")[2]
    assert browser


def test_a_device_that_takes_no_commands_is_said(
    server: FakeSpotify, attune: Terminal, browser: list[str]
) -> None:
    server.devices.clear()
    server.add_device("Car", restricted=True)
    attune(*LOGIN)
    _, out, err = attune("devices")
    assert "Car" in out
    assert "Spotify is open on Car, which takes no commands from apps" in err
    assert [one["takes_commands"] for one in json.loads(attune("devices", "--json")[1])] == [False]
    assert browser


def test_a_limit_ends_tomorrow_where_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = datetime(2026, 11, 18, 23, 30).astimezone().timestamp()
    monkeypatch.setattr(time, "time", lambda: now_s)
    assert spotify._time_of_day(now_s + 600) == "23:40"
    assert spotify._time_of_day(now_s + 3600) == "00:30 tomorrow"


def test_devices_are_listed_by_one_call(server: FakeSpotify, attune: Terminal, browser: list[str]) -> None:
    attune(*LOGIN)
    before = server.count("/v1/")
    code, out, _ = attune("devices")
    assert code == 0
    assert "Desk" in out
    assert "50\xa0%" in out
    assert "fixed" in out
    assert server.count("/v1/") == before + 1
    listed = json.loads(attune("devices", "--json")[1])
    assert [(one["name"], one["active"]) for one in listed] == [("Desk", True), ("Phone", False)]
    server.devices.clear()
    assert "open nowhere" in attune("devices")[1]
    assert browser


def test_names_from_spotify_order_the_terminal_nothing(
    server: FakeSpotify, attune: Terminal, browser: list[str]
) -> None:
    name = "Echo\x1b[2J\r\n\x9b\u202e\0"
    server.add_device(name)
    server.add_playlist(name, 3)
    attune(*LOGIN)
    for command in ("devices", "playlists"):
        code, out, _ = attune(command)
        assert code == 0
        assert r"Echo\x1b[2J\r\n\x9b\u202e\x00" in out
        assert printable_lines(out) == out
        for form in ("--json", "--csv"):
            code, out, _ = attune(command, form)
            assert code == 0
            out.encode("ascii" if form == "--json" else "utf-8")
            assert printable_lines(out) == out
    assert browser


def test_playlists_are_listed(server: FakeSpotify, attune: Terminal, browser: list[str]) -> None:
    attune(*LOGIN)
    code, out, _ = attune("playlists")
    assert code == 0
    assert "Rainy day" in out
    listed = json.loads(attune("playlists", "--json")[1])
    assert [(one["name"], one["tracks"], one["owned"]) for one in listed] == [
        ("Rainy day", 12, True),
        ("Friend's mix", 8, False),
    ]
    server.playlists.clear()
    assert "no playlist" in attune("playlists")[1]
    assert browser


@pytest.mark.parametrize("command", ["devices", "playlists"])
def test_lists_need_a_sign_in(attune: Terminal, command: str) -> None:
    code, out, err = attune(command)
    assert (code, out) == (1, "")
    assert "Nobody is signed in to Spotify: sign in first (`attune spotify login`)." in err


def test_logout_leaves_nothing(attune: Terminal, browser: list[str], tmp_path: Path) -> None:
    attune(*LOGIN)
    attune("devices")
    assert (tmp_path / "data" / "spotify.json").exists()
    code, out, _ = attune("logout")
    assert code == 0
    assert "deleted" in out
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []
    assert attune("logout")[0] == 0
    assert "disconnected" in attune("status")[1]
    assert browser


def test_wrong_client_id_is_one_sentence(attune: Terminal, browser: list[str]) -> None:
    code, _, err = attune("login", "--client-id", "my app")
    assert code == 1
    assert "'my app' (6 characters) is no client id" in err
    code, _, err = attune("login", "--client-id", "f" * 32)
    assert code == 1
    assert "knows no app of the client id" in err
    assert browser


def test_wrong_redirect_address_is_one_sentence(
    server: FakeSpotify, attune: Terminal, browser: list[str]
) -> None:
    server.add_app("0" * 32, "http://127.0.0.1:1/callback")
    code, _, err = attune("login", "--client-id", "0" * 32)
    assert code == 1
    assert "does not know the redirect address http://127.0.0.1:" in err
    assert browser


def test_login_without_a_client_id_needs_a_terminal(
    attune: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    code, _, err = attune("login")
    assert code == 1
    assert "name it with --client-id, or run `attune spotify login` in a terminal, which says how" in err


def test_login_explains_how_to_get_a_client_id(
    attune: Terminal, browser: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("typer.prompt", lambda _: f" {CLIENT_ID.upper()} ")
    code, out, _ = attune("login")
    assert code == 0
    assert "1. Open https://developer.spotify.com/dashboard" in out
    assert "5. Copy the Client ID" in out
    assert browser


def test_refused_consent_is_one_sentence(
    server: FakeSpotify, attune: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(url: str) -> bool:
        def press() -> None:
            page = requests.get(url, timeout=10).text
            action = page.partition('action="')[2].partition('"')[0]
            requests.post(server.url + action, data={"answer": "cancel"}, timeout=10)

        threading.Thread(target=press, name="attune-spotify-browser").start()
        return True

    server.auto_consent = False
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", refuse)
    code, _, err = attune(*LOGIN)
    assert code == 1
    assert "You did not allow it" in err


def test_ctrl_c_stops_the_login(
    server: FakeSpotify, attune: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: str) -> bool:
        raise KeyboardInterrupt

    server.auto_consent = False
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", interrupt)
    code, _, err = attune(*LOGIN)
    assert code == 130
    assert "nothing was signed in" in err
    assert "attune-spotify-sign-in" not in {thread.name for thread in threading.enumerate()}


def test_folder_that_cannot_be_written_is_one_sentence(
    attune: Terminal, browser: list[str], tmp_path: Path
) -> None:
    (tmp_path / "config").touch()
    code, _, err = attune(*LOGIN)
    assert code == 1
    assert "sign-in.json cannot be written" in err
    assert browser


@pytest.mark.parametrize("command", ["", "login", "status", "devices", "playlists", "logout"])
def test_help_has_examples(attune: Terminal, command: str) -> None:
    code, out, _ = attune(*command.split(), "--help")
    assert code == 0
    assert "Example" in out or not command


def test_whole_program_keeps_its_secrets(server: FakeSpotify, tmp_path: Path) -> None:
    """As a user starts it: from the program's folder, with a home of its own, without a screen."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    environment |= {
        "HOME": str(tmp_path),
        "USERPROFILE": str(tmp_path),
        "ATTUNE_SPOTIFY_ACCOUNTS_URL": server.url,
        "ATTUNE_SPOTIFY_API_URL": server.url,
        "ATTUNE_SPOTIFY_CALLBACK_PORT": "0",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "attune", "spotify", *LOGIN, "--no-browser"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        assert program.stdout is not None
        said = program.stdout.readline() + program.stdout.readline()
        requests.get(said.split()[-1], timeout=10)
        said += program.stdout.read()
    assert program.returncode == 0, said
    assert "Connected to Spotify as Robin Listener." in said
    secrets = [*server.access_tokens, *server.grants]
    assert not any(secret in said for secret in secrets)
    holding = [
        file
        for file in tmp_path.rglob("*")
        if file.is_file() and any(secret in file.read_text(errors="replace") for secret in secrets)
    ]
    assert [file.name for file in holding] == ["sign-in.json"]
    if os.name == "posix":
        assert stat.S_IMODE(holding[0].stat().st_mode) == 0o600
    assert not (ROOT / ".cache").exists()
