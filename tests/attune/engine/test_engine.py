"""The engine: one source at a time, and every failure a sentence with the engine still usable."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from attune.engine.engine import Engine
from core.errors import AttuneError, AudioDecodeError, WeightsError
from core.settings import Settings
from realtime.capture import SourceKind, SourceSpec
from realtime.clip_summary import summarise
from realtime.snapshot import DecisionKind, ListenerState
from tests.realtime.sources import ArraySource, voice


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(journal_path=tmp_path / "journal.sqlite3", threads=1)


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = Engine(settings)
    yield engine
    engine.close()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "voice.wav"
    soundfile.write(path, voice(5.0), 16_000)
    return path


def eventually(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.01)


def file_spec(path: Path, *, fast: bool = True) -> SourceSpec:
    return SourceSpec(SourceKind.FILE, path=path, fast=fast)


def test_a_recording_is_heard_to_its_end_and_journalled(engine: Engine, recording: Path) -> None:
    engine.start(file_spec(recording))
    assert engine.wait(30.0)
    snapshot = engine.snapshot()
    assert snapshot.state is ListenerState.FINISHED
    assert snapshot.clock == 5 * 16_000
    assert engine.journal is not None
    assert engine.journal.flush(5.0)
    assert snapshot.session_id is not None
    assert len(engine.journal.windows(snapshot.session_id)) == 5


def test_an_upload_is_heard_from_memory(engine: Engine, recording: Path) -> None:
    content = recording.read_bytes()
    engine.start(SourceSpec(SourceKind.FILE, path=Path("up/load.wav"), content=content, fast=True))
    assert engine.wait(30.0)
    snapshot = engine.snapshot()
    assert snapshot.clock == 5 * 16_000
    assert snapshot.source is not None
    assert snapshot.source.name == "load.wav"


def test_a_second_start_replaces_the_first(engine: Engine, recording: Path, tmp_path: Path) -> None:
    long = tmp_path / "long.wav"
    soundfile.write(long, voice(30.0), 16_000)
    engine.start(file_spec(long, fast=False))
    first = engine.snapshot().session_id
    engine.start(file_spec(recording))
    assert engine.wait(30.0)
    assert engine.snapshot().session_id != first
    assert sum(t.name == "attune-worker" for t in threading.enumerate()) == 0


def test_missing_file_is_a_sentence_and_the_engine_goes_on(engine: Engine, recording: Path) -> None:
    with pytest.raises(AudioDecodeError, match=r"gone\.wav"):
        engine.start(file_spec(recording.with_name("gone.wav")))
    assert engine.snapshot().state is ListenerState.FAILED
    assert "gone.wav" in engine.snapshot().message
    engine.start(file_spec(recording))
    assert engine.wait(30.0)
    assert engine.snapshot().state is ListenerState.FINISHED


def test_text_renamed_to_mp3_is_a_sentence(engine: Engine, tmp_path: Path) -> None:
    poem = tmp_path / "poem.mp3"
    poem.write_text("Shall I compare thee to a summer's day?\n" * 100)
    with pytest.raises(AttuneError, match=r"poem\.mp3"):
        engine.recognise(poem)


def test_damaged_model_is_a_sentence_and_nothing_runs(settings: Settings, tmp_path: Path) -> None:
    broken = tmp_path / "model.onnx"
    broken.write_bytes(b"\x08\x07 no model")
    engine = Engine(settings.model_copy(update={"emotion_model": broken}))
    with pytest.raises(WeightsError, match=r"model\.onnx .*\. Correct the setting `emotion_model`, which"):
        engine.start(SourceSpec(SourceKind.DEMO))
    assert engine.snapshot().state is ListenerState.FAILED
    engine.close()


def test_a_journal_that_cannot_be_opened_does_not_stop_listening(recording: Path, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file where a folder should be")
    engine = Engine(Settings(journal_path=tmp_path / "blocked" / "journal.sqlite3", threads=1))
    engine.start(file_spec(recording))
    assert engine.wait(30.0)
    assert engine.snapshot().state is ListenerState.FINISHED
    assert "blocked" in engine.snapshot().journal_error
    engine.close()


def test_a_damaged_journal_is_set_aside_and_said(settings: Settings, recording: Path) -> None:
    settings.journal_path.write_bytes(b"SQLite format 3\x00" + b"rubbish" * 1_000)
    engine = Engine(settings)
    engine.start(file_spec(recording))
    assert engine.wait(30.0)
    assert "corrupt" in engine.snapshot().journal_notice
    assert engine.snapshot().journal_error == ""
    assert engine.journal is not None
    assert len(engine.journal.sessions()) == 1
    engine.close()


def test_missing_mood_models_do_not_stop_listening(
    settings: Settings, recording: Path, tmp_path: Path
) -> None:
    engine = Engine(settings.model_copy(update={"mood_backbone": tmp_path / "gone.onnx"}))
    engine.start(file_spec(recording))
    assert engine.wait(30.0)
    snapshot = engine.snapshot()
    assert snapshot.state is ListenerState.FINISHED
    assert snapshot.reading is not None
    assert snapshot.mood is None
    assert "gone.onnx" in snapshot.mood_error
    assert "singing may count as a voice" in snapshot.mood_error
    engine.close()


def test_threshold_outlives_the_source(engine: Engine, recording: Path) -> None:
    engine.set_threshold(0.95)
    clip = engine.recognise(recording)
    assert engine.threshold == 0.95
    assert all("95\xa0%" in w.decision.reason or w.decision.emotion for w in clip.windows)


def test_listening_stops_when_nobody_looks(settings: Settings) -> None:
    def endless(_spec: SourceSpec, _settings: Settings) -> ArraySource:
        return ArraySource(voice(30.0), lossless=False, live=True)

    engine = Engine(settings.model_copy(update={"idle_stop_s": 0.4}), open_source=endless)
    engine.start(SourceSpec(SourceKind.MICROPHONE))
    time.sleep(0.6)
    assert engine.snapshot().listening, "a program that never looks listens for ever"
    engine.heartbeat()
    eventually(lambda: engine.snapshot().state is ListenerState.STOPPED)
    assert "no page was open" in engine.snapshot().message
    engine.close()


def test_recognise_leaves_what_is_listened_to_alone(settings: Settings, recording: Path) -> None:
    engine = Engine(settings)
    engine.start(SourceSpec(SourceKind.DEMO))
    clip = engine.recognise(recording)
    assert engine.snapshot().listening
    assert [w.reading.clock for w in clip.windows] == list(range(48_000, 80_001, 8_000))
    engine.close()


def test_whole_clip_is_the_mean_of_its_windows_in_the_log_domain(engine: Engine, recording: Path) -> None:
    clip = engine.recognise(recording)
    assert clip.probabilities is not None
    assert sum(clip.probabilities) == pytest.approx(1.0)
    spoken = [w.reading for w in clip.windows if w.reading.probabilities is not None]
    logs = np.log([r.probabilities for r in spoken]).mean(axis=0)
    assert int(logs.argmax()) == int(np.argmax(clip.probabilities))
    assert summarise([], threshold=0.7).kind is DecisionKind.NO_SPEECH


def test_a_damaged_but_readable_recording_is_heard_and_said(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "cut.flac"
    soundfile.write(path, voice(8.0), 16_000)
    path.write_bytes(path.read_bytes()[:-40_000])
    clip = engine.recognise(path)
    assert clip.windows
    assert "cut.flac" in clip.notice


def test_close_leaves_no_thread(settings: Settings, recording: Path) -> None:
    before = set(threading.enumerate())
    engine = Engine(settings)
    engine.heartbeat()
    engine.start(file_spec(recording, fast=False))
    engine.close()
    eventually(lambda: not set(threading.enumerate()) - before)
