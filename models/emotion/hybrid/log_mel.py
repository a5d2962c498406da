"""Log-mel spectrograms as torch modules that export to fast ONNX graphs."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_SAMPLE_RATE_HZ: Final = 16_000
_SLANEY_BREAK_HZ: Final = 1000.0
_SLANEY_LINEAR_HZ: Final = 200.0 / 3.0
_SLANEY_LOG_STEP: Final = math.log(6.4) / 27.0
_WHISPER_FFT: Final = 400
_WHISPER_HOP: Final = 160


def _hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's scale: linear to 1 kHz, logarithmic above (Auditory Toolbox, 1998)."""
    linear = hz / _SLANEY_LINEAR_HZ
    above = np.log(np.maximum(hz, _SLANEY_BREAK_HZ) / _SLANEY_BREAK_HZ) / _SLANEY_LOG_STEP
    return np.where(hz < _SLANEY_BREAK_HZ, linear, _SLANEY_BREAK_HZ / _SLANEY_LINEAR_HZ + above)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of `_hz_to_mel`."""
    break_mel = _SLANEY_BREAK_HZ / _SLANEY_LINEAR_HZ
    above = _SLANEY_BREAK_HZ * np.exp(_SLANEY_LOG_STEP * (np.maximum(mel, break_mel) - break_mel))
    return np.where(mel < break_mel, mel * _SLANEY_LINEAR_HZ, above)


def slaney_edges_hz(n_mels: int, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Edges and peaks of overlapping mel filters: filter i begins, peaks and ends at entries i, i + 1, i + 2.

    Parameters
    ----------
    n_mels
        Number of filters.
    low_hz, high_hz
        Lower edge of the first and upper edge of the last filter.

    Returns
    -------
    ndarray
        float64, ``(n_mels + 2,)``, Hz.
    """
    ends = _hz_to_mel(np.array([low_hz, high_hz]))
    return _mel_to_hz(np.linspace(ends[0], ends[1], n_mels + 2))


def mel_matrix(n_mels: int, n_fft: int, low_hz: float, high_hz: float) -> NDArray[np.float32]:
    """Triangular mel filters on Slaney's scale, each with peak 1, ``(n_fft // 2 + 1, n_mels)``.

    Parameters
    ----------
    n_mels
        Number of bands.
    n_fft
        Length of the Fourier transform in samples at 16 kHz.
    low_hz, high_hz
        Lower edge of the first and upper edge of the last filter; 0 <= low < high <= 8000.
    """
    edges_hz = slaney_edges_hz(n_mels, low_hz, high_hz)
    bins_hz = np.arange(n_fft // 2 + 1)[:, None] * (_SAMPLE_RATE_HZ / n_fft)
    left, centre, right = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz - left) / (centre - left)
    falling = (right - bins_hz) / (right - centre)
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


def _hann(samples: int) -> NDArray[np.float64]:
    """Periodic Hann window."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(samples) / samples)


def _fourier_kernels(bins: NDArray[np.int64], window: NDArray[np.float64], n_fft: int) -> Tensor:
    """Windowed cosines and sines as kernels of a convolution, float32, ``(2 * bins, 1, window)``."""
    angle = 2 * np.pi * np.outer(bins, np.arange(len(window))) / n_fft
    rows = np.concatenate([np.cos(angle), np.sin(angle)]) * window
    return torch.from_numpy(rows[:, None, :].astype(np.float32))


class LogMel(nn.Module):
    """Natural-log mel powers of 16 kHz audio, as one convolution, so that it exports to a fast graph.

    The Fourier transform is a product with fixed cosine and sine rows under a periodic Hann window
    scaled to sum 1 (a full-scale sine has power 1/4). Frames are not centred: frame ``t`` starts at
    sample ``t * hop_samples``.

    Parameters
    ----------
    n_mels
        Number of bands.
    n_fft, window_samples, hop_samples
        Lengths in samples at 16 kHz; ``window_samples <= n_fft``.
    floor
        Lowest power; the smallest output is its logarithm.
    """

    def __init__(
        self,
        n_mels: int = 64,
        n_fft: int = 1024,
        window_samples: int = 1024,
        hop_samples: int = 512,
        *,
        floor: float = 1e-8,
    ) -> None:
        super().__init__()
        mel = mel_matrix(n_mels, n_fft, 50.0, 7600.0)
        used = np.flatnonzero(mel.any(axis=1))  # bins outside the filters need no rows
        window = _hann(window_samples)
        window /= window.sum()
        self.hop_samples = hop_samples
        self._log_floor = math.log(floor)
        self.fourier: Tensor
        self.mel: Tensor
        self.register_buffer("fourier", _fourier_kernels(used, window, n_fft), persistent=False)
        # Powers are counted in units of the floor: graph optimisers take a bare "+ 1e-8" for "+ 0".
        in_floors = (mel[used].T / floor)[:, :, None].astype(np.float32)
        self.register_buffer("mel", torch.from_numpy(in_floors), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveform ``(batch, samples)`` to natural-log powers ``(batch, n_mels, frames)``."""
        spectrum = nn.functional.conv1d(waveform[:, None, :], self.fourier, stride=self.hop_samples)
        real, imaginary = spectrum.chunk(2, dim=1)
        power = nn.functional.conv1d(real.square() + imaginary.square(), self.mel)
        return torch.log(power + 1.0) + self._log_floor


class WhisperLogMel(nn.Module):
    """The log-mels that Whisper was trained on (Radford et al., ICML 2023), as convolutions that export well.

    Slaney's bands of equal area from 0 to 8 kHz over Hann windows of 25 ms, 10 ms apart, centred on reflected
    edges; log10, at most 8 below the loudest value of the window, ``(x + 4) / 4``. The same as
    ``transformers.WhisperFeatureExtractor`` for sound that is not padded to 30 s.

    Parameters
    ----------
    n_mels
        Number of bands: 80, or 128 from large-v3 on.
    """

    def __init__(self, n_mels: int = 80) -> None:
        super().__init__()
        edges_hz = slaney_edges_hz(n_mels, 0.0, 8000.0)
        by_area = (2.0 / (edges_hz[2:] - edges_hz[:-2])).astype(np.float32)
        mel = mel_matrix(n_mels, _WHISPER_FFT, 0.0, 8000.0) * by_area
        used = np.flatnonzero(mel.any(axis=1))
        self.fourier: Tensor
        self.mel: Tensor
        kernels = _fourier_kernels(used, _hann(_WHISPER_FFT), _WHISPER_FFT)
        self.register_buffer("fourier", kernels, persistent=False)
        self.register_buffer("mel", torch.from_numpy(mel[used].T[:, :, None].copy()), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveform ``(batch, samples)`` to ``(batch, n_mels, samples // 160)``; at least 201 samples."""
        n_frames = waveform.shape[-1] // _WHISPER_HOP
        margin = _WHISPER_FFT // 2
        padded = nn.functional.pad(waveform[:, None, :], (margin, margin), mode="reflect")
        spectrum = nn.functional.conv1d(
            padded[:, :, : (n_frames - 1) * _WHISPER_HOP + _WHISPER_FFT], self.fourier, stride=_WHISPER_HOP
        )
        real, imaginary = spectrum.chunk(2, dim=1)
        power = nn.functional.conv1d(real.square() + imaginary.square(), self.mel)
        log = power.clamp_min(1e-10).log10()
        return (torch.maximum(log, log.amax(dim=(1, 2), keepdim=True) - 8.0) + 4.0) / 4.0
