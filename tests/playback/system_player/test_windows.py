"""Players on Windows: the exact command and lines, and what the answers say. None of it ran on Windows."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from playback.player import ContentKind, OutcomeKind, PlayingTrack
from playback.system_player.backend import OpenPlayer, PlayerCallError, PlayersUnseenError
from playback.system_player.windows import (
    SCRIPT,
    WindowsPlayers,
    command,
    parse_players,
    request,
    startable,
)

SPOTIFY = {
    "id": "SpotifyAB.SpotifyMusic_zpdnekdrzrea0!Spotify",
    "state": "Playing",
    "kind": "Music",
    "next": True,
    "title": "Rain",
    "artist": "One",
    "duration": 185.0,
    "position": 3.0,
    "age": 1.5,
}
ANSWERS = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked["verb"] == "list":
        told = {"told": [{"id": "Spotify.exe", "state": "Paused", "title": "Rain"}]}
    elif asked["verb"] == "resume":
        told = {"problem": "closed"}
    elif asked["verb"] == "next":
        told = {"told": False}
    elif asked["verb"] == "pause":
        told = {"told": asked["id"] == "Spotify.exe"}
    print(json.dumps(told), flush=True)
"""


def test_the_command_runs_the_script_and_nothing_that_it_reads() -> None:
    *begin, encoded = command()
    assert begin == ["powershell.exe", "-NoLogo", "-NoProfile", "-NonInteractive", "-EncodedCommand"]
    assert base64.b64decode(encoded).decode("utf-16-le") == SCRIPT.read_text(encoding="utf-8")
    assert len(encoded) < 30_000  # a command line of Windows holds 32 767 letters
    assert request("pause", 'a"b') == '{"verb": "pause", "id": "a\\"b"}'
    assert startable("spotify:playlist:1") == "spotify:playlist:1:play"
    script = SCRIPT.read_text(encoding="utf-8")
    assert all(f"'{verb}'" in script for verb in ("list", "pause", "resume", "next"))
    assert "Invoke-Expression" not in script


def test_what_the_script_tells() -> None:
    film = {"id": "chrome.exe", "state": "Playing", "title": "A film", "position": 5, "duration": 0}
    spotify, chrome = parse_players([SPOTIFY, film, SPOTIFY], 7.0)
    assert spotify.track == PlayingTrack("Rain", "One", duration_s=185.0, position_s=4.5)
    assert (spotify.name, spotify.playing, spotify.schemes) == ("Spotify", True, {"spotify"})
    assert (chrome.name, chrome.usable, chrome.volume) == ("Chrome", False, None)
    assert chrome.track is not None
    assert chrome.track.kind is ContentKind.UNKNOWN
    assert parse_players(SPOTIFY, 7.0) == (spotify,)  # PowerShell makes no list of one
    (other,) = parse_players({"id": "C:\\\\x\\\\foobar2000.exe", "state": "Closed"}, 7.0)
    assert (other.name, other.track, other.stopped) == ("foobar2000", None, True)


@pytest.mark.parametrize("told", [None, [], {}, 7, [None, 3, {"id": 4}], [[SPOTIFY]]])
def test_what_is_no_answer_tells_of_no_player(told: object) -> None:
    assert parse_players(told, 0.0) == ()


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[WindowsPlayers]:
    script = tmp_path / "answers.py"
    script.write_text(ANSWERS)
    started: list[str] = []
    players = WindowsPlayers(lambda: False, argv=[sys.executable, str(script)], start=started.append)
    yield players
    players.close()


def test_lines_are_asked_and_answered_by_a_process_that_stays(backend: WindowsPlayers) -> None:
    (spotify,) = backend.players(0.0)
    assert (spotify.name, spotify.playing) == ("Spotify", False)
    assert backend.players(60.0) == (spotify,)
    backend.pause(spotify)
    expected = {
        "closed": (backend.resume, OutcomeKind.GONE),
        "did not": (backend.next, OutcomeKind.FAILED),
        "set there": (lambda one: backend.set_volume(one, 0.5), OutcomeKind.FORBIDDEN),
    }
    for part, (call, kind) in expected.items():
        with pytest.raises(PlayerCallError, match=part) as caught:
            call(spotify)
        assert caught.value.kind is kind


def test_a_process_that_ends_or_is_not_there_is_said_and_started_again() -> None:
    for argv in ([sys.executable, "-c", "print('odd')"], [sys.executable, "-c", ""], ["/nowhere/powershell"]):
        players = WindowsPlayers(lambda: False, argv=argv)
        for _ in range(2):
            with pytest.raises(PlayersUnseenError, match="does not say which players are open"):
                players.players(0.0)
        players.close()
    hanging = WindowsPlayers(lambda: True, argv=[sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(PlayersUnseenError, match="no answer"):
        hanging.players(0.0)


def test_a_link_that_windows_does_not_open_is_said() -> None:
    def refuse(_: str) -> None:
        raise OSError(1155, "No application is associated")

    with pytest.raises(PlayerCallError, match="No application is associated"):
        WindowsPlayers(lambda: False, start=refuse).open(OpenPlayer("x", "Spotify"), "spotify:album:1")
