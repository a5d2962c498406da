"""Framing: TensorFlow's patches, whatever the blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.mood.patches import HOPS_S, PATCH_SAMPLES, _patch_count, batches, hop_samples


def tensorflow_patches(audio: np.ndarray, hop_s: float) -> np.ndarray:
    """`pad_waveform` of tensorflow/models, research/audioset/yamnet/features.py, and the cuts after it."""
    min_samples = int((0.96 + 0.025 - 0.010) * 16_000)
    padding = max(0, min_samples - len(audio))
    after_first = max(len(audio), min_samples) - min_samples
    hop = int(hop_s * 16_000)
    hops_after_first = math.ceil(after_first / hop)
    padding += hop * hops_after_first - after_first
    padded = np.pad(audio, (0, padding))
    assert (len(padded) - min_samples) % hop == 0
    return np.stack(
        [padded[first : first + min_samples] for first in range(0, hops_after_first * hop + 1, hop)]
    )


def cut(audio: np.ndarray, hop_s: float, blocks: list[int], size: int = 4) -> list[np.ndarray]:
    parts, first = [], 0
    while first < len(audio):
        length = blocks[len(parts) % len(blocks)]
        parts.append(audio[first : first + length])
        first += length
    return list(batches(iter(parts), hop=hop_samples(hop_s), size=size))


@pytest.mark.parametrize("hop_s", HOPS_S)
@pytest.mark.parametrize(
    "samples",
    [1, 7_680, 15_599, 15_600, 15_601, 23_280, 23_281, 30_960, 30_961, 61_680, 61_681, 77_040, 200_000],
)
def test_patches_are_those_of_tensorflow(samples: int, hop_s: float) -> None:
    audio = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
    expected = tensorflow_patches(audio, hop_s)
    got = cut(audio, hop_s, [samples])
    np.testing.assert_array_equal(np.concatenate(got), expected)
    assert _patch_count(samples, hop_samples(hop_s)) == len(expected)
    assert all(len(batch) == 4 for batch in got[:-1])
    assert 1 <= len(got[-1]) <= 4


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 150_000),
    st.sampled_from(HOPS_S),
    st.lists(st.integers(1, 70_000), min_size=1, max_size=4),
    st.integers(1, 5),
)
def test_blocks_do_not_change_a_patch_or_a_batch(
    samples: int, hop_s: float, blocks: list[int], size: int
) -> None:
    audio = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
    whole = cut(audio, hop_s, [samples], size)
    in_blocks = cut(audio, hop_s, blocks, size)
    assert [len(batch) for batch in whole] == [len(batch) for batch in in_blocks]
    for first, second in zip(whole, in_blocks, strict=True):
        np.testing.assert_array_equal(first, second)


def test_batches_may_be_kept() -> None:
    audio = np.arange(16_000 * 20, dtype=np.float32)
    first, *_ = kept = cut(audio, 0.96, [1_000])
    np.testing.assert_array_equal(first[0], audio[:PATCH_SAMPLES])
    assert len({batch.__array_interface__["data"][0] for batch in kept}) == len(kept)


def test_no_sound_has_no_patch() -> None:
    assert list(batches(iter([]), hop=15_360, size=4)) == []
    assert list(batches(iter([np.zeros(0, np.float32)]), hop=15_360, size=4)) == []
