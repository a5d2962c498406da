"""Music that follows, on a real sound server: a voice changes it, and what is played steers nothing."""

from __future__ import annotations

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
from attune.engine.recent_events import Event, EventHandler
from core.emotions import EMOTIONS, Emotion
from core.settings import Settings
from playback.mapping.styles import Strategy
from playback.player import ConnectionState, PlayerKind
from playback.preferences.preferences import MappingEntry, Mode, PlaylistRef
from playback.snapshot import RecordKind
from realtime.capture import SourceKind, SourceSpec
from realtime.snapshot import WindowResult
from tests.e2e.sound_server import SoundServer
from tests.fake_spotify import CLIENT_ID, fake_spotify
from tests.paths import DEMO

pytestmark = pytest.mark.e2e

MICROPHONE = SourceSpec(SourceKind.MICROPHONE)
"""The demo's voice, which the model accepts as angry in a part of it."""
ANGRY_S = (23, 35)


def eventually(condition: Callable[[], Any], timeout_s: float = 30.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.05)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of the test's own, and no keyring of the machine's."""
    for name in ("config_dir", "data_dir", "cache_dir"):
        folder = tmp_path / name
        monkeypatch.setattr(f"core.paths.{name}", lambda folder=folder: folder)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return tmp_path


@pytest.fixture
def angry(tmp_path: Path) -> Path:
    """The angry voice as a file that a sound server plays, two seconds of silence around it."""
    sound, rate_hz = soundfile.read(DEMO, dtype="float32")
    sound = sound[ANGRY_S[0] * rate_hz : ANGRY_S[1] * rate_hz]
    path = tmp_path / "angry.wav"
    soundfile.write(path, np.pad(sound, (2 * rate_hz, 2 * rate_hz)), rate_hz)
    return path


@pytest.fixture
def make(home: Path, sound_server: SoundServer) -> Iterator[Callable[..., Engine]]:
    made: list[Engine] = []

    def build(*, on_event: EventHandler | None = None, **settings: Any) -> Engine:
        made.append(Engine(Settings(journal_path=home / "journal.sqlite3", **settings), on_event=on_event))
        return made[-1]

    assert sound_server.plugged
    yield build
    for engine in made:
        engine.close()


def in_auto(engine: Engine, refs: tuple[PlaylistRef, ...]) -> None:
    """Let all emotions lead to these playlists, at once and by itself."""
    music = engine.music
    preferences = music.snapshot().preferences
    music.set_preferences(
        replace(
            preferences,
            choices={emotion: MappingEntry(Strategy.MATCH, refs) for emotion in EMOTIONS},
            autopilot=replace(preferences.autopilot, mode=Mode.AUTO, dwell_s=0.0, cooldown_s=10.0),
        )
    )


def test_a_voice_in_the_room_changes_the_music_on_spotify(
    make: Callable[..., Engine], sound_server: SoundServer, angry: Path
) -> None:
    with fake_spotify() as server:
        server.auto_consent = True
        server.add_device("Desk", active=True)
        wanted = server.add_playlist("Storm")
        engine = make(spotify_accounts_url=server.url, spotify_api_url=server.url, spotify_callback_port=0)
        music = engine.music
        engine.spotify.begin_sign_in(CLIENT_ID)
        assert engine.spotify.sign_in is not None
        requests.get(engine.spotify.sign_in.url, timeout=10)
        eventually(lambda: music.snapshot().player.connection.state is ConnectionState.CONNECTED)
        assert music.kind is PlayerKind.SPOTIFY
        eventually(lambda: music.snapshot().player.playlists)
        in_auto(engine, (PlaylistRef(wanted.uri, "Storm"),))
        engine.start(MICROPHONE)
        eventually(lambda: engine.snapshot().decision is not None)
        assert not server.played
        sound_server.speak(angry)
        eventually(lambda: wanted.uri in [played.uri for played in server.played])
        eventually(lambda: music.snapshot().records[:1])
        switched = next(one for one in music.snapshot().records if one.kind is RecordKind.SWITCHED)
        assert switched.reason
        assert len([one for one in server.played if one.by == "app"]) == 1
        engine.stop()
        journal, session = engine.journal, engine.snapshot().session_id
        assert journal is not None
        assert session is not None
        assert journal.flush(5.0)
        events = [event for event in journal.events(session) if event.kind.startswith("music")]
        assert events
        assert not any("Storm" in event.detail for event in events)


def test_what_the_local_player_plays_does_not_steer_and_does_not_drown_a_voice(
    make: Callable[..., Engine], sound_server: SoundServer, angry: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    sound, rate_hz = soundfile.read(angry, dtype="float32")
    for number in range(3):  # an angry voice is all that these songs are
        soundfile.write(folder / f"{number}.wav", np.tile(sound, 2), rate_hz)
    accepted: list[tuple[int, Emotion | None]] = []

    def take(event: Event) -> None:
        if isinstance(event, WindowResult):
            accepted.append((event.decision.clock, event.decision.emotion))

    engine = make(on_event=take)
    assert engine.library.scan(folder).files == 3
    music = engine.music
    engine.use_player(PlayerKind.LOCAL)
    eventually(lambda: music.snapshot().player.playlists)
    playlist = next(one for one in music.snapshot().player.playlists if ":folder:" in one.uri)
    engine.start(MICROPHONE)
    eventually(lambda: engine.snapshot().decision is not None)
    assert music.play(playlist.uri).result(10.0).ok
    time.sleep(25.0)  # as long as the voice is heard
    assert music.snapshot().player.playing
    assert [emotion for _, emotion in accepted if emotion is not None] == []
    talk = engine.snapshot().sustained
    assert talk is not None
    assert talk.emotion is None
    assert music.pause().result(10.0).ok
    time.sleep(4.0)
    sound_server.speak(angry)  # the same voice, from the room, is one
    assert "angry" in [emotion for _, emotion in accepted]
