"""Owns the suppression of music behind a voice, before the emotion model hears it. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from models.resample import Audio
from realtime.voice_activity import FRAME_SAMPLES

__all__ = ["suppress_music"]

_SIZE: Final = 1024
_HOP: Final = _SIZE // 4
_OVER: Final = 4.0
"""How much more than the mean power between the words is taken away: music rises above its mean."""
_FLOOR: Final = 0.5
"""Amplitude that is left of a bin at least. Less makes the emotion model sure, and often wrongly so."""
_PAUSE: Final = 0.03
"""Amplitude that is left between the words."""
_DILATION: Final = 2
"""Frames on either side of speech that count as speech: voices begin and end softly."""
_LEAST_FRAMES: Final = 8
"""Spectra between the words, fewer of which say nothing of the music."""
_FADE: Final = 320
"""Samples, 20 ms."""


def suppress_music(window: Audio, speech: npt.NDArray[np.bool_]) -> Audio:
    """Take what sounds between the words out of the words, and out of the pauses.

    Power spectral subtraction (Boll, IEEE TASSP 27(2), 1979) with over-subtraction and a floor (Berouti et
    al., ICASSP 1979): the noise is the mean power spectrum of the frames that hold no speech.

    Parameters
    ----------
    window
        float32, shape (samples,), 16 kHz.
    speech
        Which frames of 512 samples are speech, newest last; shape (samples / 512,).

    Returns
    -------
    cleaned
        Of the window's shape. Where all or nothing is speech, the window itself.
    """
    spoken = np.convolve(speech, np.ones(2 * _DILATION + 1), mode="same") > 0
    lead = window.size - spoken.size * FRAME_SAMPLES
    by_sample = np.concatenate([np.full(max(0, lead), spoken[0]), np.repeat(spoken, FRAME_SAMPLES)])
    padded = np.pad(window, _SIZE)
    starts = np.arange(0, padded.size - _SIZE + 1, _HOP)
    taper = np.hanning(_SIZE + 1)[:-1].astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _SIZE)[::_HOP] * taper
    middles = np.clip(starts + _SIZE // 2 - _SIZE, 0, window.size - 1)
    inside = (starts >= _SIZE) & (starts <= window.size)
    between = inside & ~by_sample[middles]
    if between.sum() < _LEAST_FRAMES or not spoken.any():
        return window
    spectra = np.fft.rfft(frames, axis=1)
    power = np.square(spectra.real) + np.square(spectra.imag)
    noise = power[between].mean(axis=0)
    gains = np.sqrt(np.maximum(1.0 - _OVER * noise / np.maximum(power, 1e-12), _FLOOR**2))
    pieces = np.fft.irfft(spectra * gains, n=_SIZE, axis=1) * taper
    cleaned = np.zeros(padded.size)
    for part in range(_SIZE // _HOP):  # each fourth frame begins where the one before ends
        joined = pieces[part :: _SIZE // _HOP].ravel()
        cleaned[part * _HOP : part * _HOP + joined.size] += joined
    cleaned /= 1.5  # what four squared Hann windows, a quarter apart, sum to
    steps = np.pad(np.where(by_sample, 1.0, _PAUSE), (_FADE // 2, _FADE // 2 - 1), mode="edge")
    gate = np.convolve(steps, np.full(_FADE, 1.0 / _FADE), mode="valid")
    return (cleaned[_SIZE : _SIZE + window.size] * gate).astype(np.float32)
