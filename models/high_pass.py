"""High-pass filter against constant offsets and rumble, the same samples for any block size."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from models.resample import SAMPLE_RATE_HZ, Audio

CUTOFF_HZ: Final = 20.0
_FRAME: Final = 128  # samples that one matrix product filters


class HighPass:
    """Butterworth high-pass of second order at 20 Hz over one stream of audio.

    The recursion is written out as one matrix over the samples of a frame and the state before it, so that no
    loop runs over samples. A frame that is not complete yet is filtered with zeros behind: as the matrix is
    triangular, they change no bit of what comes before.
    """

    def __init__(self) -> None:
        self._frame = np.zeros(_FRAME + 2)  # the samples so far, zeros, and the state before them
        self._filled = 0
        self._begun = False

    def process(self, audio: Audio) -> Audio:
        """Filter the next audio of the stream, shape (samples,), of any length."""
        if not self._begun and len(audio):
            # As if the first sample had lasted for ever: an offset from the start makes no thump.
            self._frame[_FRAME:] = _STEADY_STATE * float(audio[0])
            self._begun = True
        filtered = np.empty_like(audio)
        start = 0
        while start < len(audio):
            first, stop = self._filled, min(_FRAME, self._filled + len(audio) - start)
            end = start + stop - first
            self._frame[first:stop] = audio[start:end]
            result = _FILTER @ self._frame
            filtered[start:end] = result[first:stop]
            if stop == _FRAME:
                self._frame[:_FRAME], self._frame[_FRAME:] = 0.0, result[_FRAME:]
            start, self._filled = end, stop % _FRAME
        return filtered


def _coefficients() -> tuple[float, tuple[float, float]]:
    """Gain of the numerator (1, -2, 1), and the denominator after its 1, by the bilinear transform."""
    warped = math.tan(math.pi * CUTOFF_HZ / SAMPLE_RATE_HZ)
    gain = 1.0 / (1.0 + math.sqrt(2.0) * warped + warped**2)
    return gain, (2.0 * (warped**2 - 1.0) * gain, (1.0 - math.sqrt(2.0) * warped + warped**2) * gain)


def _filter_matrix() -> npt.NDArray[np.float64]:
    """From the samples of a frame and the state to the filtered samples and the next state."""
    gain, (a1, a2) = _coefficients()
    inputs = np.eye(_FRAME + 2)
    first, second = inputs[_FRAME], inputs[_FRAME + 1]
    rows = []
    for sample in inputs[:_FRAME]:  # the transposed direct form II, of all unit inputs at once
        rows.append(gain * sample + first)
        first, second = -2.0 * gain * sample - a1 * rows[-1] + second, gain * sample - a2 * rows[-1]
    return np.array([*rows, first, second])


_FILTER: Final = _filter_matrix()
_STEADY_STATE: Final = _coefficients()[0] * np.array([-1.0, 1.0])
