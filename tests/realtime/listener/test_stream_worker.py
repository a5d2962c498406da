"""Records become windows, levels and notices in order, whatever the size of blocks; without a thread."""

from __future__ import annotations

import numpy as np
import pytest

from core.settings import Settings
from models.high_pass import HighPass
from models.runtime import Session
from realtime.capture.source import SourceInfo, SourceKind
from realtime.fifo import Begin, End, Gap, Record, Sound
from realtime.listener.stream_worker import (
    LevelMeasured,
    SoundLost,
    StreamEvent,
    StreamStarted,
    StreamWorker,
    Window,
)
from realtime.notices import NoticeKind
from realtime.voice_activity import load_voice_activity_session
from tests.realtime.sources import voice

FILE = SourceInfo(SourceKind.FILE, "array", 16_000, 1)
DEVICE = SourceInfo(SourceKind.MICROPHONE, "Desk", 16_000, 1, live=True)


@pytest.fixture(scope="module")
def silero() -> Session:
    return load_voice_activity_session()


def sounds(signal: np.ndarray, block_frames: int = 1_600) -> list[Record]:
    return [Sound(signal[start : start + block_frames], 1.0) for start in range(0, len(signal), block_frames)]


def run(worker: StreamWorker, *records: Record) -> list[StreamEvent]:
    return [event for record in records for event in worker.process(record)]


def windows(events: list[StreamEvent]) -> list[Window]:
    return [event for event in events if isinstance(event, Window)]


def test_windows_of_a_recording_and_its_end(silero: Session) -> None:
    worker, signal = StreamWorker(Settings(), silero), voice(4.0)
    events = run(worker, Begin(FILE), *sounds(signal), End(None))
    assert events[0] == StreamStarted(FILE)
    assert events[-1] == End(None)
    assert [window.clock for window in windows(events)] == [48_000, 56_000, 64_000]
    heard = HighPass().process(signal[:, 0])
    np.testing.assert_array_equal(windows(events)[-1].audio, heard[16_000:])
    assert len([event for event in events if isinstance(event, LevelMeasured)]) == 40


def test_one_block_may_hold_several_windows(silero: Session) -> None:
    many = run(StreamWorker(Settings(), silero), Begin(FILE), *sounds(voice(5.0), 333), End(None))
    one = run(StreamWorker(Settings(), silero), Begin(FILE), *sounds(voice(5.0), 80_000), End(None))
    assert [window.clock for window in windows(one)] == [window.clock for window in windows(many)]
    assert [w.speech_share for w in windows(one)] == [w.speech_share for w in windows(many)]


def test_the_end_of_a_device_is_no_end_of_its_sound(silero: Session) -> None:
    worker = StreamWorker(Settings(), silero)
    assert windows(run(worker, Begin(DEVICE), *sounds(voice(1.0)), End(None))) == []
    assert not worker.awaiting_sound
    again = run(worker, Begin(DEVICE))
    assert again == []
    assert worker.awaiting_sound
    events = run(worker, *sounds(voice(3.0)))
    assert [(window.clock, window.stream) for window in windows(events)] == [(64_000, 2)]


def test_gaps_are_reported_once_a_second_and_all_counted(silero: Session) -> None:
    worker = StreamWorker(Settings(), silero)
    gap = Gap(10, 1)
    first = run(worker, Begin(DEVICE), *sounds(voice(0.5)), gap, gap)
    later = run(worker, *sounds(voice(1.0)), gap)
    found = [event for event in first + later if isinstance(event, SoundLost)]
    assert found == [SoundLost(10, 1, True), SoundLost(10, 1, False), SoundLost(10, 1, True)]


STEREO = SourceInfo(SourceKind.FILE, "array", 16_000, 2)


@pytest.mark.parametrize("offset", [0.0, 0.1, -0.5])
@pytest.mark.parametrize("gain", [1.0, 0.1, 0.02])
def test_an_offset_changes_neither_speech_nor_level(silero: Session, offset: float, gain: float) -> None:
    signal = np.float32(gain) * voice(4.0)
    plain = run(StreamWorker(Settings(), silero), Begin(FILE), *sounds(signal), End(None))
    moved = run(
        StreamWorker(Settings(), silero), Begin(FILE), *sounds(signal + np.float32(offset)), End(None)
    )
    for one, other in zip(windows(plain), windows(moved), strict=True):
        assert other.speech_share == pytest.approx(one.speech_share, abs=0.05)
        assert one.speech_share > 0.5
    levels = [[e.level.rms_dbfs for e in events if isinstance(e, LevelMeasured)] for events in (plain, moved)]
    assert levels[1] == pytest.approx(levels[0], abs=0.5)


def test_an_inverted_channel_is_heard_and_said(silero: Session) -> None:
    worker, signal = StreamWorker(Settings(), silero), voice(4.0)
    events = run(worker, Begin(STEREO), *sounds(np.hstack([signal, -signal])), End(None))
    assert [window.speech_share > 0.8 for window in windows(events)] == [True] * 3
    assert "cancel each other out" in worker.notices[NoticeKind.CHANNELS]
    run(worker, Begin(FILE))
    assert worker.notices == {}


def test_a_quiet_voice_is_said_and_a_loud_one_ends_it(silero: Session) -> None:
    worker = StreamWorker(Settings(), silero)
    run(worker, Begin(DEVICE), *sounds(0.03 * voice(3.0)))
    said = worker.notices[NoticeKind.QUIET_VOICE]
    assert said.startswith("The microphone is very quiet (about -5")
    run(worker, *sounds(0.03 * voice(2.0)))
    assert worker.notices == {NoticeKind.QUIET_VOICE: said}
    run(worker, *sounds(voice(6.0)))
    assert worker.notices == {}


@pytest.mark.parametrize(
    ("amplitude", "said"),
    [
        (0.0, "The recording is silent throughout: choose another"),
        (1e-4, "The recording is very quiet (at most -"),
    ],
)
def test_a_recording_too_quiet_for_a_voice_to_be_found_is_said(
    silero: Session, amplitude: float, said: str
) -> None:
    worker = StreamWorker(Settings(), silero)
    noise = np.random.default_rng(0).standard_normal((48_000, 1)).astype(np.float32)
    run(worker, Begin(FILE), *sounds(np.float32(amplitude) * noise), End(None))
    assert worker.notices[NoticeKind.QUIET_VOICE].startswith(said)


def test_a_word_has_a_stretch_of_speech(silero: Session) -> None:
    silence = np.zeros((20_000, 1), dtype=np.float32)
    events = run(
        StreamWorker(Settings(), silero), Begin(FILE), *sounds(np.concatenate([silence, voice(0.7), silence]))
    )
    (window,) = windows(events)
    assert window.speech_share < 0.35 <= window.stretch_share
