"""The engine's tracks: analysed by the models that the settings name, and gone when it closes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from attune.engine.engine import Engine
from core import paths
from core.settings import Settings
from models.mood.uploaded_track import TrackState
from tests.models.mood_graphs import write_backbone, write_head

pytestmark = pytest.mark.usefixtures("no_librosa")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(paths, "cache_dir", lambda: tmp_path / "cache")
    return Settings(
        journal=False,
        threads=1,
        mood_backbone=write_backbone(tmp_path / "backbone.onnx"),
        mood_head=write_head(tmp_path / "head.onnx"),
        max_file_minutes=1.0,
    )


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(160_000), 16_000)
    return path


def eventually(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.01)


def test_tracks_are_analysed_by_the_models_of_the_settings(settings: Settings, song: Path) -> None:
    before = set(threading.enumerate())
    for from_cache in (False, True):
        engine = Engine(settings)
        shelf = engine.tracks.open_session()
        shelf.add("song.wav", song)
        eventually(lambda shelf=shelf: not shelf.tracks()[0].open)  # type: ignore[misc]
        (track,) = shelf.tracks()
        assert track.analysis is not None, track.message
        assert track.analysis.from_cache is from_cache
        engine.close()
    assert len(list((paths.cache_dir() / "moods").iterdir())) == 1
    eventually(lambda: not set(threading.enumerate()) - before)


def test_another_head_is_not_mistaken_for_the_one_before(
    settings: Settings, song: Path, tmp_path: Path
) -> None:
    write_head(tmp_path / "other.onnx", metadata={"version": "2"})
    for head in (settings.mood_head, tmp_path / "other.onnx"):
        engine = Engine(settings.model_copy(update={"mood_head": head}))
        shelf = engine.tracks.open_session()
        shelf.add("song.wav", song)
        eventually(lambda shelf=shelf: not shelf.tracks()[0].open)  # type: ignore[misc]
        study = shelf.tracks()[0].analysis
        assert study is not None
        assert not study.from_cache
        engine.close()


def test_a_file_too_long_for_the_settings_is_a_sentence(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(8_000 * 90), 8_000)
    engine = Engine(settings)
    shelf = engine.tracks.open_session()
    shelf.add("long.wav", path)
    eventually(lambda: not shelf.tracks()[0].open)
    assert "long.wav lasts 1.5 minutes, more than the 1 allowed" in shelf.tracks()[0].message
    engine.close()


def test_missing_weights_are_a_sentence_and_listening_is_not_touched(settings: Settings, song: Path) -> None:
    engine = Engine(settings.model_copy(update={"mood_head": song.with_name("gone.onnx")}))
    engine.tracks.prepare()
    eventually(lambda: bool(engine.tracks.problem))
    assert "gone.onnx is missing" in engine.tracks.problem
    shelf = engine.tracks.open_session()
    shelf.add("song.wav", song)
    eventually(lambda: shelf.tracks()[0].state is TrackState.FAILED)
    assert shelf.tracks()[0].message == engine.tracks.problem
    engine.close()
