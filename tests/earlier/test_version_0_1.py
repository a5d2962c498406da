"""What version 0.1.0 wrote, before the rooms were moved, is read on: every file, nothing lost."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import keyring
import numpy as np
import pytest
from keyring.backends.null import Keyring

from core import paths
from core.directions import Direction
from core.emotions import EMOTIONS, Emotion
from core.settings import load_settings
from models.emotion.personal import load_voice
from models.emotion.recogniser import load_recogniser
from models.mood.result_store import ResultStore
from playback.library.tracks import read_library
from playback.mapping.styles import Strategy
from playback.player import PlayerKind
from playback.preferences.file import read_preferences
from playback.preferences.preferences import AutopilotSettings, Mode, PlaylistRef
from realtime.journal import Journal
from spotify.persistent_state import PersistentState
from spotify.token_store import TokenStore
from tests.paths import EARLIER

FILES = EARLIER / "version_0_1"


def restored(name: str, path: Path) -> Path:
    with closing(sqlite3.connect(path)) as database:
        database.executescript((FILES / name).read_text(encoding="utf-8"))
    return path


def test_journal(tmp_path: Path) -> None:
    path = restored("journal.sql", tmp_path / "journal.sqlite3")
    with closing(sqlite3.connect(path)) as before:
        windows = before.execute("SELECT count(*) FROM windows").fetchone()[0]
    with closing(Journal(path, retention_days=0)) as journal:
        first, second = sorted(journal.sessions(), key=lambda row: row.id)
        assert (first.source_name, first.model, first.app_version) == (
            "Built-in demo",
            "emotion-compact 4.0.0",
            "0.1.0",
        )
        rows = [*journal.windows(first.id), *journal.windows(second.id)]
        assert len(rows) == windows == 227
        accepted = [row for row in rows if row.kind == "accepted"]
        assert {row.emotion for row in accepted} <= set(EMOTIONS)
        assert len(accepted) > 20
        assert any(row.accepted_energy == "lively" for row in rows)
        events = [*journal.events(first.id), *journal.events(second.id)]
        assert len(events) == 5


def test_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "settings_file", lambda: FILES / "settings.toml")
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = load_settings()
    assert (settings.threshold, settings.energy_threshold, settings.retention_days) == (0.65, 0.85, 0)
    assert settings.crossfade_s == 2.0
    assert settings.spotify_client_id == "0123456789abcdef0123456789abcdef"


def test_music() -> None:
    preferences = read_preferences(FILES / "music.toml")
    sad = preferences.choices[Emotion.SAD]
    assert sad.strategy is Strategy.LIFT
    assert sad.match == (PlaylistRef("local:melancholic", "Melancholic"),)
    assert sad.lift[0] == PlaylistRef("spotify:playlist:37i9dQZF1DX3rxVfibe1L0", "Mood Booster", public=True)
    assert sad.lift[1].name == "Happy “quoted” ♪"
    lively = preferences.choices[Direction.LIVELY_UNPLEASANT]
    assert (lively.strategy, lively.match[0].name) == (Strategy.MATCH, "Energetic")
    assert preferences.autopilot == AutopilotSettings(Mode.AUTO, 6.0, 300.0, 30.0, 22 * 60 + 30, 7 * 60)
    assert (preferences.player, preferences.loudspeaker) == (PlayerKind.LOCAL, "USB speakers")


def test_voice() -> None:
    """With the model that it was fitted to."""
    kept = json.loads((FILES / "voice.json").read_text(encoding="utf-8"))
    model = replace(load_recogniser().info, sha256=kept["model_sha256"])
    voice = load_voice(FILES / "voice.json", model)
    assert voice is not None
    assert voice.enabled
    assert voice.clips == (4, 0, 4, 4, 4, 0, 0, 0)
    assert np.array_equal(voice.weights, np.array(kept["weights"]))


def test_what_spotify_s_room_remembers(tmp_path: Path) -> None:
    file = tmp_path / "spotify.json"
    shutil.copyfile(FILES / "spotify.json", file)
    memory = PersistentState(file, clock=lambda: 1_795_000_030.0)
    assert (memory.device, memory.calls()) == ("Kitchen", 7)
    assert memory.limited_until_s() == 1_795_000_060.0


def test_sign_in(tmp_path: Path) -> None:
    shutil.copyfile(FILES / "sign-in.json", tmp_path / "sign-in.json")
    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())  # type: ignore[no-untyped-call]
    try:
        kept = TokenStore(tmp_path).load()
    finally:
        keyring.set_keyring(before)
    assert kept is not None
    assert (kept.account, kept.refresh_token) == ("Somebody", "AQ-not-a-real-token")
    assert kept.scopes == ("user-read-playback-state", "playlist-read-private")


def test_library(tmp_path: Path) -> None:
    library = read_library(restored("library.sql", tmp_path / "library.sqlite3"))
    assert library.folder == Path("/home/somebody/Music")
    assert [row.title for row in library.playable] == ["high", "low"]
    assert len(library.rows) == 3
    assert all(row.moods is not None and row.duration_s == pytest.approx(6.0) for row in library.playable)


def test_moods_that_were_kept_are_computed_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They say nothing of music: what reads aloud had a mood."""
    (kept,) = (FILES / "moods").iterdir()
    shutil.copyfile(kept, tmp_path / kept.name)
    assert ResultStore(tmp_path).load(kept.stem, name="one - high.wav") is None
    assert not any(tmp_path.iterdir())
    assert caplog.messages == []
