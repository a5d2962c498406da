"""Players on macOS: the exact commands, and what their answers say. Nothing here has run on a Mac."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from playback.player import OutcomeKind, PlayingTrack
from playback.system_player import macos
from playback.system_player.backend import PlayerCallError, PlayersUnseenError
from playback.system_player.macos import SCRIPT, MacPlayers, command, open_command, parse_players

BASE = ["/usr/bin/osascript", "-l", "JavaScript", str(SCRIPT)]
SPOTIFY = {
    "name": "Spotify",
    "state": "playing",
    "volume": 40,
    "title": "Rain",
    "artist": "One",
    "duration": 185_000,
    "position": 3.5,
    "id": "spotify:track:1",
}


def test_the_commands_hand_links_over_as_arguments() -> None:
    assert command("list") == [*BASE, "list"]
    assert command("pause", "Music") == [*BASE, "pause", "Music"]
    link = 'http://r/"; do shell script "x'
    assert open_command("Music", link) == [*BASE, "location", "Music", link]
    assert open_command("Music", "file:///m/a%20b.m3u") == [*BASE, "file", "Music", "/m/a b.m3u"]
    assert open_command("Spotify", "spotify:album:1") == [*BASE, "play", "Spotify", "spotify:album:1"]


def test_the_script_knows_every_verb() -> None:
    script = SCRIPT.read_text(encoding="utf-8")
    for verb in ("pause", "resume", "next", "volume", "play", "location", "file"):
        assert f'case "{verb}":' in script


def test_what_the_script_tells() -> None:
    music = {"name": "Music", "state": "stopped", "volume": 100}
    first, second = parse_players(json.dumps([SPOTIFY, music]), 7.0)
    assert first.track == PlayingTrack("Rain", "One", duration_s=185.0, position_s=3.5)
    assert (first.id, first.playing, first.volume, first.schemes) == ("Spotify", True, 0.4, {"spotify"})
    assert (second.track, second.playing, second.stopped, second.volume) == (None, False, True, 1.0)
    (in_seconds,) = parse_players(json.dumps([{**SPOTIFY, "name": "Music", "duration": 185}]), 7.0)
    assert in_seconds.track is not None
    assert in_seconds.track.duration_s == 185.0


@pytest.mark.parametrize(
    "answer",
    ["", "x", "{}", "[1]", "[{}]", '[{"name": "Other"}]', '[{"name": ["Spotify"]}]', "null", "[" * 9000],
)
def test_what_is_no_answer_tells_of_no_player(answer: str) -> None:
    assert parse_players(answer, 0.0) == ()


def answering(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> MacPlayers:
    """A backend whose commands run Python in place of the system's scripting."""
    script = tmp_path / "script.py"
    script.write_text(code)
    monkeypatch.setattr(macos, "command", lambda *arguments: [sys.executable, str(script), *arguments])
    return MacPlayers(lambda: False)


def test_answers_and_failures_of_a_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told: list[Any] = [SPOTIFY]
    players = answering(monkeypatch, tmp_path, f"print({json.dumps(json.dumps(told))})")
    (spotify,) = players.players(0.0)
    assert players.players(60.0) == (spotify,)
    failures = {
        "execution error: Not authorized to send Apple events to Spotify. (-1743)": OutcomeKind.FORBIDDEN,
        "execution error: Error: not running (-2700)": OutcomeKind.GONE,
        "execution error: \\x1b[2J odd (-1728)": OutcomeKind.FAILED,
    }
    for problem, kind in failures.items():
        players = answering(monkeypatch, tmp_path, f"raise SystemExit({problem!r})")
        with pytest.raises(PlayerCallError) as caught:
            players.pause(spotify)
        assert caught.value.kind is kind
        assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(PlayersUnseenError):
        players.players(0.0)
    stopping = MacPlayers(lambda: True)
    answering(monkeypatch, tmp_path, "import time; time.sleep(60)")
    with pytest.raises(PlayerCallError, match="does not answer"):
        stopping.next(spotify)


def test_without_the_system_s_scripting_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(macos, "command", lambda *_: ["/nowhere/osascript"])
    with pytest.raises(PlayersUnseenError, match="cannot be asked"):
        MacPlayers(lambda: False).players(0.0)
