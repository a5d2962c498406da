"""Owns the framing of TensorFlow's YAMNet: from a stream of audio to patches, in batches of one size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from models.resample import SAMPLE_RATE_HZ, Audio

__all__ = ["HOPS_S", "PATCH_S", "PATCH_SAMPLES", "Patches", "batches", "hop_samples", "patch_count"]

PATCH_SAMPLES: Final = 15_600
"""0.975 s at 16 kHz: 96 log-mel frames of 25 ms, 10 ms apart."""

PATCH_S: Final = 0.96
"""What a patch stands for: 96 hops."""

HOPS_S: Final = (0.48, 0.96)
"""Distances of patches that are in use."""

Patches = npt.NDArray[np.float32]
"""float32, shape (n, 15 600), 16 kHz, range [-1, 1]."""


def hop_samples(hop_s: float) -> int:
    """Samples from the start of a patch to that of the next."""
    return round(hop_s * SAMPLE_RATE_HZ)


def patch_count(samples: int, hop: int) -> int:
    """How many patches TensorFlow's YAMNet cuts: at least one, then one every hop as long as there is sound.

    Parameters
    ----------
    samples
        Length of the sound at 16 kHz.
    hop
        Samples from patch to patch.
    """
    return 1 + math.ceil(max(0, samples - PATCH_SAMPLES) / hop)


def batches(audio: Iterable[Audio], *, hop: int, size: int) -> Iterator[Patches]:
    """Cut a stream into patches as TensorFlow's YAMNet does, with zeros behind its end.

    The sound is padded so that it holds a whole number of patches (`pad_waveform` in the features of YAMNet,
    tensorflow/models). Neither patches nor batches depend on how the stream is cut into blocks.

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
    held = np.empty(span, dtype=np.float32)
    filled = samples = cut = 0
    for block in audio:
        samples += len(block)
        first = 0
        while first < len(block):
            taken = min(span - filled, len(block) - first)
            held[filled : filled + taken] = block[first : first + taken]
            filled, first = filled + taken, first + taken
            if filled == span:
                yield _cut(held, size, hop)
                cut += size
                filled = span - size * hop
                held[:filled] = held[size * hop :].copy()
    rest = patch_count(samples, hop) - cut if samples else 0
    if rest:
        held[filled:] = 0.0
        yield _cut(held, rest, hop)


def _cut(held: Audio, count: int, hop: int) -> Patches:
    view = np.lib.stride_tricks.sliding_window_view(held, PATCH_SAMPLES)[: count * hop : hop]
    return np.ascontiguousarray(view)
