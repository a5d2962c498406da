from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import AudioDecodeError
from realtime.capture.demo import DEMO_FILE, DemoSource
from realtime.capture.file import FileSource
from realtime.capture.source import Block, SourceInfo, SourceKind
from tests.patience import PROMPT_S
from tests.realtime.capture.recording_sink import RecordingSink

MakeWav = Callable[..., tuple[Path, np.ndarray]]


def replay(source: FileSource, sink: RecordingSink) -> SourceInfo:
    info = source.open(sink)
    assert sink.ended.wait(20.0)
    source.close()
    return info


@pytest.mark.parametrize("block_frames", [1, 160, 1024, 4801, 100_000])
def test_any_block_size_gives_the_same_samples(
    make_wav: MakeWav, sink: RecordingSink, block_frames: int
) -> None:
    path, sound = make_wav(9_999, rate_hz=44_100, channels=2)
    info = replay(FileSource(path, fast=True, block_frames=block_frames), sink)
    np.testing.assert_array_equal(sink.sound, sound)
    assert max(map(len, sink.blocks)) <= block_frames
    assert (info.rate_hz, info.channels, info.lossless, info.live) == (44_100, 2, True, False)
    assert info.duration_s == pytest.approx(9_999 / 44_100)
    assert sink.calls == ["begin", *["write"] * len(sink.blocks), "end"]
    assert sink.error is None
    assert sink.threads == {"attune-file"}


@pytest.mark.parametrize("channels", [1, 3, 8])
@pytest.mark.parametrize("rate_hz", [8_000, 192_000])
def test_native_rate_and_channels_are_kept(
    make_wav: MakeWav, sink: RecordingSink, rate_hz: int, channels: int
) -> None:
    path, sound = make_wav(5_000, rate_hz=rate_hz, channels=channels)
    info = replay(FileSource(path, fast=True), sink)
    assert (info.rate_hz, info.channels) == (rate_hz, channels)
    np.testing.assert_array_equal(sink.sound, sound)
    assert len(sink.blocks[0]) == round(rate_hz * 0.02)


def test_paced_replay_takes_about_as_long_as_the_recording(make_wav: MakeWav, sink: RecordingSink) -> None:
    path, sound = make_wav(4_000, rate_hz=8_000)
    start_s = time.monotonic()
    info = replay(FileSource(path), sink)
    assert 0.45 <= time.monotonic() - start_s < 10.0
    assert not info.lossless
    np.testing.assert_array_equal(sink.sound, sound)


def test_a_recording_can_be_opened_again_from_its_start(make_wav: MakeWav, sink: RecordingSink) -> None:
    path, sound = make_wav(2_000)
    source = FileSource(path, fast=True)
    replay(source, sink)
    again = RecordingSink()
    replay(source, again)
    np.testing.assert_array_equal(again.sound, sound)


def test_closing_a_paced_replay_stops_at_once_and_for_good(make_wav: MakeWav, sink: RecordingSink) -> None:
    path, _ = make_wav(480_000)
    source = FileSource(path, block_ms=5000.0)
    source.open(sink)
    start_s = time.monotonic()
    source.close()
    source.close()
    assert time.monotonic() - start_s < PROMPT_S
    assert sink.calls == ["begin"]
    assert not any(thread.name == "attune-file" for thread in threading.enumerate())


def test_closing_returns_in_time_while_a_lossless_sink_waits_for_room(make_wav: MakeWav) -> None:
    class FullSink(RecordingSink):
        def __init__(self) -> None:
            super().__init__()
            self.room = threading.Event()

        def write(self, block: Block) -> None:
            super().write(block)
            self.room.wait(10.0)

    path, _ = make_wav(48_000)
    sink = FullSink()
    source = FileSource(path, fast=True)
    source.open(sink)
    assert sink.written.wait(20.0)
    start_s = time.monotonic()
    source.close()
    assert time.monotonic() - start_s < PROMPT_S
    sink.room.set()
    time.sleep(0.05)
    assert sink.calls == ["begin", "write"]


def test_closing_from_the_sink_itself_does_not_deadlock(make_wav: MakeWav) -> None:
    path, _ = make_wav(48_000)
    source = FileSource(path, fast=True)

    class ClosingSink(RecordingSink):
        def write(self, block: Block) -> None:
            super().write(block)
            source.close()

    sink = ClosingSink()
    source.open(sink)
    assert sink.written.wait(20.0)
    time.sleep(0.05)
    assert sink.calls == ["begin", "write"]


def test_a_missing_file_is_named(tmp_path: Path, sink: RecordingSink) -> None:
    with pytest.raises(AudioDecodeError, match=r"nowhere\.wav"):
        FileSource(tmp_path / "nowhere.wav").open(sink)
    assert sink.calls == []


def test_a_text_file_under_a_sound_name_is_refused(tmp_path: Path, sink: RecordingSink) -> None:
    path = tmp_path / "song.wav"
    path.write_text("these are words, not sounds\n" * 100)
    with pytest.raises(AudioDecodeError, match=r"song\.wav"):
        FileSource(path).open(sink)
    assert sink.calls == []


def test_a_truncated_file_is_played_as_far_as_it_goes(make_wav: MakeWav, sink: RecordingSink) -> None:
    path, sound = make_wav(48_000)
    path.write_bytes(path.read_bytes()[: 44 + 20_000])
    replay(FileSource(path, fast=True), sink)
    np.testing.assert_array_equal(sink.sound, sound[:10_000])


def test_a_longer_file_than_allowed_is_refused(make_wav: MakeWav, sink: RecordingSink) -> None:
    path, _ = make_wav(48_000)
    with pytest.raises(AudioDecodeError, match="minutes"):
        FileSource(path, max_minutes=0.01).open(sink)


class _BrokenStream:
    rate_hz = 16_000
    channels = 1
    duration_s = None

    notices: tuple[str, ...] = ()

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.closed = False

    def __enter__(self) -> _BrokenStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def close(self) -> None:
        self.closed = True

    def blocks(self, frames: int) -> object:
        yield np.zeros((frames, 1), dtype=np.float32)
        raise self.error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (AudioDecodeError("It broke."), "It broke."),
        (RuntimeError("codec"), r"recording\.wav broke off .*codec"),
    ],
)
def test_decoding_that_breaks_midway_is_told_to_the_sink(
    monkeypatch: pytest.MonkeyPatch, sink: RecordingSink, error: Exception, message: str
) -> None:
    stream = _BrokenStream(error)
    monkeypatch.setattr("realtime.capture.file.open_stream", lambda *_args, **_kwargs: stream)
    replay(FileSource(Path("recording.wav"), fast=True), sink)
    assert sink.calls == ["begin", "write", "end"]
    assert isinstance(sink.error, AudioDecodeError)
    with pytest.raises(AudioDecodeError, match=message):
        raise sink.error
    assert stream.closed


def test_a_paced_replay_does_not_catch_up_after_a_standstill(make_wav: MakeWav) -> None:
    arrivals_s: list[float] = []

    class SlowOnceSink(RecordingSink):
        def write(self, block: Block) -> None:
            super().write(block)
            arrivals_s.append(time.monotonic())
            if len(self.blocks) == 1:
                time.sleep(1.0)

    path, _ = make_wav(8_000, rate_hz=8_000)
    sink = SlowOnceSink()
    replay(FileSource(path, block_ms=100.0), sink)
    # Played from the deadline of before, nine blocks would follow at once.
    assert arrivals_s[-1] - arrivals_s[1] > 0.4


def test_the_fast_demo_plays_once(sink: RecordingSink) -> None:
    info = replay(DemoSource(fast=True, block_frames=24_000), sink)
    assert (info.kind, info.name, info.lossless) == (SourceKind.DEMO, "Built-in demo", True)
    assert info.channels == 1
    assert info.duration_s == pytest.approx(len(sink.sound) / info.rate_hz)
    assert 60.0 <= len(sink.sound) / info.rate_hz <= 90.0
    assert 0.3 < np.abs(sink.sound).max() < 1.0
    # Exact zeros would look like a microphone that is switched off.
    assert np.mean(sink.sound == 0.0) < 0.01


def test_the_paced_demo_begins_again_without_a_gap(
    make_wav: MakeWav, monkeypatch: pytest.MonkeyPatch, sink: RecordingSink
) -> None:
    path, sound = make_wav(800, rate_hz=8_000)
    monkeypatch.setattr("realtime.capture.demo.DEMO_FILE", path)
    source = DemoSource(block_frames=160)
    info = source.open(sink)
    assert info.duration_s is None
    deadline_s = time.monotonic() + 10.0
    while len(sink.blocks) < 12 and time.monotonic() < deadline_s:
        time.sleep(0.01)
    source.close()
    np.testing.assert_array_equal(sink.sound[:1600], np.concatenate([sound, sound]))
    assert "end" not in sink.calls
    assert sink.calls.count("begin") == 1


def test_the_demo_is_small_enough_to_ship() -> None:
    assert DEMO_FILE.stat().st_size < 700_000


def test_a_block_without_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 frame, not 0"):
        FileSource(Path("recording.wav"), block_frames=0)
