"""`attune player`: links are kept in the file of preferences, and open players are listed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from core import paths
from playback.player import PlayingTrack
from playback.preferences.file import read_preferences
from playback.system_player.addresses import link_of, local_path
from playback.system_player.backend import OpenPlayer, PlayersUnseenError
from tests.terminal import Terminal

ID = "4aawyAB9vmqN3uQ7FjRGTy"


@pytest.fixture
def attune(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(capsys, monkeypatch)


@pytest.fixture
def music_file() -> Path:
    return paths.music_file()


def test_links_are_added_listed_and_removed(attune: Terminal, music_file: Path) -> None:
    assert attune("player", "links")[1].startswith("No link is kept: add one")
    code, out, _ = attune("player", "add", f"https://open.spotify.com/album/{ID}?si=1", "--name", "Rain")
    assert (code, out.startswith("Rain is kept.")) == (0, True)
    assert read_preferences(music_file).links[0].uri == f"system:spotify:album:{ID}"
    assert json.loads(attune("player", "links", "--json")[1]) == [
        {"uri": f"system:spotify:album:{ID}", "name": "Rain", "public": False}
    ]
    assert f"spotify:album:{ID}" in attune("player", "links")[1]
    code, _, problem = attune("player", "add", f"spotify:album:{ID}")
    assert (code, "there already" in problem) == (1, True)
    assert attune("player", "remove", "rain")[0] == 0
    code, _, problem = attune("player", "remove", "rain")
    assert (code, "There is no link" in problem) == (1, True)


@pytest.mark.skipif(os.name != "posix", reason="no such names elsewhere")
@pytest.mark.parametrize(
    "name", [b"a\nb.mp3", b"caf\xe9.mp3", b"tab\t.mp3", b"\x1b[2J.mp3", b"we:ird.mp3", b" 'q'.mp3"]
)
def test_a_file_is_taken_whatever_it_is_called(
    attune: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, music_file: Path, name: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / os.fsdecode(name)
    file.write_bytes(b"x")
    code, out, err = attune("player", "add", os.fsdecode(name))
    assert (code, err, len(out.splitlines())) == (0, "", 1)
    (kept,) = read_preferences(music_file).links
    assert local_path(link_of(kept.uri)) == file


def test_a_name_like_an_option_is_told_how_to_be_written(
    attune: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("-song.mp3", "--name.mp3"):
        (tmp_path / name).write_bytes(b"x")
        code, _, err = attune("player", "add", name)
        assert (code, f"For the file of that name write ./{name}" in err) == (2, True)
        assert attune("player", "add", f"./{name}")[0] == 0
    assert "For the file" not in attune("player", "add", "-none.mp3")[2]


def test_a_broken_file_is_named_and_left_as_it_is(attune: Terminal, music_file: Path) -> None:
    music_file.parent.mkdir(parents=True, exist_ok=True)
    music_file.write_text("odd = = 1")
    code, _, problem = attune("player", "add", f"spotify:album:{ID}")
    assert (code, str(music_file) in problem.replace("\n", "")) == (1, True)
    assert music_file.read_text() == "odd = = 1"


def test_open_players_are_listed_and_told_why_they_cannot_be(
    attune: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: tuple[OpenPlayer, ...] = ()
    monkeypatch.setattr("attune.cli.player.list_open_players", lambda: found)
    assert attune("player", "list")[1].startswith("No player is open")
    assert attune("player", "list", "--json")[1] == "[]\n"
    track = PlayingTrack("Song\x1b[2J", "One")
    found = (OpenPlayer("x", "mpv", playing=True, track=track, schemes=frozenset({"file", "http"})),)
    out = attune("player", "list")[1]
    assert "\x1b" not in out
    assert "file, http" in out
    (told,) = json.loads(attune("player", "list", "--json")[1])
    assert (told["name"], told["playing"], told["opens"]) == ("mpv", True, ["file", "http"])

    def refuse() -> None:
        raise PlayersUnseenError("This session has no D-Bus: start it from the desktop.")

    monkeypatch.setattr("attune.cli.player.list_open_players", refuse)
    code, _, problem = attune("player", "list")
    assert (code, "no D-Bus" in problem) == (1, True)
