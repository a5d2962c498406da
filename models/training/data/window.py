"""Owns the one window of a clip: the 3 s around its voice, by which it is fitted to and judged."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.resample import SAMPLE_RATE_HZ, Audio

__all__ = ["active_range", "centre_window", "voice_window"]

_WINDOW_SAMPLES: Final = 3 * SAMPLE_RATE_HZ
_ACTIVE_BELOW_LOUDEST_DB: Final = 35.0


def active_range(samples: NDArray[Any]) -> tuple[int, int]:
    """Where the voice is: from the first to the last 20 ms within 35 dB of the loudest.

    Parameters
    ----------
    samples
        Of any scale and type, ``(samples,)``, at 16 kHz; at least one.

    Returns
    -------
    first, stop
        The first sample of the voice and the one after its last.
    """
    frame = SAMPLE_RATE_HZ // 50
    n_frames = max(1, samples.size // frame)
    usable = samples[: n_frames * frame].astype(np.float64)
    energy = np.square(usable.reshape(n_frames, -1)).mean(axis=1)
    loud = np.flatnonzero(energy >= energy.max() * 10 ** (-_ACTIVE_BELOW_LOUDEST_DB / 10))
    return int(loud[0]) * frame, min(samples.size, (int(loud[-1]) + 1) * frame)


def voice_window(audio: Audio, active: tuple[int, int]) -> Audio:
    """The 3 s around the middle of the voice, digital silence where there is no clip.

    Parameters
    ----------
    audio
        float32, ``(samples,)``, 16 kHz.
    active
        Where the voice is, as `active_range` says it.

    Returns
    -------
    ndarray
        float32, ``(48000,)``.
    """
    start = (active[0] + active[1]) // 2 - _WINDOW_SAMPLES // 2
    window = np.zeros(_WINDOW_SAMPLES, dtype=np.float32)
    begin, end = max(0, start), min(audio.size, start + _WINDOW_SAMPLES)
    if end > begin:
        window[begin - start : end - start] = audio[begin:end]
    return window


def centre_window(audio: Audio) -> Audio:
    """The `voice_window` of a clip whose voice is yet to be found, ``(48000,)``."""
    return voice_window(audio, active_range(audio))
