"""The player that is already open, on a session bus of the test's own: mpv, and players that misbehave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from attune.engine.engine import Engine
from attune.engine.recent_events import Event
from core import paths
from core.directions import DIRECTIONS
from core.emotions import EMOTIONS
from core.settings import Settings
from playback.autopilot.attribution import TrackedState, observe
from playback.mapping.styles import Strategy
from playback.player import ConnectionState, Outcome, OutcomeKind, PlayerKind
from playback.preferences.file import read_preferences, write_preferences
from playback.preferences.preferences import AutopilotSettings, MappingEntry, Mode, PlaylistRef, Preferences
from playback.snapshot import MusicRecord, RecordKind
from playback.system_player.backends import list_open_players, open_backend, open_players
from playback.system_player.links import parse_link
from playback.system_player.player import SystemPlayer
from realtime.capture import SourceKind, SourceSpec
from tests.e2e.session_bus import Mpv, OddPlayer, eventually, session_bus
from tests.paths import ROOT

pytestmark = pytest.mark.e2e

BROWSER = {"Identity": ("s", "Browser"), "SupportedUriSchemes": ("as", [])}
DEAF = {"Identity": ("s", "Deaf"), "SupportedUriSchemes": ("as", ["http"])}
FILM = {
    "PlaybackStatus": ("s", "Playing"),
    "Metadata": ("a{sv}", {"xesam:title": ("s", "A film\x1b[2J"), "mpris:length": ("s", "two hours")}),
    "Position": ("s", "x"),
}


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with session_bus() as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        yield address


@pytest.fixture
def mpv(bus: str) -> Iterator[Mpv]:
    player = Mpv(bus)
    try:
        eventually(lambda: open_players() == ("mpv",))
        yield player
    finally:
        player.thaw()
        player.kill()


@pytest.fixture
def music(tmp_path: Path) -> dict[str, PlaylistRef]:
    """A folder, a list, one file and a stream, each of its own name."""
    folder = tmp_path / "Müsik & Co"
    folder.mkdir()
    tone = np.sin(np.arange(16_000 * 30) * 0.1).astype(np.float32) * 0.1
    for name in ("one", "two", "own choice"):
        soundfile.write(folder / f"{name}.wav", tone, 16_000)
    calm = folder / "calm"
    calm.mkdir()
    soundfile.write(calm / "three.wav", tone, 16_000)
    (tmp_path / "list.m3u").write_text(f"{folder.name}/one.wav\n{folder.name}/two.wav\n", encoding="utf-8")
    links = {"folder": calm, "list": tmp_path / "list.m3u", "file": folder / "two.wav"}
    return {name: parse_link(str(path), name=name) for name, path in links.items()}


@pytest.fixture
def make() -> Iterator[Callable[..., SystemPlayer]]:
    made: list[SystemPlayer] = []

    def build(links: dict[str, PlaylistRef]) -> SystemPlayer:
        made.append(SystemPlayer(open_backend, links=lambda: tuple(links.values())))
        return made[-1]

    yield build
    for player in made:
        player.close()


def ended(future: Any) -> Outcome:
    outcome = future.result(30.0)
    assert isinstance(outcome, Outcome)
    return outcome


def test_mpv_plays_each_kind_of_link_and_obeys(
    mpv: Mpv, music: dict[str, PlaylistRef], make: Callable[..., SystemPlayer], tmp_path: Path
) -> None:
    del mpv
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/M%C3%BCsik%20%26%20Co/one.wav"
        links = music | {"radio": parse_link(address, name="radio")}
        player = make(links)
        assert ended(player.refresh()) == Outcome(OutcomeKind.DONE, "mpv is open.")
        for name, link in links.items():
            assert ended(player.play(link.uri)) == Outcome(OutcomeKind.DONE, f"{name} plays in mpv now.")
            seen = player.snapshot()
            assert (seen.playing, seen.playlist and seen.playlist.name) == (True, name)
        server.shutdown()
    assert ended(player.play(links["list"].uri)).ok
    eventually(lambda: (player.snapshot().track or 0) and player.snapshot().track.title == "one.wav")
    assert ended(player.next()).ok
    assert player.snapshot().track.title == "two.wav"
    assert player.snapshot().playlist.name == "list"
    before_s = player.snapshot().track.position_s
    eventually(lambda: player.snapshot().track.position_s > before_s + 2.0)
    assert ended(player.pause()).ok
    assert not player.snapshot().playing
    assert ended(player.resume()).ok
    assert player.snapshot().playing
    assert ended(player.set_volume(0.4)).ok
    eventually(lambda: player.snapshot().volume == pytest.approx(0.4))
    assert [(one.name, one.playing) for one in list_open_players()] == [("mpv", True)]


def test_what_a_person_does_in_mpv_is_seen(
    bus: str, mpv: Mpv, music: dict[str, PlaylistRef], make: Callable[..., SystemPlayer], tmp_path: Path
) -> None:
    del mpv
    player = make(music)
    assert ended(player.play(music["list"].uri)).ok
    since_s = player.snapshot().taken_s

    def by_hand(*words: str) -> None:
        environment = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": bus}
        subprocess.run(["playerctl", *words], env=environment, check=True)

    by_hand("pause")
    eventually(lambda: not player.snapshot().playing)
    assert ended(player.play(music["folder"].uri, if_unchanged_since=since_s)).kind is OutcomeKind.CHANGED
    by_hand("play")
    eventually(lambda: player.snapshot().playing)
    by_hand("open", (tmp_path / "Müsik & Co" / "own choice.wav").as_uri())
    eventually(lambda: player.snapshot().playlist is None and player.snapshot().playing)
    assert player.snapshot().track.title == "own choice.wav"


def test_tracks_that_follow_one_another_by_themselves_are_nobody_s_doing(
    mpv: Mpv, make: Callable[..., SystemPlayer], tmp_path: Path
) -> None:
    del mpv
    folder = tmp_path / "short"
    folder.mkdir()
    for number in range(4):
        soundfile.write(folder / f"{number}.wav", np.full(32_000, 0.01, np.float32), 16_000)
    link = parse_link(str(folder))
    player = make({"short": link})
    state = TrackedState()
    assert ended(player.play(link.uri)).ok
    titles, actions = set(), []
    while (track := player.snapshot().track) is not None or player.snapshot().playing:
        titles.add("" if track is None else track.title)
        state, action = state.observed(observe(player.snapshot()), commanded=False)
        actions.append(action)
        time.sleep(0.05)
    assert titles >= {f"{number}.wav" for number in range(4)}
    assert set(actions) == {None}


def test_mpv_vanishes_in_the_middle_of_a_switch_and_comes_back(
    bus: str, mpv: Mpv, music: dict[str, PlaylistRef], make: Callable[..., SystemPlayer]
) -> None:
    player = make(music)
    assert ended(player.refresh()).ok
    mpv.freeze()
    answer = player.play(music["file"].uri)
    time.sleep(0.3)
    mpv.kill()
    outcome = ended(answer)
    assert outcome.kind in (OutcomeKind.GONE, OutcomeKind.NO_DEVICE)
    assert "open" in outcome.message
    eventually(lambda: player.snapshot().connection.state is ConnectionState.DISCONNECTED)
    assert player.snapshot().connection.message.startswith("No player is open: open Spotify, VLC, mpv")
    again = Mpv(bus)
    try:
        eventually(lambda: player.snapshot().connection.state is ConnectionState.CONNECTED)
        assert ended(player.play(music["file"].uri)).ok
    finally:
        again.kill()


def test_one_that_does_not_answer_is_named_and_nothing_waits_long(
    mpv: Mpv, music: dict[str, PlaylistRef], make: Callable[..., SystemPlayer]
) -> None:
    player = make(music)
    assert ended(player.refresh()).ok
    mpv.freeze()
    outcome = ended(player.play(music["file"].uri))
    assert outcome.kind is OutcomeKind.NO_DEVICE
    assert "mpv does not answer" in player.snapshot().connection.message
    mpv.thaw()
    eventually(lambda: player.snapshot().connection.state is ConnectionState.CONNECTED)


def test_what_cannot_be_opened_is_said(mpv: Mpv, make: Callable[..., SystemPlayer]) -> None:
    del mpv
    nothing = parse_link("http://127.0.0.1:9/live", name="Silence")
    rain = parse_link("spotify:album:4aawyAB9vmqN3uQ7FjRGTy", name="Rain")
    player = make({"a": nothing, "b": rain})
    outcome = ended(player.play(nothing.uri))
    assert (outcome.kind, outcome.message.split(":")[0]) == (
        OutcomeKind.EMPTY,
        "mpv was given Silence, but plays nothing",
    )
    assert "mpv cannot open links of Spotify" in ended(player.play(rain.uri)).message


def test_browsers_and_broken_players_are_listed_and_harm_nothing(
    bus: str, music: dict[str, PlaylistRef], make: Callable[..., SystemPlayer]
) -> None:
    odd = [
        OddPlayer(bus, "browser", BROWSER, dict(FILM)),
        OddPlayer(bus, "deaf", DEAF, {"CanControl": ("b", False)}),
        OddPlayer(bus, "odd", {"Identity": ("i", 7)}, {"Metadata": ("i", 1), "Volume": ("s", "loud")}),
        OddPlayer(bus, "silent", BROWSER, {}, refuses=("GetAll",)),
        OddPlayer(bus, "playerctld", BROWSER, dict(FILM)),
    ]
    try:
        assert [one.name for one in list_open_players()] == ["Browser", "Deaf", "odd", "silent"]
        assert open_players() == ()
        player = make(music)
        assert "open no links: open Spotify" in ended(player.refresh()).message
        seen = player.snapshot()
        assert (seen.connection.state, seen.playing) == (ConnectionState.DEGRADED, True)
        assert "cannot open files" in ended(player.play(music["file"].uri)).message
        assert "OpenUri" not in odd[0].asked
        odd[0].change(PlaybackStatus=("s", "Paused"))
        eventually(lambda: not player.snapshot().playing)
        assert "no next track" not in ended(player.next()).message
        assert odd[0].asked.count("Next") == 1
    finally:
        for one in odd:
            one.close()


def test_a_refusal_is_told_and_harmless_to_show(
    bus: str, music: dict[str, PlaylistRef], make: Callable[..., SystemPlayer]
) -> None:
    refusing = OddPlayer(bus, "no", DEAF, {"CanControl": ("b", True)}, refuses=("OpenUri",))
    try:
        outcome = ended(make(music).play(music["file"].uri))
        assert outcome.kind is OutcomeKind.FAILED
        assert "Deaf did not do it (not today\\x1b[2J)" in outcome.message
    finally:
        refusing.close()


@pytest.mark.parametrize(
    "address",
    ["", "unix:path=/nowhere/bus", "tcp:host=127.0.0.1,port=9", "autolaunch:", "nonsense", "unix:x"],
)
def test_without_a_bus_it_is_said(
    address: str, monkeypatch: pytest.MonkeyPatch, make: Callable[..., SystemPlayer]
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    player = make({})
    outcome = ended(player.refresh())
    assert outcome.kind is OutcomeKind.NO_DEVICE
    assert "D-Bus, by which players that are open are found" in outcome.message
    assert outcome.message.endswith((".", "itself."))
    assert open_players() == ()


def test_a_bus_that_breaks_off_is_found_again(
    monkeypatch: pytest.MonkeyPatch, music: dict[str, PlaylistRef], make: Callable[..., SystemPlayer]
) -> None:
    with session_bus() as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        player = make(music)
        assert "No player is open" in ended(player.refresh()).message
    eventually(lambda: "D-Bus" in player.snapshot().connection.message)
    with session_bus() as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        again = Mpv(address)
        try:
            eventually(lambda: player.snapshot().connection.state is ConnectionState.CONNECTED)
        finally:
            again.kill()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of the test's own, for this process and for those that it starts."""
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return tmp_path


def attune(*words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "attune", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_from_a_pasted_link_to_a_switch_by_the_autopilot(
    mpv: Mpv, home: Path, music: dict[str, PlaylistRef]
) -> None:
    del mpv
    code, out, _ = attune("player", "list", "--json")
    assert (code, json.loads(out)[0]["name"]) == (0, "mpv")
    code, out, _ = attune("player", "add", str(home / "list.m3u"), "--name", "Rain")
    assert (code, out.startswith("Rain is kept.")) == (0, True)
    code, _, problem = attune("player", "add", "https://open.spotify.com/track/4aawyAB9vmqN3uQ7FjRGTy")
    assert (code, "is one song" in problem) == (1, True)
    kept = read_preferences(paths.music_file())
    entry = MappingEntry(Strategy.MATCH, kept.links)
    autopilot = AutopilotSettings(Mode.AUTO, dwell_s=0.0, cooldown_s=10.0)
    chosen = Preferences(
        choices=dict.fromkeys((*EMOTIONS, *DIRECTIONS), entry), autopilot=autopilot, links=kept.links
    )
    write_preferences(replace(chosen, player=PlayerKind.SYSTEM), paths.music_file())
    code, out, _ = attune("doctor")
    assert any("Open players" in line and "mpv" in line for line in out.splitlines())
    events: list[Event] = []
    engine = Engine(Settings(journal_path=home / "journal.sqlite3"), on_event=events.append)
    try:
        controller = engine.music
        eventually(lambda: controller.snapshot().player.connection.state is ConnectionState.CONNECTED)
        engine.start(SourceSpec(SourceKind.DEMO))
        switched = lambda: [  # noqa: E731
            one for one in events if isinstance(one, MusicRecord) and one.kind is RecordKind.SWITCHED
        ]
        eventually(switched, 60.0)
        assert controller.snapshot().player.playlist is not None
        assert controller.snapshot().player.playlist.name == "Rain"
        assert controller.snapshot().player.playing
    finally:
        engine.close()
    del music
