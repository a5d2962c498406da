from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import AudioDecodeError, AudioDeviceError
from realtime.capture.push import PushSource
from realtime.capture.source import Block, SourceKind
from realtime.fifo import BlockFifo, End, Gap, Sound
from tests.patience import PROMPT_S
from tests.realtime.capture.recording_sink import RecordingSink


@given(st.lists(st.integers(min_value=0, max_value=700), max_size=8))
def test_pushed_blocks_arrive_in_order_whatever_their_size(sizes: list[int]) -> None:
    sink = RecordingSink()
    source = PushSource(16_000, 2)
    source.open(sink)
    sound = np.random.default_rng(0).uniform(-1, 1, (sum(sizes), 2)).astype(np.float32)
    at = 0
    for size in sizes:
        source.push(sound[at : at + size])
        at += size
    source.finish()
    assert sink.calls[0] == "begin"
    assert sink.calls[-1] == "end"
    if sink.blocks:
        np.testing.assert_array_equal(sink.sound, sound)


def test_integers_are_scaled_to_full_scale(sink: RecordingSink) -> None:
    source = PushSource(48_000, 1)
    info = source.open(sink)
    source.push(np.array([-32_768, 0, 16_384], dtype=np.int16))
    assert (info.kind, info.rate_hz, info.channels, info.live) == (SourceKind.PUSH, 48_000, 1, False)
    assert sink.blocks[0].dtype == np.float32
    assert sink.blocks[0].tolist() == [[-1.0], [0.0], [0.5]]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (np.zeros(10), "float64"),
        (np.zeros(10, dtype=np.int32), "int32"),
        ([0.0, 0.1], "list"),
        (np.zeros((10, 3), dtype=np.float32), r"\(10, 3\)"),
        (np.zeros(10, dtype=np.float32), r"push \(frames, 2\)\."),
        (np.zeros((10, 2, 1), dtype=np.int16), r"\(10, 2, 1\)"),
        (np.full((10, 2), 1_000.0, dtype=np.float32), "reaches 1000"),
    ],
)
def test_unfit_blocks_are_refused_with_the_reason(sink: RecordingSink, block: Any, message: str) -> None:
    source = PushSource(16_000, 2)
    source.open(sink)
    with pytest.raises(AudioDecodeError, match=message):
        source.push(block)
    assert sink.blocks == []


def test_samples_that_are_no_numbers_pass_for_the_resampler_to_silence(sink: RecordingSink) -> None:
    source = PushSource(16_000, 1)
    source.open(sink)
    source.push(np.array([np.nan, np.inf, 0.5], dtype=np.float32))
    assert len(sink.sound) == 3


@pytest.mark.parametrize(
    ("rate_hz", "channels", "message"),
    [
        (7_999, 1, "sample rate of 7999 Hz is not supported"),
        (192_001, 1, "sample rate of 192001 Hz is not supported"),
        (16_000, 0, "0 channels are not supported"),
        (16_000, 9, "9 channels are not supported"),
    ],
)
def test_impossible_formats_are_refused(rate_hz: int, channels: int, message: str) -> None:
    with pytest.raises(AudioDecodeError, match=message):
        PushSource(rate_hz, channels)


def test_pushing_is_refused_unless_open(sink: RecordingSink) -> None:
    source = PushSource(16_000, 1)
    block = np.zeros(160, dtype=np.float32)
    with pytest.raises(AudioDeviceError, match="open the source"):
        source.push(block)
    source.open(sink)
    source.finish()
    with pytest.raises(AudioDeviceError, match="open the source"):
        source.push(block)
    source.open(sink)
    source.close()
    source.close()
    source.finish()
    with pytest.raises(AudioDeviceError, match="open the source"):
        source.push(block)
    assert sink.calls == ["begin", "end", "begin"]


def test_a_long_push_is_passed_on_in_blocks(sink: RecordingSink) -> None:
    source = PushSource(16_000, 1, block_ms=10.0)
    source.open(sink)
    source.push(np.arange(400, dtype=np.int16))
    assert [len(block) for block in sink.blocks] == [160, 160, 80]


def test_of_a_push_longer_than_the_listener_has_room_for_the_rest_is_lost_and_counted() -> None:
    fifo = BlockFifo(2.0)
    source = PushSource(16_000, 1)
    source.open(fifo)
    source.push(np.ones(5 * 16_000, dtype=np.float32))
    source.finish()
    heard = lost = 0
    while not isinstance(record := fifo.get(0.0), End):
        heard += len(record.block) if isinstance(record, Sound) else 0
        lost += record.frames if isinstance(record, Gap) else 0
    assert (heard, lost) == (2 * 16_000, 3 * 16_000)


def test_closing_does_not_wait_for_a_push_that_is_stuck() -> None:
    entered, room = threading.Event(), threading.Event()

    class StuckSink(RecordingSink):
        def write(self, block: Block) -> None:
            super().write(block)
            entered.set()
            room.wait(10.0)

    sink = StuckSink()
    source = PushSource(16_000, 1)
    source.open(sink)
    pusher = threading.Thread(target=source.push, args=(np.zeros(16_000, dtype=np.int16),))
    pusher.start()
    assert entered.wait(20.0)
    start_s = time.monotonic()
    source.close()
    assert time.monotonic() - start_s < PROMPT_S
    room.set()
    pusher.join()
    assert sink.calls == ["begin", "write"]


def test_blocks_from_several_threads_do_not_mix(sink: RecordingSink) -> None:
    source = PushSource(16_000, 1)
    source.open(sink)

    def push(value: int) -> None:
        for _ in range(50):
            source.push(np.full(97, value, dtype=np.int16))

    threads = [threading.Thread(target=push, args=(value,)) for value in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sink.blocks) == 200
    assert all(len(np.unique(block)) == 1 for block in sink.blocks)
