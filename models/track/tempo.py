"""Which tempo a pulse has: candidates from its autocorrelation, and what speaks for each of them.

Half, double and threefold tempi look periodic, too. What tells them apart is the metre (a bass drum once in
two beats, a snare in between) and that people seldom tap very slowly or very fast.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

FRAMES_PER_S: Final = 100
SLOWEST_BPM, FASTEST_BPM = 42.0, 235.0

_WINDOW: Final = 8 * FRAMES_PER_S
_HOP: Final = 2 * FRAMES_PER_S
_SMOOTHING: Final = np.hanning(9)[1:-1]  # 70 ms: beats fall between frames, and people are not exact
_FLAT: Final = 1e-9  # sum of squares below which a window holds no onset
_GRID_BPM: Final = np.geomspace(SLOWEST_BPM, FASTEST_BPM, 216)  # 0.8 % apart
_PEAKS: Final = 10
_SAME: Final = 0.02  # tempi that close are one
_NEAR: Final = np.linspace(0.975, 1.025, 7)  # lags that close count as one
_MIDDLE_BPM: Final = 100.0


class Pulse(IntEnum):
    """Rows of the correlations: a band with itself, and the bass with the treble."""

    WHOLE = 0
    LOW = 1
    MIDDLE = 2
    HIGH = 3
    LOW_TO_HIGH = 4


LAGS: Final = (
    (Pulse.WHOLE, 1 / 2),
    (Pulse.WHOLE, 2 / 3),
    (Pulse.WHOLE, 1.0),
    (Pulse.WHOLE, 4 / 3),
    (Pulse.LOW, 1 / 2),
    (Pulse.LOW, 1.0),
    (Pulse.LOW, 2.0),
    (Pulse.LOW, 4.0),
    (Pulse.MIDDLE, 1 / 2),
    (Pulse.MIDDLE, 1.0),
    (Pulse.HIGH, 1 / 2),
    (Pulse.LOW_TO_HIGH, 1.0),
)
"""Where the evidence for a tempo is read: a row of the correlations, and a lag in beats."""

WEIGHTS: Final = np.array(
    (4.964, -2.583, 1.603, -0.271, -9.99, 7.04, 4.945, 1.322, -2.212, 3.278, 5.232, 3.984, 0.962, -1.933)
)
"""Of the evidence at `LAGS`, then of the octaves from 100 BPM and of their square: a conditional logit fitted
by `python -m benchmarks.track_choice` on synthesised songs and drums."""


def correlations(strengths: Values) -> Values:
    """Correlate onset strengths over windows of 8 s, and average them.

    Parameters
    ----------
    strengths
        Of the whole spectrum and of its low, middle and high bands, float64, shape (4, frames), 100 a second.

    Returns
    -------
    correlations
        Shape (5, lags), rows of `Pulse`, -1 to 1; zeros where there is no onset.
    """
    padded = np.pad(strengths, ((0, 0), (0, max(0, _WINDOW - strengths.shape[1]))))
    padded = np.stack([np.convolve(row, _SMOOTHING, mode="same") for row in padded])
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW, axis=1)[:, ::_HOP]
    centred = windows - windows.mean(axis=2, keepdims=True)  # (4, windows, lags)
    energies = np.square(centred).sum(axis=2)
    spectra = np.fft.rfft(centred, 2 * _WINDOW, axis=2)
    overlap = _WINDOW / (_WINDOW - np.arange(_WINDOW))
    rows = [
        _mean_of(
            np.fft.irfft(spectra[one].conj() * spectra[other])[:, :_WINDOW], energies[one] * energies[other]
        )
        for one, other in ((0, 0), (1, 1), (2, 2), (3, 3), (1, 3), (3, 1))
    ]
    return np.stack((*rows[:4], (rows[4] + rows[5]) / 2.0)) * overlap


def _mean_of(products: Values, energies: Values) -> Values:
    """Mean over the windows that hold an onset, each as a share of its energy, shape (lags,)."""
    heard = energies > _FLAT**2
    if not heard.any():
        return np.zeros(_WINDOW)
    shares: Values = (products[heard] / np.sqrt(energies[heard])[:, np.newaxis]).mean(axis=0)
    return shares


def candidates(found: Values) -> Values:
    """Tempi at which a pulse is periodic, with their halves and doubles, BPM, the clearest first."""
    whole = found[Pulse.WHOLE]
    periods = 60.0 * FRAMES_PER_S / _GRID_BPM
    clarity = np.interp(periods, np.arange(len(whole)), whole) + _at(whole, periods / 2) / 2
    clarity += sum(_at(whole, lag * periods) for lag in (2, 3, 4))
    inner = clarity[1:-1]
    peaks = 1 + np.flatnonzero((inner >= clarity[:-2]) & (inner >= clarity[2:]))
    best = _GRID_BPM[peaks[np.argsort(-clarity[peaks], kind="stable")][:_PEAKS]]
    relatives = np.concatenate((best, 2 * best[:4], best[:4] / 2, 1.5 * best[:2], best[:2] / 1.5))
    kept: list[float] = []
    for bpm in relatives:
        if SLOWEST_BPM < bpm < FASTEST_BPM and all(abs(bpm / other - 1) > _SAME for other in kept):
            kept.append(float(bpm))
    return np.array(kept)


def evidence(found: Values, tempi: Values) -> Values:
    """What speaks for each tempo, shape (tempi, 14): see `WEIGHTS`."""
    periods = 60.0 * FRAMES_PER_S / tempi
    octaves = np.log2(tempi / _MIDDLE_BPM)
    return np.stack((*(_at(found[row], lag * periods) for row, lag in LAGS), octaves, octaves**2), axis=1)


def clearness(found: Values, bpm: float) -> float:
    """Correlation of the whole sound with itself a beat later, 0 to 1."""
    return float(np.clip(_at(found[Pulse.WHOLE], np.array([60.0 * FRAMES_PER_S / bpm]))[0], 0.0, 1.0))


def _at(row: Values, lags: Values) -> Values:
    """The highest value within 2.5 % of each lag, in frames; 0 beyond the window."""
    near = lags * _NEAR[:, np.newaxis]
    highest: Values = np.interp(near, np.arange(len(row)), row, right=0.0).max(axis=0)
    return highest
