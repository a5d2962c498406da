"""Owns the tower: what a student of YAMNet's first layers hears, beside the compact encoder's own states."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn

from models.training.yamnet.network import (
    CHANNELS,
    LEAST_PEAK,
    N_MELS,
    PEAK,
    STRIDES,
    YamnetLayers,
    YamnetLogMel,
    window_samples,
)

__all__ = ["Tower", "fit_projection"]

_LEAST_SPREAD: Final = 1e-2
"""Added to the spread of each channel: nearly silent ones are not blown up."""


class Tower(nn.Module):
    """Frozen convolutions on log-mels of their own, and a projection to few channels.

    Parameters
    ----------
    n_layers
        Of YAMNet's; their strides over time make up the 160 ms of the compact encoder's frames.
    size
        Channels that are left.
    """

    def __init__(self, n_layers: int = 7, size: int = 256) -> None:
        super().__init__()
        self.size = size
        self._stride = 1
        for stride in STRIDES[:n_layers]:
            self._stride *= stride
        self.log_mel = YamnetLogMel()
        self.layers = YamnetLayers(n_layers)
        self.project = nn.Linear(CHANNELS[n_layers - 1] * N_MELS // self._stride, size)

    def record(self) -> dict[str, Any]:
        """What it is made with, for config files."""
        return {"n_layers": self.layers.n_layers, "size": self.size}

    def channels(self, waveform: Tensor, n_frames: int) -> Tensor:
        """Waveform ``(batch, samples)`` at 16 kHz, any level, to ``(batch, n_frames, bands * channels)``."""
        samples = window_samples(n_frames * self._stride)
        peak = waveform.abs().amax(dim=-1, keepdim=True).clamp_min(LEAST_PEAK)
        whole = nn.functional.pad(waveform * (PEAK / peak), (0, samples - waveform.shape[-1]))
        features: Tensor = self.layers(self.log_mel(whole))
        return features.permute(0, 2, 3, 1).flatten(2)

    def forward(self, waveform: Tensor, n_frames: int) -> Tensor:
        """Waveform ``(batch, samples)`` at 16 kHz, any level, to ``(batch, n_frames, size)``.

        Parameters
        ----------
        waveform
            What is behind the last frame is silence.
        n_frames
            160 ms each with seven layers.
        """
        channels = self.channels(waveform, n_frames).transpose(1, 2)
        # As a convolution, which stays float32 in int8 graphs: so many channels, so unlike in size, share
        # one scale badly.
        projected = nn.functional.conv1d(channels, self.project.weight[:, :, None], self.project.bias)
        return projected.transpose(1, 2)


def fit_projection(tower: Tower, channels: Tensor) -> None:
    """Let the projection keep the principal components of standardised channels, in place.

    All components are scaled alike, so that their variance is 1 on average: those that tell more stay
    larger.

    Parameters
    ----------
    tower
        Whose projection is set.
    channels
        Of many sounds, from `Tower.channels`, ``(frames, bands * channels)``; at least two frames.
    """
    mean, spread = channels.mean(dim=0), channels.std(dim=0) + _LEAST_SPREAD
    standard = ((channels - mean) / spread).double()
    variances, directions = torch.linalg.eigh(standard.T @ standard / len(standard))
    kept = directions[:, -tower.size :].flip(1)
    scale = variances[-tower.size :].mean().clamp_min(1e-12).sqrt()
    weight = (kept / scale).T.float() / spread
    with torch.no_grad():
        tower.project.weight.copy_(weight)
        tower.project.bias.copy_(-weight @ mean)
