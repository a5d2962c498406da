from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recording_sink import RecordingSink

from core.errors import AudioDecodeError, AudioDeviceError
from realtime.capture.push import PushSource
from realtime.capture.source import SourceKind


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


@pytest.mark.parametrize(("rate_hz", "channels"), [(7_999, 1), (192_001, 1), (16_000, 0), (16_000, 9)])
def test_impossible_formats_are_refused(rate_hz: int, channels: int) -> None:
    with pytest.raises(AudioDecodeError, match="not supported"):
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
