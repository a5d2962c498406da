"""Patches as TensorFlow's YAMNet cuts them from a stream of audio, in batches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from models.resample import SAMPLE_RATE_HZ, Audio

PATCH_SAMPLES: Final = 15_600  # 0.975 s at 16 kHz: 96 log-mel frames of 25 ms, 10 ms apart

PATCH_S: Final = 0.96  # time that a patch stands for: 96 hops of 10 ms

HOPS_S: Final = (0.48, 0.96)  # times between two patches that are in use

Patches = npt.NDArray[np.float32]  # float32, shape (n, 15 600), 16 kHz, range [-1, 1]


def hop_samples(hop_s: float) -> int:
    """Samples from the start of a patch to that of the next."""
    return round(hop_s * SAMPLE_RATE_HZ)


def _patch_count(samples: int, hop: int) -> int:
    """Number of patches that TensorFlow's YAMNet cuts: at least one, then one every hop."""
    return 1 + math.ceil(max(0, samples - PATCH_SAMPLES) / hop)


def batches(audio: Iterable[Audio], *, hop: int, size: int) -> Iterator[Patches]:
    """Cut a stream into patches as TensorFlow's YAMNet does.

    The end is padded with zeros to a whole number of patches (`pad_waveform` in tensorflow/models). The
    result does not depend on how the stream is cut into blocks.

    Parameters
    ----------
    audio
        Consecutive blocks, any length each; together at least one sample.
    hop
        Samples from patch to patch, at most 15 600.
    size
        Patches in a batch; only the last one may hold fewer.

    Yields
    ------
    patches
        float32, shape (at most `size`, 15 600); the caller may keep it.
    """
    span = (size - 1) * hop + PATCH_SAMPLES
    buffer = np.empty(span, dtype=np.float32)
    filled = samples = cut = 0
    for block in audio:
        samples += len(block)
        first = 0
        while first < len(block):
            taken = min(span - filled, len(block) - first)
            buffer[filled : filled + taken] = block[first : first + taken]
            filled, first = filled + taken, first + taken
            if filled == span:
                yield _cut(buffer, size, hop)
                cut += size
                filled = span - size * hop
                buffer[:filled] = buffer[size * hop :].copy()
    rest = _patch_count(samples, hop) - cut if samples else 0
    if rest:
        buffer[filled:] = 0.0
        yield _cut(buffer, rest, hop)


def _cut(buffer: Audio, count: int, hop: int) -> Patches:
    view = np.lib.stride_tricks.sliding_window_view(buffer, PATCH_SAMPLES)[: count * hop : hop]
    return np.ascontiguousarray(view)
