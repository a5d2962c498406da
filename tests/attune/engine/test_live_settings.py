"""Settings of a running engine: a change holds at once or from when it says, is kept, and is read again."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from attune.engine.engine import Engine
from attune.engine.live_settings import LiveSettings
from core import paths
from core.errors import SettingsError
from core.setting_info import TakesEffect
from core.settings import Origin, Settings, load_settings, save_setting
from realtime.capture.source import SourceKind, SourceSpec
from realtime.snapshot import ListenerState
from tests.realtime.sources import ArraySource, voice


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("ATTUNE_"):
            monkeypatch.delenv(name)
    for folder in ("config_dir", "data_dir", "cache_dir"):
        monkeypatch.setattr(paths, folder, lambda folder=folder: tmp_path / folder)
    return tmp_path / "config_dir" / "settings.toml"


@pytest.fixture
def engine(file: Path) -> Iterator[Engine]:  # noqa: ARG001
    def endless(_spec: SourceSpec, _settings: Settings) -> ArraySource:
        return ArraySource(voice(30.0), lossless=False, live=True)

    engine = Engine(load_settings(), open_source=endless)
    yield engine
    engine.close()


def test_a_change_holds_and_is_kept(engine: Engine, file: Path) -> None:
    live = LiveSettings(engine)
    live.change("threshold", 0.9)
    live.change("idle_stop_s", "0")
    assert engine.threshold == engine.settings.threshold == 0.9
    assert tomllib.loads(file.read_text())["idle_stop_s"] == 0.0
    assert live.state.origins["threshold"] is Origin.FILE
    live.change("threshold", None)
    assert engine.threshold == 0.7
    assert "threshold" not in tomllib.loads(file.read_text())


def test_what_another_program_writes_is_taken_over(engine: Engine, file: Path) -> None:
    live = LiveSettings(engine)
    save_setting("hysteresis", 0.05)
    assert engine.settings.hysteresis == 0.15
    assert live.refresh().settings.hysteresis == engine.settings.hysteresis == 0.05
    file.write_text("hysteresis = \n")
    assert "settings.toml" in live.refresh().file_problem
    assert engine.settings.hysteresis == 0.15
    live.change("hysteresis", 0.1)
    assert live.aside is not None
    assert live.aside.read_text() == "hysteresis = \n"
    assert live.state.file_problem == ""


def test_what_cannot_be_kept_holds_for_this_run(
    engine: Engine, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveSettings(engine)
    file.parent.mkdir()
    file.write_text("")

    def refuse(*_: object, **__: object) -> int:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as read_only:
        read_only.setattr(os, "open", refuse)
        with pytest.raises(SettingsError, match="holds only until Attune ends"):
            live.change("threshold", 0.9)
    assert engine.threshold == 0.9
    assert live.state.origins["threshold"] is Origin.THIS_RUN
    save_setting("min_dwell_s", 2.0)  # by another program
    assert live.refresh().settings.min_dwell_s == 2.0
    assert engine.threshold == 0.9
    live.change("threshold", 0.8)
    assert live.state.origins["threshold"] is Origin.FILE
    assert engine.threshold == 0.8


def test_what_the_environment_or_the_program_sets_is_locked(
    engine: Engine, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTUNE_HOP_S", "1.0")
    engine.set_settings(engine.settings.model_copy(update={"threshold": 0.95, "hop_s": 1.0}))
    live = LiveSettings(engine)
    with pytest.raises(SettingsError, match="ATTUNE_HOP_S in the environment"):
        live.change("hop_s", 0.5)
    with pytest.raises(SettingsError, match="was given when Attune was started"):
        live.change("threshold", 0.5)
    live.change("min_dwell_s", 2.0)
    now = engine.settings
    assert (now.hop_s, now.threshold, now.min_dwell_s) == (1.0, 0.95, 2.0)
    assert sorted(tomllib.loads(file.read_text())) == ["min_dwell_s", "version"]


def test_a_wrong_value_changes_nothing(engine: Engine, file: Path) -> None:
    live = LiveSettings(engine)
    with pytest.raises(SettingsError, match="it goes from"):
        live.change("threshold", 7)
    assert engine.threshold == 0.7
    assert not file.exists()


def test_what_waits_for_the_next_start_is_named_until_then(engine: Engine, tmp_path: Path) -> None:
    live = LiveSettings(engine)
    live.change("hop_s", 1.0)
    live.change("output_device", "Kitchen")
    assert live.waiting() == {"output_device": TakesEffect.PROGRAM}
    engine.start(SourceSpec(SourceKind.MICROPHONE))
    live.change("hop_s", 0.5)
    live.change("threshold", 0.9)
    live.change("journal_path", str(tmp_path / "other.sqlite3"))
    waiting = dict.fromkeys(("hop_s", "journal_path"), TakesEffect.LISTENING)
    assert live.waiting() == {**waiting, "output_device": TakesEffect.PROGRAM}
    assert engine.journal is not None
    assert engine.journal.path == paths.data_dir() / "journal.sqlite3"
    engine.stop()
    assert engine.snapshot().state is ListenerState.STOPPED
    assert engine.journal.path == tmp_path / "other.sqlite3"
    live.change("journal", False)
    assert engine.journal is None


def test_another_model_is_loaded_when_it_is_next_needed(engine: Engine, tmp_path: Path) -> None:
    live = LiveSettings(engine)
    model = engine.model
    live.change("threshold", 0.9)
    assert engine.model is model
    live.change("threads", 1)
    assert engine.model.threads == 1
    live.change("emotion_model", str(tmp_path / "gone.onnx"))
    with pytest.raises(Exception, match=r"gone\.onnx"):
        engine.start(SourceSpec(SourceKind.MICROPHONE))
    live.change("emotion_model", None)
    assert engine.model.version == model.version
