"""The ring buffer: the newest samples, whatever the block sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.ring_buffer import RingBuffer


@given(st.lists(st.integers(0, 50), max_size=40), st.integers(1, 30))
def test_latest_returns_the_newest_samples_for_any_block_sizes(blocks: list[int], capacity: int) -> None:
    signal = np.arange(sum(blocks), dtype=np.float32)
    ring, start = RingBuffer(capacity), 0
    for size in blocks:
        ring.append(signal[start : start + size])
        start += size
        held = min(start, capacity)
        assert ring.held == held
        audio, clock = ring.latest(held)
        assert clock == start
        np.testing.assert_array_equal(audio, signal[start - held : start])


def test_latest_returns_a_copy() -> None:
    ring = RingBuffer(4)
    ring.append(np.ones(4, dtype=np.float32))
    audio, _ = ring.latest(4)
    ring.append(np.zeros(4, dtype=np.float32))
    assert audio.sum() == 4


def test_clear_forgets_the_audio_but_not_the_time() -> None:
    ring = RingBuffer(4)
    ring.append(np.ones(6, dtype=np.float32))
    ring.clear()
    assert (ring.clock, ring.held) == (6, 0)
    with pytest.raises(ValueError, match="1 samples asked, 0 held"):
        ring.latest(1)
    ring.append(np.full(2, 3, dtype=np.float32))
    np.testing.assert_array_equal(ring.latest(2)[0], [3, 3])


def test_capacity_must_be_positive() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        RingBuffer(0)
