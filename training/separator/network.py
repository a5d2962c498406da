"""The separator in torch: from the magnitudes of a mixture to the share that is the voice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from models.emotion.spectra import BINS, HOP, LEAST_LEVEL, SIZE

_FLOOR: Final = 1e-2
"""Of the magnitudes, relative to their root mean square: below it nothing is told apart."""
_OPEN: Final = 1.5
"""Bias before the sigmoid at the beginning: a network that knows nothing lets most through."""


@dataclass(frozen=True)
class SeparatorShape:
    """Shape of the network."""

    # Width between the blocks and within.
    channels: int = 192
    hidden: int = 320
    # Of each block's kernel of three frames; their sum is how far it reaches in either direction.
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 1, 2, 4, 8)


class _Block(nn.Module):
    """One residual block of depthwise separable, dilated convolutions over time."""

    def __init__(self, shape: SeparatorShape, dilation: int) -> None:
        super().__init__()
        width = shape.hidden
        self.layers = nn.Sequential(
            nn.Conv1d(shape.channels, width, 1, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation, groups=width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Conv1d(width, shape.channels, 1),
        )

    def forward(self, frames: Tensor) -> Tensor:
        added: Tensor = frames + self.layers(frames)
        return added


class Separator(nn.Module):
    """Mask of a voice in music, by dilated convolutions over time (Luo and Mesgarani, TASLP 27(8), 2019).

    It works on the log-magnitudes of short-time spectra and sees what comes after a frame as well.
    """

    def __init__(self, shape: SeparatorShape | None = None) -> None:
        super().__init__()
        self.shape = shape or SeparatorShape()
        self.enter = nn.Sequential(
            nn.Conv1d(BINS, self.shape.channels, 1, bias=False), nn.BatchNorm1d(self.shape.channels)
        )
        self.blocks = nn.Sequential(*(_Block(self.shape, dilation) for dilation in self.shape.dilations))
        self.leave = nn.Conv1d(self.shape.channels, BINS, 1)
        nn.init.constant_(self.leave.bias, _OPEN)  # type: ignore[arg-type]

    def forward(self, magnitudes: Tensor) -> Tensor:
        """Magnitudes ``(batch, frames, 513)`` of any level to the share of the voice, alike, in [0, 1]."""
        level = magnitudes.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp_min(LEAST_LEVEL)
        features = torch.log(magnitudes / level + _FLOOR).transpose(1, 2)
        mask: Tensor = torch.sigmoid(self.leave(self.blocks(self.enter(features)))).transpose(1, 2)
        return mask


def separate(network: nn.Module, mixtures: Tensor) -> tuple[Tensor, Tensor]:
    """Voices in mixtures, ``(batch, samples)`` each, and their magnitudes, ``(batch, frames, 513)``."""
    taper = torch.hann_window(SIZE, device=mixtures.device)
    whole = torch.stft(
        mixtures, SIZE, HOP, window=taper, center=True, pad_mode="constant", return_complex=True
    ).transpose(1, 2)
    mask = network(whole.abs())
    voices = torch.istft(
        (whole * mask).transpose(1, 2), SIZE, HOP, window=taper, center=True, length=mixtures.shape[1]
    )
    return voices, whole.abs() * mask
