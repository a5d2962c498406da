"""Events of the engine: windows, notices and the music in the order in which they happened."""

from __future__ import annotations

import json
import queue
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile

import attune
from attune.engine.engine import Engine
from attune.engine.recent_events import Event
from core import paths
from core.errors import AttuneError
from core.settings import Settings
from playback.player import PlayerKind
from playback.snapshot import MusicRecord, RecordKind
from realtime.capture import PushSource, SourceKind, SourceSpec
from realtime.notices import Notice, NoticeKind
from realtime.snapshot import ListenerState, WindowResult
from tests.models.emotion_graphs import write_emotion_model
from tests.models.mood_graphs import write_backbone, write_head
from tests.realtime.sources import VanishingSource, voice


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("config_dir", "data_dir", "cache_dir"):
        monkeypatch.setattr(paths, name, lambda: tmp_path)
    return Settings(
        journal_path=tmp_path / "journal.sqlite3",
        emotion_model=write_emotion_model(tmp_path / "emotion.onnx"),
        mood_backbone=write_backbone(tmp_path / "backbone.onnx"),
        mood_head=write_head(tmp_path / "head.onnx"),
        threads=1,
        stall_s=0.5,
        retry_s=0.1,
    )


@pytest.fixture
def events() -> queue.SimpleQueue[Event]:
    return queue.SimpleQueue()


@pytest.fixture
def make(settings: Settings, events: queue.SimpleQueue[Event]) -> Iterator[Callable[..., Engine]]:
    made: list[Engine] = []

    def build(**more: object) -> Engine:
        made.append(Engine(settings, on_event=events.put, **more))  # type: ignore[arg-type]
        return made[-1]

    yield build
    for engine in made:
        engine.close()


def drained(events: queue.SimpleQueue[Event]) -> list[Event]:
    return [events.get() for _ in range(events.qsize())]


def notices_of(events: list[Event]) -> list[Notice]:
    return [event for event in events if isinstance(event, Notice)]


def eventually(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.01)


def cut_flac(folder: Path, seconds: float = 4.0) -> Path:
    whole = folder / "whole.flac"
    soundfile.write(whole, voice(seconds), 16_000)
    cut = folder / "cut.flac"
    cut.write_bytes(whole.read_bytes()[: round(0.9 * whole.stat().st_size)])
    return cut


def test_a_device_that_vanishes_and_comes_back_is_told_between_the_windows(
    make: Callable[..., Engine], events: queue.SimpleQueue[Event]
) -> None:
    source = VanishingSource(voice(4.0), refusals=2)
    engine = make(open_source=lambda *_: source)
    engine.start(SourceSpec(SourceKind.MICROPHONE))
    eventually(lambda: source.opened >= 2 and engine.snapshot().clock >= 8 * 16_000)
    engine.stop()
    told = drained(events)
    heard = [notice for notice in notices_of(told) if notice.kind.value.startswith(("device", "stopped"))]
    assert [(notice.kind, notice.ends) for notice in heard][:2] == [
        (NoticeKind.DEVICE_LOST, None),
        (NoticeKind.DEVICE_BACK, NoticeKind.DEVICE_LOST),
    ]
    assert heard[0].message.startswith("array has stopped delivering sound")
    windows = [event for event in told if isinstance(event, WindowResult)]
    before = told.index(heard[0])
    assert all(w.reading.clock <= 4 * 16_000 for w in windows if told.index(w) < before)
    assert told.index(heard[1]) < told.index(windows[-1])
    # Whoever looks reads the same list.
    assert engine.snapshot().notices == tuple(notices_of(told))


def test_what_a_decoder_tolerated_is_told_before_the_end(
    make: Callable[..., Engine], events: queue.SimpleQueue[Event], tmp_path: Path
) -> None:
    engine = make()
    engine.start(SourceSpec(SourceKind.FILE, path=cut_flac(tmp_path), fast=True))
    assert engine.wait(30.0)
    told = drained(events)
    assert [notice.kind for notice in notices_of(told)] == [NoticeKind.RECORDING, NoticeKind.FINISHED]
    assert "cut.flac" in notices_of(told)[0].message
    assert isinstance(told[-3], WindowResult)


def test_a_source_that_cannot_be_opened_is_told_once_for_each_attempt(
    make: Callable[..., Engine], events: queue.SimpleQueue[Event], tmp_path: Path
) -> None:
    engine = make()
    for name in ("gone.wav", "away.wav"):
        with pytest.raises(AttuneError, match=name):
            engine.start(SourceSpec(SourceKind.FILE, path=tmp_path / name))
        for _ in range(3):
            engine.snapshot()
    told = notices_of(drained(events))
    assert [notice.kind for notice in told] == [NoticeKind.FAILED] * 2
    assert [name in notice.message for name, notice in zip(("gone", "away"), told, strict=True)] == [True] * 2


def test_a_journal_that_is_locked_for_a_while_is_told_with_its_end(
    make: Callable[..., Engine], events: queue.SimpleQueue[Event], settings: Settings
) -> None:
    engine = make(open_source=lambda *_: VanishingSource(voice(40.0), refusals=0))
    engine.start(SourceSpec(SourceKind.MICROPHONE))
    with closing(sqlite3.connect(settings.journal_path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        eventually(lambda: engine.snapshot().journal_error)
        other.execute("ROLLBACK")
    eventually(lambda: not engine.snapshot().journal_error)
    kinds = [notice.kind for notice in notices_of(drained(events)) if "journal" in notice.kind]
    assert kinds == [NoticeKind.JOURNAL_PROBLEM, NoticeKind.JOURNAL_BACK]


def test_a_call_and_what_happens_to_the_music_are_events_too(
    make: Callable[..., Engine], events: queue.SimpleQueue[Event]
) -> None:
    engine = make()
    controller = engine.open_music(PlayerKind.DRY_RUN)
    for number in range(300):  # more than a snapshot keeps
        controller.add_record(MusicRecord(1.0, RecordKind.USER, f"{number}"), "")
    controller.set_call(True)
    eventually(lambda: engine.snapshot().notices)
    controller.set_call(False)
    eventually(lambda: len(engine.snapshot().notices) == 2)
    told = drained(events)
    records = [event.reason for event in told if isinstance(event, MusicRecord)]
    assert records[:300] == [f"{number}" for number in range(300)]
    assert [notice.kind for notice in notices_of(told)] == [NoticeKind.CALL_ON, NoticeKind.CALL_OFF]


def test_mood_models_that_are_missing_are_told_once(
    settings: Settings, events: queue.SimpleQueue[Event], tmp_path: Path
) -> None:
    without = settings.model_copy(update={"mood_backbone": tmp_path / "gone.onnx"})
    soundfile.write(tmp_path / "talk.wav", voice(5.0), 16_000)
    with closing(Engine(without, on_event=events.put)) as engine:
        engine.start(SourceSpec(SourceKind.FILE, path=tmp_path / "talk.wav", fast=True))
        assert engine.wait(30.0)
        assert engine.snapshot().state is ListenerState.FINISHED
    kinds = [notice.kind for notice in notices_of(drained(events))]
    assert kinds == [NoticeKind.MOOD_PROBLEM, NoticeKind.FINISHED]


def test_loud_and_lost_sound_are_told_from_real_sound(
    make: Callable[..., Engine], events: queue.SimpleQueue[Event], tmp_path: Path
) -> None:
    loud = np.clip(20.0 * voice(4.0), -1.0, 1.0)
    soundfile.write(tmp_path / "loud.wav", np.concatenate([loud, voice(14.0)]), 16_000)
    engine = make()
    engine.start(SourceSpec(SourceKind.FILE, path=tmp_path / "loud.wav", fast=True))
    assert engine.wait(30.0)
    told = notices_of(drained(events))
    assert [notice.kind for notice in told] == [
        *(NoticeKind.CLIPPING, NoticeKind.CLIPPING_OVER, NoticeKind.FINISHED)
    ]
    assert 14 * 16_000 <= told[1].clock <= 16 * 16_000


def test_sound_that_is_pushed_faster_than_it_can_be_heard_is_told_to_be_lost_once(
    make: Callable[..., Engine], events: queue.SimpleQueue[Event]
) -> None:
    source = PushSource(16_000, 1)
    engine = make(open_source=lambda *_: source)
    engine.start(SourceSpec(SourceKind.PUSH))
    source.push(voice(10.0))  # there is room for 2 s
    for _ in range(14):
        eventually(lambda: engine.snapshot().clock >= 30_000)
        clock = engine.snapshot().clock
        source.push(voice(1.0))
        eventually(lambda before=clock: engine.snapshot().clock >= before + 14_000)  # type: ignore[misc]
    engine.stop()
    told = [notice for notice in notices_of(drained(events)) if "sound" in notice.kind]
    assert [notice.kind for notice in told] == [NoticeKind.SOUND_LOST, NoticeKind.SOUND_COMPLETE]
    assert told[1].clock - told[0].clock >= 9 * 16_000  # it is told with the next level


def test_the_public_iterator_gives_notices_where_they_are_asked_for(
    settings: Settings, tmp_path: Path
) -> None:
    cut = cut_flac(tmp_path)
    quiet = settings.model_copy(update={"journal": False})
    windows = list(attune.listen(cut, settings=quiet))
    both = list(attune.listen(cut, settings=quiet, notices=True))
    assert [type(event) for event in both] == [*[WindowResult] * len(windows), Notice, Notice]
    assert [event.kind for event in both if isinstance(event, Notice)] == [
        *(attune.NoticeKind.RECORDING, attune.NoticeKind.FINISHED)
    ]


def test_a_cut_recording_in_the_terminal_is_told_in_words_and_as_json(tmp_path: Path) -> None:
    cut = cut_flac(tmp_path)

    def run(*options: str) -> list[str]:
        command = [sys.executable, "-m", "attune", "listen", "--source", str(cut), "--fast", *options]
        environment = {"HOME": str(tmp_path), "ATTUNE_JOURNAL": "false", "PATH": ""}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    lines = [json.loads(line) for line in run("--json")]
    assert [(line["type"], line["kind"]) for line in lines[-2:]] == [
        ("notice", "recording"),
        ("notice", "finished"),
    ]
    assert "cut.flac" in lines[-2]["message"]
    assert len([line for line in run() if "cut.flac" in line and lines[-2]["message"] in line]) == 1
