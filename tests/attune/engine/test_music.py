"""The engine's music: players, sign-in, library and decisions joined, over real HTTP and real files."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import soundfile

from attune.engine.engine import Engine
from core import paths
from core.directions import Direction
from core.emotions import Emotion
from core.errors import AttuneError, MusicError
from core.settings import Settings
from playback.mapping.styles import Strategy, Style
from playback.player import ConnectionState, OutcomeKind, PlayerKind, Playlist
from playback.preferences.file import export_preferences, read_preferences, write_preferences
from playback.preferences.preferences import AutopilotSettings, MappingEntry, Mode, PlaylistRef, Preferences
from playback.snapshot import MusicRecord, Phase, RecordKind
from realtime.capture.source import SourceKind, SourceSpec
from tests.fake_spotify import CLIENT_ID, fake_spotify
from tests.models.emotion_graphs import write_emotion_model
from tests.paths import DEMO
from tests.playback.own_music import HandOutputs
from tests.terminal import Terminal

"""The demo's voice, which the model accepts as angry in a part of it."""


def eventually(condition: Callable[[], Any], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of the test's own, and no keyring of the machine's."""
    for name in ("config_dir", "data_dir", "cache_dir"):
        folder = tmp_path / name
        monkeypatch.setattr(paths, name, lambda folder=folder: folder)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return tmp_path


@pytest.fixture
def make() -> Iterator[Callable[..., Engine]]:
    made: list[Engine] = []

    def build(**settings: Any) -> Engine:
        made.append(Engine(Settings(journal=False, threads=1, **settings)))
        return made[-1]

    yield build
    for engine in made:
        engine.close()


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    folder = tmp_path / "songs"
    folder.mkdir()
    time_s = np.arange(5 * 16_000) / 16_000
    for number, hz in enumerate((220.0, 440.0, 880.0)):
        soundfile.write(folder / f"{number}.wav", 0.2 * np.sin(2 * np.pi * hz * time_s), 16_000)
    return folder


def test_without_a_word_it_is_a_dry_run_that_suggests(make: Callable[..., Engine]) -> None:
    engine = make()
    assert engine.music_snapshot() is None
    snapshot = engine.music.snapshot()
    assert snapshot.player.kind is PlayerKind.DRY_RUN
    assert snapshot.preferences.autopilot.mode is Mode.SUGGEST
    assert snapshot.phase is Phase.NOT_LISTENING
    assert engine.music_snapshot() is not None
    assert [one.style for one in engine.music.candidates(Emotion.HAPPY)] == [Style.UPBEAT]


def test_decisions_are_kept_and_found_again(make: Callable[..., Engine]) -> None:
    engine = make()
    chosen = MappingEntry(Strategy.MATCH, (PlaylistRef("dry-run:style:chill", "Chill"),))
    preferences = engine.music.snapshot().preferences
    engine.music.set_preferences(replace(preferences, choices={**preferences.choices, Emotion.SAD: chosen}))
    engine.music.set_mode(Mode.AUTO)
    eventually(lambda: read_preferences(paths.music_file()).autopilot.mode is Mode.AUTO)
    again = make().music.snapshot().preferences
    assert again.choices[Emotion.SAD] == chosen
    assert again.autopilot.mode is Mode.AUTO


def test_a_file_that_cannot_be_read_is_said_and_left_alone(make: Callable[..., Engine]) -> None:
    paths.music_file().parent.mkdir(parents=True)
    paths.music_file().write_text("[autopilot]\nmode = 'automatic'\n")
    engine = make()
    assert "'automatic'" in engine.music.snapshot().problem
    assert "Until then the defaults hold." in engine.music.snapshot().problem
    assert "automatic" in paths.music_file().read_text()


def test_export_and_import_leave_the_player_as_it_is(make: Callable[..., Engine]) -> None:
    engine = make()
    text = export_preferences(engine.music.snapshot().preferences).replace(
        'player = "dry-run"', 'player = "local"'
    )
    engine.music.import_preferences(text.replace('mode = "suggest"', 'mode = "off"'))
    assert engine.music.snapshot().preferences.autopilot.mode is Mode.OFF
    assert engine.music.snapshot().preferences.player is PlayerKind.DRY_RUN
    with pytest.raises(MusicError, match="There is no key 'modus'"):
        engine.music.import_preferences("[autopilot]\nmodus = 'off'\n")


def test_the_loudspeaker_of_the_local_player_is_remembered_and_no_import_changes_it(
    make: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attune.engine.music.PortAudioOutputs", HandOutputs)
    write_preferences(Preferences(player=PlayerKind.LOCAL, loudspeaker="Kitchen"), paths.music_file())
    engine = make()
    engine.music.import_preferences('loudspeaker = "Elsewhere"')
    assert engine.music.snapshot().preferences.loudspeaker == "Kitchen"
    assert engine.music.choose_device("Cellar").result(20).kind is OutcomeKind.GONE
    assert engine.music.choose_device("").result(20).ok
    eventually(lambda: read_preferences(paths.music_file()).loudspeaker == "")
    assert engine.music.snapshot().preferences.player is PlayerKind.LOCAL


def test_links_that_another_program_pastes_meanwhile_are_not_lost(
    make: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus")
    ours, theirs = PlaylistRef("system:http://radio/a", "A"), PlaylistRef("system:http://radio/b", "B")
    write_preferences(Preferences(player=PlayerKind.SYSTEM, links=(ours,)), paths.music_file())
    engine = make()
    assert [one.uri for one in engine.music.snapshot().preferences.links] == [ours.uri]
    eventually(lambda: [one.uri for one in engine.music.snapshot().player.playlists] == [ours.uri])
    write_preferences(Preferences(player=PlayerKind.SYSTEM, links=(ours, theirs)), paths.music_file())
    engine.music.set_mode(Mode.AUTO)
    eventually(lambda: read_preferences(paths.music_file()).autopilot.mode is Mode.AUTO)
    assert read_preferences(paths.music_file()).links == (ours, theirs)
    preferences = engine.music.snapshot().preferences
    engine.music.set_preferences(replace(preferences, links=()))
    eventually(lambda: read_preferences(paths.music_file()).links == (theirs,))
    eventually(lambda: engine.music.snapshot().player.playlists == ())


def test_what_is_lent_for_one_run_is_not_kept(make: Callable[..., Engine]) -> None:
    write_preferences(Preferences(), paths.music_file())
    engine = make()
    music = engine.open_music(PlayerKind.LOCAL, Mode.AUTO)
    assert music.kind is PlayerKind.LOCAL
    assert music.snapshot().preferences.autopilot.mode is Mode.AUTO
    music.set_mode(Mode.OFF)
    engine.close()
    assert read_preferences(paths.music_file()) == Preferences()


def test_a_scan_gives_the_local_player_its_playlists(make: Callable[..., Engine], songs: Path) -> None:
    engine = make()
    engine.use_player(PlayerKind.LOCAL)
    eventually(lambda: engine.music.snapshot().player.connection.state is ConnectionState.DISCONNECTED)
    assert "attune library scan" in engine.music.snapshot().player.connection.message
    (songs / "text.mp3").write_text("no sound")
    engine.library.start_scan(songs)
    eventually(lambda: engine.library.scanning is not None and not engine.library.scanning.running, 60.0)
    assert engine.library.scanning is not None
    assert (engine.library.scanning.done, engine.library.scanning.total, engine.library.scanning.problem) == (
        4,
        4,
        "",
    )
    assert engine.library.counts == (3, 1)
    assert engine.library.folder == songs
    eventually(lambda: len(engine.music.snapshot().player.playlists) == len(Style) + 1)
    assert [one.style for one in engine.music.candidates(Emotion.ANGRY)] == [Style.ENERGETIC]


def test_a_folder_that_is_not_there_is_said(make: Callable[..., Engine], tmp_path: Path) -> None:
    engine = make()
    with pytest.raises(MusicError, match=r"There is no folder .*absent"):
        engine.library.start_scan(tmp_path / "absent")
    assert engine.library.scanning is None


def test_signing_in_goes_over_to_spotify_and_disconnecting_forgets_it(
    make: Callable[..., Engine], home: Path
) -> None:
    with fake_spotify() as server:
        server.auto_consent = True
        server.add_device("Desk", active=True)
        server.add_playlist("Chill evening")
        engine = make(spotify_accounts_url=server.url, spotify_api_url=server.url, spotify_callback_port=0)
        assert engine.spotify.account.client_id == ""
        assert any("developer.spotify.com" in step for step in engine.spotify.sign_in_steps)
        engine.spotify.begin_sign_in(CLIENT_ID, may_create=True)
        assert engine.spotify.sign_in is not None
        assert engine.spotify.sign_in.waiting
        requests.get(engine.spotify.sign_in.url, timeout=10)
        eventually(lambda: engine.music.snapshot().player.connection.state is ConnectionState.CONNECTED)
        # The player is told of a sign-in before the sign-in itself is over.
        eventually(lambda: engine.spotify.sign_in is not None and not engine.spotify.sign_in.waiting)
        assert engine.spotify.sign_in.outcome is not None
        assert engine.spotify.sign_in.outcome.ok
        assert engine.music.kind is PlayerKind.SPOTIFY
        eventually(lambda: engine.music.candidates(Emotion.NEUTRAL))
        assert [one.name for one in engine.music.candidates(Emotion.NEUTRAL)] == ["Chill evening"]
        public = server.add_playlist("Workout", owner="friend7", followed=False)
        assert engine.spotify.search(Style.ENERGETIC).result(20).ok
        assert [one.uri for one in engine.spotify.found[Style.ENERGETIC]] == [public.uri]
        choice = MappingEntry(Strategy.MATCH, (PlaylistRef(public.uri, "Workout", public=True),))
        preferences = engine.music.snapshot().preferences
        engine.music.set_preferences(
            replace(preferences, choices={**preferences.choices, Emotion.ANGRY: choice})
        )
        assert engine.music.missing() == ()
        assert [one.uri for one in engine.music.candidates(Emotion.ANGRY)] == [public.uri]
        assert engine.music.play(public.uri).result(20).ok
        engine.spotify.sign_in_again()
        requests.get(engine.spotify.sign_in.url, timeout=10)
        eventually(lambda: engine.spotify.sign_in is not None and not engine.spotify.sign_in.waiting)
        assert engine.spotify.account.may_create  # the right to do so has been asked for again
        assert (
            "Attune: energetic and Attune: exciting were made"
            in engine.spotify.create_missing().result(20).message
        )
        names = [one.name for one in engine.music.snapshot().player.playlists]
        made = ["Attune: energetic", "Attune: exciting", "Attune: upbeat", "Attune: uplifting"]
        assert sorted(names) == [*made, "Chill evening"]
        eventually(lambda: engine.music.snapshot().records[0].outcome is OutcomeKind.DONE)
        with pytest.raises(MusicError, match="for each style already"):
            engine.spotify.create_missing()
        eventually(lambda: read_preferences(paths.music_file()).player is PlayerKind.SPOTIFY)
        assert engine.spotify.account.notice == ""
        engine.spotify.disconnect()
        eventually(lambda: engine.music.snapshot().player.connection.state is ConnectionState.DISCONNECTED)
        eventually(lambda: engine.music.snapshot().records[0].reason.startswith("You disconnected Spotify"))
        assert engine.spotify.account.client_id == ""
        assert engine.spotify.found == {}
        kept = [file for file in home.rglob("*") if file.is_file() and "spotify" in file.parts]
        assert kept == []


def test_a_sign_in_that_waits_ends_with_cancel_disconnect_and_the_program_whatever_plays(
    make: Callable[..., Engine], home: Path
) -> None:
    with fake_spotify() as server:
        engine = make(spotify_accounts_url=server.url, spotify_api_url=server.url, spotify_callback_port=0)
        music = engine.music
        for end in (engine.spotify.cancel_sign_in, engine.spotify.disconnect, engine.close):
            engine.spotify.begin_sign_in(CLIENT_ID)
            assert engine.spotify.sign_in is not None
            url = engine.spotify.sign_in.url
            engine.use_player(PlayerKind.SPOTIFY)
            engine.use_player(PlayerKind.DRY_RUN)
            end()
            eventually(lambda: engine.spotify.sign_in is None or not engine.spotify.sign_in.waiting)
            server.auto_consent = True
            with contextlib.suppress(requests.ConnectionError):  # nobody listens for the answer any more
                requests.get(url, timeout=10)
            server.auto_consent = False
            assert music.kind is PlayerKind.DRY_RUN
            assert not list(home.rglob("sign-in.json"))


def test_what_is_no_client_id_is_said(make: Callable[..., Engine]) -> None:
    engine = make()
    with pytest.raises(AttuneError, match="is no client id"):
        engine.spotify.begin_sign_in("abc")
    assert engine.spotify.sign_in is None
    with pytest.raises(MusicError, match="choose it as the player first"):
        engine.spotify.create_missing()
    with pytest.raises(MusicError, match="choose it as the player first"):
        engine.spotify.search(Style.CHILL)


def test_what_is_accepted_changes_the_music(make: Callable[..., Engine], tmp_path: Path) -> None:
    sound, rate_hz = soundfile.read(DEMO, dtype="float32")
    soundfile.write(tmp_path / "angry.wav", sound[23 * rate_hz : 35 * rate_hz], rate_hz)
    engine = make(energy_threshold=0.99, pleasantness_threshold=0.99)  # no direction comes before the emotion
    music = engine.open_music(PlayerKind.DRY_RUN, Mode.AUTO)
    eventually(lambda: music.snapshot().player.playlists)
    preferences = music.snapshot().preferences
    music.set_preferences(
        replace(preferences, autopilot=replace(preferences.autopilot, dwell_s=0.0, cooldown_s=10.0))
    )
    engine.start(SourceSpec(SourceKind.FILE, path=tmp_path / "angry.wav"))
    eventually(lambda: music.snapshot().phase is not Phase.NOT_LISTENING)
    eventually(lambda: music.snapshot().records)
    switched = music.snapshot().records[-1]
    assert switched.kind is RecordKind.SWITCHED
    assert switched.feeling is Emotion.ANGRY
    assert switched.playlist is not None
    assert switched.playlist.style is Style.ENERGETIC
    engine.stop()
    eventually(lambda: music.snapshot().phase is Phase.NOT_LISTENING)


@pytest.fixture
def lively(tmp_path: Path) -> tuple[Path, Path]:
    """A voice, and a model to which it is lively and, for sure, of no emotion."""
    sound, rate_hz = soundfile.read(DEMO, dtype="float32")
    soundfile.write(tmp_path / "voice.wav", sound[23 * rate_hz : 30 * rate_hz], rate_hz)
    model = write_emotion_model(tmp_path / "lively.onnx", axes=("energy",), energy_offset=40.0)
    return tmp_path / "voice.wav", model


def test_where_no_emotion_is_sure_a_direction_changes_the_music(
    make: Callable[..., Engine], lively: tuple[Path, Path]
) -> None:
    voice, model = lively
    engine = make(emotion_model=model, threshold=0.99)
    music = engine.open_music(PlayerKind.DRY_RUN, Mode.AUTO)
    eventually(lambda: music.snapshot().player.playlists)
    preferences = music.snapshot().preferences
    music.set_preferences(replace(preferences, autopilot=replace(preferences.autopilot, dwell_s=0.0)))
    engine.start(SourceSpec(SourceKind.FILE, path=voice))
    eventually(lambda: music.snapshot().records)
    switched = music.snapshot().records[-1]
    assert switched.kind is RecordKind.SWITCHED
    assert switched.feeling is Direction.LIVELY
    assert switched.playlist is not None
    assert switched.playlist.style is Style.UPBEAT


def test_a_direction_that_changes_the_music_is_told_in_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, lively: tuple[Path, Path]
) -> None:
    voice, model = lively
    write_preferences(Preferences(autopilot=AutopilotSettings(dwell_s=0.0)), paths.music_file())
    monkeypatch.setenv("ATTUNE_EMOTION_MODEL", str(model))
    monkeypatch.setenv("ATTUNE_THRESHOLD", "0.99")
    monkeypatch.setenv("ATTUNE_JOURNAL", "false")
    listen = Terminal(capsys, monkeypatch, "listen")
    code, out, _ = listen("--source", voice, "--json", "--player", "dry-run", "--autopilot", "auto")
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    switched = next(line for line in lines if line.get("music") == "switched")
    assert (switched["emotion"], switched["direction"]) == (None, "lively")
    assert switched["reason"].startswith("A lively voice was heard")
    assert switched["playlist"] == "Upbeat (preview)"


def test_music_in_the_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    listen = Terminal(capsys, monkeypatch, "listen")
    code, _, said = listen("--source", "demo", "--fast", "--player", "dry-run")
    assert code == 2
    assert "Invalid value for --fast" in said
    assert listen("--player", "gramophone")[0] == 2


def test_the_journal_notes_what_plays_but_no_name_that_comes_from_spotify(
    tmp_path: Path, lively: tuple[Path, Path]
) -> None:
    voice, model = lively
    settings = Settings(threads=1, emotion_model=str(model), journal_path=tmp_path / "journal.sqlite3")
    with contextlib.closing(Engine(settings)) as engine:
        music, journal = engine.music, engine.journal
        assert journal is not None
        engine.start(SourceSpec(SourceKind.FILE, path=voice))
        for uri, name in (("local:style:chill", "Chill"), ("spotify:playlist:7", "Secret evening")):
            record = MusicRecord(0.0, RecordKind.SWITCHED, "So.", Emotion.SAD, Playlist(uri, name))
            music.add_record(record, "So.")
        eventually(lambda: len(music.snapshot().records) == 2)
        assert journal.flush(5.0)
        found = [event for event in journal.events(1) if event.kind == "music switched"]
    assert [(event.feeling, event.playlist) for event in found] == [
        ("sad", "Chill"),
        ("sad", "a playlist on Spotify"),
    ]
