"""Owns the plain log-mel network: a residual 2-D CNN with squeeze-excitation and attentive pooling."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from models.emotion.hybrid import LogMel
from models.emotion.labels import EMOTIONS

__all__ = ["WINDOW_SAMPLES", "CompactCnn", "EmotionCnn", "peak_normalise"]

WINDOW_SAMPLES: Final = 48_000  # 3.0 s at 16 kHz
_PEAK_FLOOR: Final = 1e-3
"""Windows quieter than -60 dBFS are not raised to full level: digital silence stays silence."""
_LOG_MEL_CENTRE: Final = -10.0
_LOG_MEL_SPREAD: Final = 4.0
"""Fixed standardisation of the natural-log mel powers of peak-normalised speech (measured, rounded)."""


def peak_normalise(waveform: Tensor) -> Tensor:
    """Scale each waveform so that its loudest sample is 1; near-silence is left quiet.

    Parameters
    ----------
    waveform
        float32, ``(batch, samples)``, any level.

    Returns
    -------
    Tensor
        Same shape, in [-1, 1]; finite for silent input.
    """
    peak = waveform.abs().amax(dim=-1, keepdim=True)
    return waveform / peak.clamp_min(_PEAK_FLOOR)


class _SqueezeExcitation(nn.Module):
    """Channel gate of Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018; reduction 4."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, max(1, channels // 4))
        self.excite = nn.Linear(max(1, channels // 4), channels)

    def forward(self, features: Tensor) -> Tensor:
        gate = torch.relu(self.squeeze(features.mean(dim=(2, 3))))
        return features * torch.sigmoid(self.excite(gate))[:, :, None, None]


class _ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norm, gated, plus a shortcut (He et al., CVPR 2016)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.gate = _SqueezeExcitation(channels_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out)
            )

    def forward(self, features: Tensor) -> Tensor:
        inner = torch.relu(self.norm1(self.conv1(features)))
        inner = self.gate(self.norm2(self.conv2(inner)))
        return torch.relu(inner + self.shortcut(features))


class _AttentiveStatistics(nn.Module):
    """Attention-weighted mean and standard deviation over time (Okabe et al., Interspeech 2018)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Conv1d(channels, hidden, 1), nn.Tanh(), nn.Conv1d(hidden, channels, 1))

    def forward(self, frames: Tensor) -> Tensor:
        weight = torch.softmax(self.score(frames), dim=-1)  # (batch, channels, frames)
        mean = (weight * frames).sum(dim=-1)
        variance = (weight * (frames - mean[:, :, None]).square()).sum(dim=-1)
        return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)  # (batch, 2 * channels)


class CompactCnn(nn.Module):
    """From log-mel frames to eight logits.

    Parameters
    ----------
    widths
        Channels of the four stages of two residual blocks each; every stage but the first halves
        both axes, and so does the stem.
    dropout
        Share of pooled features dropped in training, [0, 1).
    """

    def __init__(self, widths: tuple[int, ...] = (24, 48, 96, 192), dropout: float = 0.2) -> None:
        super().__init__()
        self.widths = widths
        blocks: list[nn.Module] = []
        channels = widths[0]
        for stage, width in enumerate(widths):
            blocks += [
                _ResidualBlock(channels, width, 1 if stage == 0 else 2),
                _ResidualBlock(width, width, 1),
            ]
            channels = width
        self.stem = nn.Sequential(
            nn.Conv2d(1, widths[0], 3, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )
        self.blocks = nn.Sequential(*blocks)
        self.pool = _AttentiveStatistics(channels, max(8, channels // 4))
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * channels, len(EMOTIONS)))

    def forward(self, log_mel: Tensor) -> Tensor:
        """Natural-log mel powers ``(batch, bands, frames)`` to logits ``(batch, 8)``."""
        standard = (log_mel[:, None] - _LOG_MEL_CENTRE) / _LOG_MEL_SPREAD
        features = self.blocks(self.stem(standard))  # (batch, channels, bands / 16, frames / 16)
        logits: Tensor = self.head(self.pool(features.mean(dim=2)))
        return logits


class EmotionCnn(nn.Module):
    """What is served: waveform in, logits out, level and mel front-end inside.

    Parameters
    ----------
    widths
        See `CompactCnn`.
    """

    def __init__(self, widths: tuple[int, ...] = (24, 48, 96, 192)) -> None:
        super().__init__()
        self.front_end = LogMel(
            n_mels=64, n_fft=512, window_samples=400, hop_samples=160, low_hz=50.0, high_hz=7600.0
        )
        self.cnn = CompactCnn(widths)

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveform ``(batch, samples)`` at 16 kHz, any level, to logits ``(batch, 8)``."""
        logits: Tensor = self.cnn(self.front_end(peak_normalise(waveform)))
        return logits
