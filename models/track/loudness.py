"""The integrated loudness of a track, in LUFS."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from models.resample import SAMPLE_RATE_HZ, Audio

_REFERENCE_HZ: Final = 48_000
# The two stages of the K-weighting at 48 kHz (BS.1770-5, Annex 1, Tables 1 and 2): numerator, denominator.
_SHELF: Final = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285),
    (1.0, -1.69065929318241, 0.73248077421585),
)
_HIGH_PASS: Final = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))

_STEP: Final = SAMPLE_RATE_HZ // 10  # blocks of 400 ms overlap by 75 %
_STEPS_PER_BLOCK: Final = 4
_FFT_STEPS: Final = 100  # 10 s are filtered at once
_LEAD_STEPS: Final = 2  # before them: the filter's memory ends within 200 ms
_ABSOLUTE_GATE_LUFS: Final = -70.0
_RELATIVE_GATE_LU: Final = -10.0
_OFFSET_DB: Final = -0.691
_BOTH_SPEAKERS: Final = 2.0


def integrated_loudness(audio: Audio) -> float | None:
    """Measure the loudness of a whole track after ITU-R BS.1770-5, Annex 1.

    A mono mix at 16 kHz is measured here, played by both speakers of a stereo pair (as FFmpeg's
    `ebur128=dualmono=true`). So a stereo track reads as the standard has it where both channels are alike,
    lower by up to 3 LU where they differ, and lower by what sounds above 8 kHz, in music mostly below 0.5 LU.

    Parameters
    ----------
    audio
        Mono float32, shape (samples,), 16 000 Hz, range [-1, 1], finite.

    Returns
    -------
    loudness
        LUFS; None below 0.4 s, or where nothing is above -70 LUFS.
    """
    steps = _step_energies(audio)
    if len(steps) < _STEPS_PER_BLOCK:
        return None
    blocks = np.convolve(steps, np.full(_STEPS_PER_BLOCK, 1.0 / _STEPS_PER_BLOCK), mode="valid")
    loud = blocks[blocks > _energy(_ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return None
    gate = loud.mean() * 10.0 ** (_RELATIVE_GATE_LU / 10.0)
    return _OFFSET_DB + 10.0 * math.log10(loud[loud > gate].mean())


def _energy(lufs: float) -> float:
    return float(10.0 ** ((lufs - _OFFSET_DB) / 10.0))


def _step_energies(audio: Audio) -> npt.NDArray[np.float64]:
    """Mean squares of every 100 ms after the K-weighting, of both speakers, shape (steps,)."""
    whole = len(audio) // _STEP
    lead = _LEAD_STEPS * _STEP
    samples = np.concatenate((np.zeros(lead), audio[: whole * _STEP].astype(np.float64)))
    size = (_LEAD_STEPS + _FFT_STEPS) * _STEP
    response = _k_weighting(size)
    found = np.empty(whole)
    for first in range(0, whole, _FFT_STEPS):
        part = samples[first * _STEP : first * _STEP + size]
        weighted = np.fft.irfft(np.fft.rfft(part, size) * response, size)[lead : len(part)]
        squares = np.square(weighted).reshape(-1, _STEP)
        found[first : first + _FFT_STEPS] = _BOTH_SPEAKERS * squares.mean(axis=1)
    return found


def _k_weighting(size: int) -> npt.NDArray[np.complex128]:
    """Frequency response at the bins of a real Fourier transform, shape (size // 2 + 1,)."""
    delay = np.exp(-2j * np.pi * np.fft.rfftfreq(size, 1.0 / SAMPLE_RATE_HZ) / _REFERENCE_HZ)
    response = np.ones(len(delay), dtype=np.complex128)
    for numerator, denominator in (_SHELF, _HIGH_PASS):
        response *= np.polyval(numerator[::-1], delay) / np.polyval(denominator[::-1], delay)
    return response
