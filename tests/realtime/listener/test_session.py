"""The listener: nothing lost, nothing left running, and a sentence for whatever goes wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from core.directions import Direction
from core.emotions import EMOTIONS
from core.errors import AttuneError, AudioDecodeError, DeviceNotFoundError
from core.settings import Settings
from models.emotion.personal import PersonalVoice, fit_personal
from models.emotion.recogniser import Answers, EmotionRecogniser, load_recogniser
from models.high_pass import HighPass
from models.runtime import Session
from realtime.capture.source import AudioSink, AudioSource, SourceInfo
from realtime.journal import Journal
from realtime.listener import Listener
from realtime.snapshot import Decision, DecisionKind, ListenerState, Reading, Snapshot, WindowResult
from realtime.voice_activity import load_voice_activity_session
from tests.models.emotion_graphs import write_emotion_model
from tests.patience import PROMPT_S
from tests.realtime.sources import ArraySource, VanishingSource, voice


@pytest.fixture(scope="module")
def recogniser() -> EmotionRecogniser:
    return load_recogniser(threads=1)


@pytest.fixture(scope="module")
def silero() -> Session:
    return load_voice_activity_session()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.sqlite3", retention_days=0)
    yield journal
    journal.close()


@pytest.fixture
def make(recogniser: EmotionRecogniser, silero: Session) -> Iterator[Callable[..., Listener]]:
    made: list[Listener] = []

    def build(source: AudioSource, settings: Settings | None = None, **more: object) -> Listener:
        common = {"recogniser": recogniser, "voice_activity": silero, "settings": settings or Settings()}
        listener = Listener(source, **{**common, **more})  # type: ignore[arg-type]
        made.append(listener)
        return listener

    yield build
    for listener in made:
        listener.stop()


def eventually(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.01)


def our_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith(("attune-", "test-source"))]


def speech_and_silence() -> np.ndarray:
    return np.concatenate([voice(6.0), np.zeros((64_000, 1), dtype=np.float32), voice(3.0, seed=1)])


def replay(
    make: Callable[..., Listener],
    source: AudioSource,
    *,
    personal: PersonalVoice | None = None,
    **more: object,
) -> list[tuple[Reading, Decision]]:
    out: list[tuple[Reading, Decision]] = []
    listener = make(source, on_window=lambda window: out.append((window.reading, window.decision)), **more)
    listener.set_voice(personal)
    listener.start()
    assert listener.wait(60.0)
    assert listener.snapshot().state is ListenerState.FINISHED
    return out


def test_no_thread_left_is_said_and_leaves_nothing_behind(
    make: Callable[..., Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, start = our_threads(), threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "attune-emotion":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    listener = make(ArraySource(voice(4.0)))
    with pytest.raises(AttuneError, match="no thread left"):
        listener.start()
    assert listener.snapshot().state is ListenerState.FAILED
    eventually(lambda: our_threads() == before)


def test_windows_come_at_three_seconds_and_every_hop(make: Callable[..., Listener]) -> None:
    clocks = [reading.clock for reading, _ in replay(make, ArraySource(speech_and_silence()))]
    assert clocks == list(range(48_000, 13 * 16_000 + 1, 8_000))


def test_speech_is_asked_about_and_silence_is_not(make: Callable[..., Listener]) -> None:
    answers = replay(make, ArraySource(speech_and_silence()))
    first, quiet = answers[0], answers[14]  # windows that end at 3 s and at 10 s
    assert first[0].probabilities is not None
    assert sum(first[0].probabilities) == pytest.approx(1.0, abs=1e-5)
    assert quiet[0].probabilities is None
    assert quiet[1].kind is DecisionKind.NO_SPEECH


@pytest.mark.parametrize(("rate_hz", "channels"), [(16_000, 1), (44_100, 2), (8_000, 1), (96_000, 8)])
def test_replay_is_the_same_for_any_block_size(
    make: Callable[..., Listener], rate_hz: int, channels: int
) -> None:
    signal = np.repeat(voice(5.0, rate_hz=rate_hz), channels, axis=1)
    runs = [
        [
            (reading.clock, reading.speech_share, reading.probabilities, decision)
            for reading, decision in replay(
                make, ArraySource(signal, rate_hz=rate_hz, block_frames=block_frames)
            )
        ]
        for block_frames in (160, 1_024, 4_801)
    ]
    assert len(runs[0]) == 5
    assert runs[0] == runs[1] == runs[2]


def test_no_sample_is_lost_or_repeated(make: Callable[..., Listener]) -> None:
    signal = voice(7.3)
    listener = make(ArraySource(signal, block_frames=333))
    listener.start()
    assert listener.wait(30.0)
    snapshot = listener.snapshot()
    assert snapshot.clock == len(signal)
    assert snapshot.counters.lost_frames == snapshot.counters.dropped_windows == 0


def test_recording_shorter_than_a_window_gets_one_answer(make: Callable[..., Listener]) -> None:
    answers = replay(make, ArraySource(voice(2.0)))
    assert [reading.clock for reading, _ in answers] == [48_000]
    assert answers[0][0].probabilities is not None


def test_one_second_of_voice_is_speech_enough(make: Callable[..., Listener]) -> None:
    ((reading, _),) = replay(make, ArraySource(voice(1.0)))
    assert reading.speech_share > 0.8
    assert reading.probabilities is not None


def test_empty_recording_ends_without_an_answer(make: Callable[..., Listener]) -> None:
    assert replay(make, ArraySource(np.zeros((0, 1), dtype=np.float32))) == []


def test_recording_that_breaks_off_says_so(make: Callable[..., Listener]) -> None:
    listener = make(ArraySource(voice(4.0), error=AudioDecodeError("talk.mp3 breaks off after 4 s.")))
    listener.start()
    assert listener.wait(30.0)
    snapshot = listener.snapshot()
    assert snapshot.state is ListenerState.FAILED
    assert snapshot.message == "talk.mp3 breaks off after 4 s."
    assert snapshot.decision is not None


def test_nan_in_the_sound_does_not_stop_anything(make: Callable[..., Listener]) -> None:
    signal = voice(6.0)
    signal[20_000:21_000] = np.nan
    answers = replay(make, ArraySource(signal))
    assert all(np.isfinite(reading.probabilities or (0.0,)).all() for reading, _ in answers)


def test_stop_comes_at_once_and_leaves_no_thread(make: Callable[..., Listener]) -> None:
    before = our_threads()
    listener = make(ArraySource(voice(60.0), lossless=False, live=True))
    listener.start()
    assert {"attune-worker", "attune-emotion", "attune-watchdog"} <= set(our_threads())
    started_s = time.monotonic()
    listener.stop()
    assert time.monotonic() - started_s < PROMPT_S
    assert listener.snapshot().state is ListenerState.STOPPED
    eventually(lambda: our_threads() == before, 2.0)


def test_a_hundred_starts_and_stops_leave_nothing_behind(make: Callable[..., Listener]) -> None:
    before = set(threading.enumerate())
    for _ in range(100):
        listener = make(ArraySource(voice(1.0), lossless=False, live=True))
        listener.start()
        listener.stop()
    eventually(lambda: set(threading.enumerate()) <= before, 2.0)


def test_slow_model_drops_and_counts_instead_of_queueing(
    make: Callable[..., Listener], recogniser: EmotionRecogniser
) -> None:
    class Slow:
        info = recogniser.info

        def answers(self, windows: np.ndarray) -> Answers:
            time.sleep(0.2)
            return recogniser.answers(windows)

    seen: list[Reading] = []
    source = ArraySource(voice(30.0), lossless=False)  # 20 times as fast as sound: 40 windows a second
    listener = make(source, recogniser=Slow(), on_window=lambda window: seen.append(window.reading))
    listener.start()
    assert listener.wait(60.0)
    counters = listener.snapshot().counters
    assert counters.dropped_windows > 0
    assert counters.windows == len(seen) + counters.dropped_windows
    assert [r.clock for r in seen] == sorted({r.clock for r in seen})
    assert listener.snapshot().clock == 30 * 16_000


def test_lost_device_is_said_sought_and_taken_up_again(
    make: Callable[..., Listener], journal: Journal
) -> None:
    settings = Settings(stall_s=1.0, retry_s=0.1)
    source = VanishingSource(voice(6.0), refusals=3)
    listener = make(source, settings, journal=journal)
    seen: list[Snapshot] = []

    def reach(wanted: ListenerState) -> Snapshot:
        """The snapshot in which it came to be: a moment later it may be over."""

        def observe() -> bool:
            seen.append(listener.snapshot())
            return seen[-1].state is wanted

        eventually(observe)
        return seen[-1]

    listener.start()
    lost = reach(ListenerState.DEVICE_LOST)
    assert "array" in lost.message
    assert lost.listening
    back = reach(ListenerState.LISTENING)
    assert source.opened == 2
    assert back.counters.reconnects == 1
    assert back.message == ""
    listener.stop()
    journal.flush(5.0)
    session = listener.snapshot().session_id
    assert session is not None
    # On a busy machine blocks may be late as well, which is a gap.
    kinds = [event.kind for event in journal.events(session) if event.kind != "gap"]
    assert kinds[:2] == ["device lost", "device back"]


def test_window_never_spans_a_lost_device(make: Callable[..., Listener]) -> None:
    clocks: list[int] = []
    source = VanishingSource(voice(4.0), refusals=0)
    listener = make(
        source,
        Settings(stall_s=0.5, retry_s=0.1),
        on_window=lambda window: clocks.append(window.reading.clock),
    )
    listener.start()
    eventually(lambda: source.opened >= 2 and max(clocks, default=0) >= source.begun[1] + 48_000)
    listener.stop()
    for begun in source.begun:
        assert not [clock for clock in clocks if begun < clock < begun + 48_000]


def test_a_reopened_device_starts_the_gate_anew(
    make: Callable[..., Listener], recogniser: EmotionRecogniser
) -> None:
    class Happy:
        info = recogniser.info

        def answers(self, windows: np.ndarray) -> Answers:
            happy = np.tile(np.array([0.01, 0.01, 0.93, 0.01, 0.01, 0.01, 0.01, 0.01]), (len(windows), 1))
            return Answers(happy, np.log(happy), np.log(happy))

    decisions: list[Decision] = []
    source = VanishingSource(voice(4.0), refusals=0)
    settings = Settings(stall_s=0.5, retry_s=0.1, min_dwell_s=1.0)
    listener = make(
        source,
        settings,
        recogniser=Happy(),
        on_window=lambda window: decisions.append(window.decision),
    )
    listener.start()
    eventually(lambda: source.opened >= 2 and decisions[-1].clock >= source.begun[1] + 48_000)
    listener.stop()
    after = [decision for decision in decisions if decision.clock > source.begun[1]]
    assert after[0].kind is DecisionKind.UNSURE


def test_a_library_that_throws_something_odd_is_asked_again(make: Callable[..., Listener]) -> None:
    class Odd(VanishingSource):
        thrown = 0

        def open(self, sink: AudioSink) -> SourceInfo:
            if self.opened == 1 and self.thrown < 2:
                self.thrown += 1
                raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "a device name")
            return super().open(sink)

    source = Odd(voice(4.0), refusals=0)
    listener = make(source, Settings(stall_s=0.5, retry_s=0.1))
    listener.start()
    eventually(lambda: source.opened >= 2)
    eventually(lambda: listener.snapshot().state is ListenerState.LISTENING)


def test_a_dropout_does_not_erase_the_speech_around_it(make: Callable[..., Listener]) -> None:
    class Overflowing(ArraySource):
        def _deliver(self, sink: AudioSink) -> None:
            for index, block in enumerate(self._blocks()):
                if index == 250:  # at 5 s
                    sink.overflow()
                sink.write(block)
            sink.end()

    shares: list[float] = []
    listener = make(
        Overflowing(voice(7.0)), on_window=lambda window: shares.append(window.reading.speech_share)
    )
    listener.start()
    assert listener.wait(30.0)
    assert listener.snapshot().counters.overflows == 1
    assert min(shares) > 0.8


def test_stop_while_the_device_is_lost(make: Callable[..., Listener]) -> None:
    listener = make(VanishingSource(voice(4.0), refusals=10_000), Settings(stall_s=0.5, retry_s=0.1))
    listener.start()
    eventually(lambda: listener.snapshot().state is ListenerState.DEVICE_LOST)
    listener.stop()
    assert listener.snapshot().state is ListenerState.STOPPED
    eventually(lambda: our_threads() == [], 2.0)


def test_stop_does_not_wait_for_a_device_that_does_not_answer(make: Callable[..., Listener]) -> None:
    class Hanging(VanishingSource):
        hanging = threading.Event()
        closed_after = False

        def open(self, sink: AudioSink) -> SourceInfo:
            if self.opened:
                self.hanging.set()
                time.sleep(5.0)
                self.closed_after = False
            return super().open(sink)

        def close(self) -> None:
            super().close()
            self.closed_after = True

    source = Hanging(voice(4.0), refusals=0)
    listener = make(source, Settings(stall_s=0.5, retry_s=0.1))
    listener.start()
    assert source.hanging.wait(10.0)
    started_s = time.monotonic()
    listener.stop()
    assert time.monotonic() - started_s < PROMPT_S
    assert listener.snapshot().state is ListenerState.STOPPED
    eventually(lambda: our_threads() == [])
    assert source.closed_after


def test_source_that_cannot_be_opened_starts_nothing(make: Callable[..., Listener]) -> None:
    source = VanishingSource(voice(0.5), refusals=1)
    source.opened = 1
    listener = make(source)
    with pytest.raises(DeviceNotFoundError, match="no microphone called 'array'"):
        listener.start()
    assert listener.snapshot().state is ListenerState.FAILED
    eventually(lambda: our_threads() == [], 2.0)


def test_internal_error_ends_with_a_sentence_not_with_silence(
    make: Callable[..., Listener], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_window: WindowResult) -> None:
        raise RuntimeError("boom")

    listener = make(ArraySource(voice(6.0)), on_window=broken)
    listener.start()
    assert listener.wait(30.0)
    snapshot = listener.snapshot()
    assert snapshot.state is ListenerState.FAILED
    assert "boom" in snapshot.message
    assert "internal error" in caplog.text


def test_model_error_ends_with_its_sentence(
    make: Callable[..., Listener], recogniser: EmotionRecogniser
) -> None:
    class Failing:
        info = recogniser.info

        def answers(self, _windows: np.ndarray) -> Answers:
            raise AttuneError("The emotion model answered with NaN.")

    listener = make(ArraySource(voice(6.0)), recogniser=Failing())
    listener.start()
    assert listener.wait(30.0)
    assert listener.snapshot().message == "The emotion model answered with NaN."


def test_threshold_changes_while_listening(make: Callable[..., Listener]) -> None:
    needed: list[str] = []
    listener = make(ArraySource(voice(8.0)), on_window=lambda window: needed.append(window.decision.reason))
    listener.set_settings(Settings(threshold=0.99))
    listener.start()
    assert listener.wait(30.0)
    assert any("99\xa0%" in reason for reason in needed)


def test_history_keeps_two_minutes(make: Callable[..., Listener]) -> None:
    listener = make(ArraySource(np.zeros((150 * 16_000, 1), dtype=np.float32), block_frames=8_000))
    listener.start()
    assert listener.wait(60.0)
    history = listener.snapshot().history
    assert history[-1].clock == 150 * 16_000
    assert history[0].clock == 30 * 16_000


def test_journals_of_two_replays_are_equal(make: Callable[..., Listener], journal: Journal) -> None:
    rows = []
    for block_frames in (160, 4_801):
        listener = make(ArraySource(speech_and_silence(), block_frames=block_frames), journal=journal)
        listener.start()
        assert listener.wait(60.0)
        listener.stop()
        assert journal.flush(10.0)
        session = listener.snapshot().session_id
        assert session is not None
        rows.append(
            [
                {k: v for k, v in row.items() if k not in {"session_id", "latency_ms", "wall_time"}}
                for row in map(asdict, journal.windows(session))
            ]
        )
    assert len(rows[0]) == 21
    assert rows[0] == rows[1]


# A model that knows energy and pleasantness


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> EmotionRecogniser:
    path = write_emotion_model(tmp_path_factory.mktemp("plane") / "tiny.onnx", energy_offset=12.0)
    return load_recogniser(path, threads=1)


def falling_voice(seconds: float) -> np.ndarray:
    """A voice that grows quieter all the time, which the tiny model takes for pleasant."""
    signal = voice(seconds)
    return signal * np.geomspace(1.0, 0.1, len(signal), dtype=np.float32)[:, np.newaxis]


def test_reading_holds_what_the_model_says_of_energy_and_pleasantness(
    make: Callable[..., Listener], plane: EmotionRecogniser
) -> None:
    signal = falling_voice(5.0)
    answers = replay(make, ArraySource(signal), recogniser=plane)
    heard = HighPass().process(signal[:, 0])
    windows = np.stack([heard[start : start + 48_000] for start in range(0, 32_001, 8_000)])
    truth = plane.answers(windows)
    assert [reading.energy for reading, _ in answers] == pytest.approx(truth.energy, abs=1e-5)
    assert [reading.pleasantness for reading, _ in answers] == pytest.approx(truth.pleasantness, abs=1e-5)
    assert answers[-1][1].direction is Direction.LIVELY_PLEASANT


def test_silence_has_no_energy_and_no_pleasantness(
    make: Callable[..., Listener], plane: EmotionRecogniser
) -> None:
    signal = np.concatenate([voice(4.0), np.zeros((64_000, 1), dtype=np.float32)])
    reading, decision = replay(make, ArraySource(signal), recogniser=plane)[-1]
    assert (reading.energy, reading.pleasantness) == (None, None)
    assert (decision.energy, decision.pleasantness) == (None, None)


def test_model_of_emotions_alone_says_nothing_about_the_plane(
    make: Callable[..., Listener], tmp_path: Path
) -> None:
    older = load_recogniser(write_emotion_model(tmp_path / "tiny.onnx", axes=()), threads=1)
    for reading, decision in replay(make, ArraySource(voice(4.0)), recogniser=older):
        assert reading.probabilities is not None
        assert (reading.energy, reading.pleasantness) == (None, None)
        assert (decision.energy, decision.pleasantness, decision.direction) == (None, None, None)


def test_replay_with_the_plane_is_the_same_for_any_block_size_and_so_are_the_journals(
    make: Callable[..., Listener], plane: EmotionRecogniser, journal: Journal
) -> None:
    runs, rows = [], []
    for block_frames in (160, 1_024, 4_801):
        source = ArraySource(falling_voice(6.0), block_frames=block_frames)
        runs.append(
            [
                (reading.clock, reading.energy, reading.pleasantness, decision)
                for reading, decision in replay(make, source, recogniser=plane, journal=journal)
            ]
        )
        assert journal.flush(10.0)
        windows = map(asdict, journal.windows(len(runs)))
        own = {"session_id", "latency_ms", "wall_time"}
        rows.append([{name: value for name, value in row.items() if name not in own} for row in windows])
    assert runs[0] == runs[1] == runs[2]
    assert rows[0] == rows[1] == rows[2]
    assert rows[0][-1]["energy"] == runs[0][-1][1]
    assert rows[0][-1]["direction"] == "lively and pleasant"


def test_own_voice_bends_the_emotions_and_leaves_the_plane_alone(
    make: Callable[..., Listener], plane: EmotionRecogniser
) -> None:
    embedding = np.random.default_rng(0).normal(size=(8, 2))
    labels = [EMOTIONS.index("neutral"), EMOTIONS.index("disgust")] * 4
    own = fit_personal(np.zeros((8, 8)), embedding, labels, model=plane.info)

    def spoken(personal: PersonalVoice | None) -> list[Reading]:
        return [
            reading
            for reading, _ in replay(
                make, ArraySource(falling_voice(4.0)), recogniser=plane, personal=personal
            )
        ]

    plain, adapted = spoken(None), spoken(own)
    assert [r.probabilities for r in plain] != [r.probabilities for r in adapted]
    for name in ("energy", "pleasantness"):
        assert [getattr(r, name) for r in plain] == [getattr(r, name) for r in adapted]
        assert None not in [getattr(r, name) for r in adapted]
