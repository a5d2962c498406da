"""The window of a clip that models are trained and evaluated on: the 3 s around its voice."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.resample import SAMPLE_RATE_HZ, Audio

_WINDOW_SAMPLES: Final = 3 * SAMPLE_RATE_HZ
_FRAME: Final = SAMPLE_RATE_HZ // 50
_ACTIVE_BELOW_LOUDEST_DB: Final = 35.0


def active_range(samples: NDArray[Any]) -> tuple[int, int]:
    """First sample of the voice and the one after its last: from the first to the last 20 ms within 35 dB.

    Samples are of any scale and type, ``(samples,)``, at 16 kHz, at least one; the loudest 20 ms are 0 dB.
    """
    loud = np.flatnonzero(frame_energy(samples)[1])
    return int(loud[0]) * _FRAME, min(samples.size, (int(loud[-1]) + 1) * _FRAME)


def frame_energy(samples: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Mean square of each 20 ms, ``(frames,)``, and whether it is within 35 dB of the loudest."""
    n_frames = max(1, samples.size // _FRAME)
    usable = samples[: n_frames * _FRAME].astype(np.float64)
    energy = np.square(usable.reshape(n_frames, -1)).mean(axis=1)
    return energy, energy >= energy.max() * 10 ** (-_ACTIVE_BELOW_LOUDEST_DB / 10)


def voice_window(audio: Audio, active: tuple[int, int]) -> Audio:
    """The 3 s around the middle of the voice, ``(48000,)``, digital silence where there is no clip."""
    return cut(audio, (active[0] + active[1]) // 2 - _WINDOW_SAMPLES // 2, _WINDOW_SAMPLES)


def cut(audio: Audio, start: int, samples: int) -> Audio:
    """A stretch of a clip, ``(samples,)``, from a sample on, silence before its begin and after its end."""
    window = np.zeros(samples, dtype=np.float32)
    begin, end = max(0, start), min(audio.size, start + samples)
    if end > begin:
        window[begin - start : end - start] = audio[begin:end]
    return window


def centre_window(audio: Audio) -> Audio:
    """The `voice_window` of a clip whose voice is yet to be found, ``(48000,)``."""
    return voice_window(audio, active_range(audio))
