"""The echo of music that this program plays itself: what was played, and taking it out of a window."""

from __future__ import annotations

import threading
from typing import Final

import numpy as np
import numpy.typing as npt

from models.emotion.spectra import spectra, waveform
from models.resample import SAMPLE_RATE_HZ, Audio, MonoResampler

SLACK_SAMPLES: Final = round(0.7 * SAMPLE_RATE_HZ)
"""How far an echo may be from where the clocks put it, either way: buffers of sound servers are long."""
_HELD_S: Final = 8.0
_TAPS: Final = 4  # frames of 16 ms over which a room rings, the first of them before the direct sound
_LEAD: Final = 128  # samples by which the reference is moved ahead: an echo must not come before it
_AUDIBLE: Final = 11.0
"""Height of the peak of the cross-correlation over its spread from which there is an echo at all."""
_RIDGE: Final = 1e-3
_ROUNDS: Final = 3
_EVEN: Final = 0.01  # of a bin's mean power, that evens the weights of its frames
_STALE_S: Final = 1.0


class EchoReference:
    """The newest sound that was played, by the clock of the machine; any thread may feed and read."""

    def __init__(self) -> None:
        self._ring = np.zeros(round(_HELD_S * SAMPLE_RATE_HZ), dtype=np.float32)
        self._lock = threading.Lock()
        self._resampler: MonoResampler | None = None
        self._rate_hz = 0
        self._end_s = -np.inf

    def feed(self, block: npt.NDArray[np.float32], rate_hz: int, end_s: float) -> None:
        """Add what follows.

        Parameters
        ----------
        block
            float32, shape (frames,) or (frames, channels).
        rate_hz
            Its rate.
        end_s
            When its last frame goes out, by `time.perf_counter`, to within some tenths of a second.
        """
        channels = 1 if block.ndim == 1 else block.shape[1]
        with self._lock:
            if self._resampler is None or self._rate_hz != rate_hz or end_s - self._end_s > _STALE_S:
                self._resampler, self._rate_hz = MonoResampler(rate_hz, channels), rate_hz
                self._ring[:] = 0.0
            audio = self._resampler.process(block.reshape(-1, channels))[-self._ring.size :]
            self._ring = np.concatenate([self._ring[audio.size :], audio])
            self._end_s = end_s

    def around(self, samples: int, end_s: float) -> Audio | None:
        """The sound played during a window, with `SLACK_SAMPLES` before and after it.

        Parameters
        ----------
        samples
            Length of the window.
        end_s
            When it ended, by `time.perf_counter`.

        Returns
        -------
        audio
            float32, shape (samples + 2 * SLACK_SAMPLES,), silence where nothing is known; None where all
            of it is silence.
        """
        with self._lock:
            after = round((end_s - self._end_s) * SAMPLE_RATE_HZ) if np.isfinite(self._end_s) else None
            if after is None or after > samples + SLACK_SAMPLES:
                return None
            wanted = samples + 2 * SLACK_SAMPLES
            stop = self._ring.size + after + SLACK_SAMPLES
            audio = np.zeros(wanted, dtype=np.float32)
            first, last = max(0, stop - wanted), min(self._ring.size, stop)
            if last > first:
                audio[first - (stop - wanted) : last - (stop - wanted)] = self._ring[first:last]
        return audio if audio.any() else None


def cancel_echo(window: Audio, reference: Audio) -> Audio:
    """Subtract from a window what a linear room makes of the sound that was played, where it is audible.

    The delay is that of the highest peak of the phase-transformed cross-correlation (Knapp and Carter,
    IEEE TASSP 24(4), 1976); the room is the least-squares filter of a few frames in each bin of the
    short-time spectrum (Avargel and Cohen, IEEE TASLP 15(4), 2007, without cross-bands), fitted to this
    window alone. Frames in which more than the echo sounds weigh less in each round (as in Nakatani et
    al., IEEE TASLP 18(7), 2010), so that the voice is not fitted.

    Parameters
    ----------
    window
        float32, shape (samples,), 16 kHz.
    reference
        What was played, shape (samples + 2 * SLACK_SAMPLES,).
    """
    start = _delay(window, reference)
    if start is None:
        return window
    start = max(0, start - _LEAD)
    played = spectra(reference[start : start + window.size])  # (frames, bins), complex64
    recorded = spectra(window)
    late = [np.pad(played, ((tap, 0), (0, 0)))[: len(played)] for tap in range(_TAPS)]
    past = np.stack(late, axis=2).transpose(1, 0, 2)  # (bins, frames, taps)
    residual = recorded.T  # (bins, frames)
    for _ in range(_ROUNDS):
        loud = np.square(np.abs(residual))
        weight = 1.0 / (loud + _EVEN * loud.mean(axis=1, keepdims=True) + 1e-9)
        adjoint = np.conj(past.transpose(0, 2, 1)) * weight[:, None, :]
        power = adjoint @ past
        ridge = _RIDGE * np.trace(power, axis1=1, axis2=2).real / _TAPS + 1e-9
        even = ridge[:, None, None] * np.eye(_TAPS, dtype=np.float32)
        room = np.linalg.solve(power + even, adjoint @ recorded.T[:, :, None])
        residual = recorded.T - (past @ room)[:, :, 0]
    return waveform(residual.T.astype(np.complex64), window.size)


def _delay(window: Audio, reference: Audio) -> int | None:
    """Where in the reference the window begins; None where there is no echo."""
    size = 1 << (reference.size + window.size).bit_length()
    cross = np.fft.rfft(reference, size) * np.conj(np.fft.rfft(window, size))
    weight = np.abs(cross)
    sharp = np.fft.irfft(cross / np.maximum(weight, 1e-3 * weight.max(initial=1e-12)), size)
    lags = np.abs(sharp[: reference.size - window.size + 1])
    place = int(lags.argmax())
    return place if lags[place] > _AUDIBLE * lags.std() else None
