"""Short-time Fourier transform of the voice separator, and its inverse."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from models.resample import Audio

SIZE: Final = 1024
"""Samples of a frame, 64 ms: long enough to resolve the harmonics of voices and instruments."""
HOP: Final = SIZE // 4
BINS: Final = SIZE // 2 + 1
LEAST_LEVEL: Final = 1e-5
"""Root mean square of the magnitudes below which a window is not amplified: silence stays silent."""
_TAPER: Final = np.hanning(SIZE + 1)[:-1].astype(np.float32)


def spectra(audio: Audio) -> npt.NDArray[np.complex64]:
    """Spectra of frames under a periodic Hann window, centred on every 256th sample.

    Parameters
    ----------
    audio
        float32, shape (samples,), 16 kHz; padded with silence on both sides.

    Returns
    -------
    spectra
        Shape (frames, 513), frames = samples // 256 + 1, as of `torch.stft` with constant padding.
    """
    padded = np.pad(audio, SIZE // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, SIZE)[::HOP]
    return np.fft.rfft(frames * _TAPER, axis=1).astype(np.complex64)


def waveform(frames: npt.NDArray[np.complex64], samples: int) -> Audio:
    """Inverse of `spectra`, shape (samples,), by weighted overlap-add (Griffin and Lim, 1984).

    Parameters
    ----------
    frames
        Shape (frames, 513).
    samples
        Length of the result; frames = samples // 256 + 1.
    """
    pieces = np.fft.irfft(frames, n=SIZE, axis=1) * _TAPER
    total = SIZE + HOP * (len(frames) - 1)
    audio, weight = np.zeros(total + SIZE), np.zeros(total + SIZE)
    for part in range(SIZE // HOP):  # each fourth frame begins where the one before ends
        joined = pieces[part :: SIZE // HOP].ravel()
        audio[part * HOP : part * HOP + joined.size] += joined
        weight[part * HOP : part * HOP + joined.size] += np.tile(_TAPER**2, joined.size // SIZE)
    inside = slice(SIZE // 2, SIZE // 2 + samples)
    return (audio[inside] / np.maximum(weight[inside], 1e-3)).astype(np.float32)
