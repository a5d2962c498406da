from __future__ import annotations

import io
import queue
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile

from attune.engine.engine import Engine
from attune.engine.model_cache import ModelCache
from attune.engine.recent_events import Event
from attune.engine.stream_capacity import stream_capacity, stream_cost_s
from attune.engine.stream_listeners import StreamListeners, StreamsFullError
from core.errors import AttuneError
from core.settings import Settings, load_settings
from models.audio import decode
from models.emotion.recogniser import WINDOW_SAMPLES
from models.resample import SAMPLE_RATE_HZ
from realtime.capture import SourceKind, SourceSpec
from realtime.capture.demo import DEMO_FILE
from realtime.capture.push import PushSource
from realtime.listener import Listener
from realtime.notices import Notice, NoticeKind
from realtime.snapshot import WindowResult

WAIT_S = 60.0
HOP = SAMPLE_RATE_HZ // 2


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
            patch.setenv(name, str(tmp_path_factory.mktemp("profile")))
        # Room for what tests push at once.
        yield load_settings(journal=False, fifo_s=30.0)


@pytest.fixture(scope="module")
def streams(settings: Settings) -> Iterator[StreamListeners]:
    with closing(StreamListeners(settings, max_streams=2)) as found:
        found.prepare()
        yield found


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Eight seconds in which people speak, and some music plays; int16 at 16 kHz."""
    stretch = decode(DEMO_FILE)[10 * SAMPLE_RATE_HZ : 18 * SAMPLE_RATE_HZ]
    return (np.clip(stretch, -1.0, 1.0) * 32_767.0).astype(np.int16)


class Stream:
    """One stream whose sound waits for its answers, so that no window is overtaken."""

    def __init__(self, streams: StreamListeners, **options: object) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.source = PushSource(SAMPLE_RATE_HZ, 1, block_ms=100.0)
        self.listener: Listener = streams.open(self.source, self.events.put, **options)  # type: ignore[arg-type]

    def hear(self, sound: np.ndarray) -> list[WindowResult]:
        self.source.push(sound[:WINDOW_SAMPLES])
        windows = [self.next_window()]
        for start in range(WINDOW_SAMPLES, len(sound), HOP):
            self.source.push(sound[start : start + HOP])
            windows.append(self.next_window())
        return windows

    def next_window(self) -> WindowResult:
        while not isinstance(event := self.events.get(timeout=WAIT_S), WindowResult):
            pass
        return event


def test_a_stream_answers_as_the_live_path_does_on_the_same_sound(
    settings: Settings, streams: StreamListeners, sound: np.ndarray
) -> None:
    replayed: queue.SimpleQueue[Event] = queue.SimpleQueue()
    content = _wav(sound)
    with closing(Engine(settings.model_copy(update={"threads": 1}), on_event=replayed.put)) as engine:
        engine.start(
            SourceSpec(SourceKind.FILE, path=DEMO_FILE.with_suffix(".wav"), content=content, fast=True)
        )
        assert engine.wait(WAIT_S)
    expected = [event for event in _drain(replayed) if isinstance(event, WindowResult)]
    stream = Stream(streams)
    found = stream.hear(sound)
    streams.release(stream.listener)
    assert len(found) == len(expected) == 11
    assert [one.decision.kind for one in found] == [one.decision.kind for one in expected]
    assert any(one.reading.probabilities is not None for one in found)
    for one, other in zip(found, expected, strict=True):
        assert (one.reading.clock, one.reading.speech_share) == (
            other.reading.clock,
            other.reading.speech_share,
        )
        if one.reading.probabilities is not None:
            assert one.reading.probabilities == pytest.approx(other.reading.probabilities, abs=1e-4)
            assert one.reading.energy == pytest.approx(other.reading.energy, abs=1e-4)
            assert one.reading.pleasantness == pytest.approx(other.reading.pleasantness, abs=1e-4)


def test_a_stream_that_cannot_start_takes_no_place(
    streams: StreamListeners, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(AttuneError, match="no thread left"):
            Stream(streams)
    assert streams.count == 0


def test_streams_at_the_same_time_do_not_disturb_each_other(
    streams: StreamListeners, sound: np.ndarray
) -> None:
    other = np.zeros_like(sound)
    pair = Stream(streams), Stream(streams)
    voiced, silent = [stream.hear(heard) for stream, heard in zip(pair, (sound, other), strict=True)]
    for stream in pair:
        streams.release(stream.listener)
    assert any(one.reading.probabilities is not None for one in voiced)
    assert all(one.reading.probabilities is None for one in silent)


def test_beyond_the_capacity_a_stream_is_refused_until_one_ends(streams: StreamListeners) -> None:
    first, second = Stream(streams), Stream(streams)
    assert (streams.count, streams.capacity) == (2, 2)
    with pytest.raises(StreamsFullError, match="All 2 streams that keep their pace"):
        Stream(streams)
    streams.release(first.listener)
    third = Stream(streams)
    for stream in (second, third):
        streams.release(stream.listener)
    assert streams.count == 0


def test_what_was_pushed_before_the_end_is_answered_and_then_it_is_over(
    streams: StreamListeners, sound: np.ndarray
) -> None:
    stream = Stream(streams)
    stream.source.push(sound[:WINDOW_SAMPLES])
    stream.source.finish()
    assert isinstance(stream.events.get(timeout=WAIT_S), WindowResult)
    over = stream.events.get(timeout=WAIT_S)
    assert isinstance(over, Notice)
    assert over.kind is NoticeKind.FINISHED
    streams.release(stream.listener)


def test_a_threshold_of_its_own_holds_for_one_stream_alone(
    streams: StreamListeners, sound: np.ndarray
) -> None:
    usual, strict = Stream(streams), Stream(streams, threshold=0.99)
    accepted = [
        sum(one.decision.emotion is not None for one in stream.hear(sound)) for stream in (usual, strict)
    ]
    for stream in (usual, strict):
        streams.release(stream.listener)
    assert accepted[0] > accepted[1]


def test_music_is_heard_unless_it_is_not_asked_for(streams: StreamListeners, sound: np.ndarray) -> None:
    with_music, without = Stream(streams), Stream(streams, music=False)
    for stream in (with_music, without):
        stream.hear(sound[:WINDOW_SAMPLES])
    assert with_music.listener.snapshot().mood is not None
    assert without.listener.snapshot().mood is None
    for stream in (with_music, without):
        streams.release(stream.listener)


def test_the_capacity_is_measured_where_no_number_is_given(settings: Settings) -> None:
    with closing(StreamListeners(settings)) as streams:
        assert streams.capacity >= 1
        assert streams.model.threads == 1


def test_a_clock_that_stands_still_gives_a_capacity_all_the_same(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.thread_time", lambda: 7.0)
    cost_s = stream_cost_s(ModelCache(settings).for_listening(), settings)
    assert cost_s == 0.001
    assert stream_capacity(cost_s, 0.5, 2) == 600


def test_after_the_end_no_stream_is_opened(settings: Settings) -> None:
    streams = StreamListeners(settings, max_streams=1)
    stream = Stream(streams)
    streams.close()
    assert not stream.listener.snapshot().listening
    with pytest.raises(StreamsFullError, match="The server ends"):
        Stream(streams)


def test_a_model_that_is_missing_is_named_and_warming_up_survives_it(
    settings: Settings, tmp_path: Path
) -> None:
    broken = settings.model_copy(update={"emotion_model": tmp_path / "none.onnx"})
    with closing(StreamListeners(broken)) as streams:
        streams.warm_up()
        with pytest.raises(AttuneError, match=r"none\.onnx"):
            Stream(streams)


def _wav(sound: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound, SAMPLE_RATE_HZ, format="WAV")
    return file.getvalue()


def _drain(events: queue.SimpleQueue[Event]) -> list[Event]:
    found = []
    while not events.empty():
        found.append(events.get())
    return found
