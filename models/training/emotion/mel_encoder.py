"""Owns the compact encoder: a small Wav2Vec2 whose wave front-end is a 2-D CNN on levelled log-mels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from models.emotion.hybrid import LogMel

__all__ = [
    "FRAME_HOP",
    "FRONT_END",
    "N_FRAMES",
    "N_MELS",
    "AttentiveStatistics",
    "EncoderSettings",
    "MelFrontEnd",
    "level",
    "make_encoder",
    "make_log_mel",
    "make_wav2vec2",
]

N_MELS: Final = 64
FRAME_HOP: Final = 320
"""Samples between frames: 20 ms."""
N_FRAMES: Final = 148
"""Frames of a 3 s window: 1 + (48 000 - 800) // 320."""
FRONT_END: Final[dict[str, Any]] = {
    "n_mels": N_MELS,
    "n_fft": 1024,
    "window_samples": 800,
    "hop_samples": FRAME_HOP,
    "low_hz": 50.0,
    "high_hz": 7600.0,
    "floor": 1e-9,
}
"""Everything that the log-mels depend on, as `LogMel` takes it."""
_LOWEST_PEAK: Final = -14.0
"""Natural log of the frame power below which a window is not raised: silence stays silence."""
_CENTRE: Final = -10.0
_SPREAD: Final = 4.0
"""Fixed standardisation of levelled log-mels (measured on speech, rounded)."""
_LN10: Final = 2.302585092994046


def make_log_mel() -> LogMel:
    """The compact encoder's front-end: 64 bands, 50 ms windows, 20 ms hop."""
    return LogMel(**FRONT_END)


def level(log_mel: Tensor, *, floor_db: float | Tensor = 60.0) -> Tensor:
    """Set the loudest frame of each window to power 1 and forget what lies far below it.

    Loudness says more of the microphone than of the speaker, and the noise floor more of the room.

    Parameters
    ----------
    log_mel
        Natural-log powers, ``(batch, bands, frames)``.
    floor_db
        How far below the loudest frame nothing is told apart, dB; broadcast.

    Returns
    -------
    Tensor
        Same shape.
    """
    loudest = torch.logsumexp(log_mel, dim=1).amax(dim=1).clamp_min(_LOWEST_PEAK)
    floor = torch.as_tensor(floor_db, dtype=log_mel.dtype) * (-_LN10 / 10.0)
    return torch.logaddexp(log_mel - loudest[:, None, None], floor)


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

    def __init__(self, channels_in: int, channels_out: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.gate = _SqueezeExcitation(channels_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != (1, 1) or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out)
            )

    def forward(self, features: Tensor) -> Tensor:
        inner = torch.relu(self.norm1(self.conv1(features)))
        inner = self.gate(self.norm2(self.conv2(inner)))
        return torch.relu(inner + self.shortcut(features))


class AttentiveStatistics(nn.Module):
    """Attention-weighted mean and standard deviation over time (Okabe et al., Interspeech 2018)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Conv1d(channels, hidden, 1), nn.Tanh(), nn.Conv1d(hidden, channels, 1))

    def forward(self, frames: Tensor) -> Tensor:
        """Frames ``(batch, channels, frames)`` to ``(batch, 2 * channels)``."""
        weight = torch.softmax(self.score(frames), dim=-1)  # (batch, channels, frames)
        mean = (weight * frames).sum(dim=-1)
        variance = (weight * (frames - mean[:, :, None]).square()).sum(dim=-1)
        return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)


@dataclass(frozen=True)
class EncoderSettings:
    """Shape of the compact encoder.

    Attributes
    ----------
    stem
        Channels of the front-end's first convolution, which halves bands and frames.
    widths, time_strides
        Channels of the stages that follow, each of two residual blocks, and their stride over time;
        each halves the bands. The bands that are left stand side by side as channels.
    hidden_size, n_layers, n_heads, intermediate_size
        Of the Wav2Vec2 transformer.
    dropout
        In the transformer while it is trained, [0, 1).
    """

    stem: int = 24
    widths: tuple[int, ...] = (48, 96, 192)
    time_strides: tuple[int, ...] = (2, 1, 2)
    hidden_size: int = 256
    n_layers: int = 2
    n_heads: int = 4
    intermediate_size: int = 768
    dropout: float = 0.1

    @property
    def n_features(self) -> int:
        """Channels that the front-end gives."""
        return self.widths[-1] * (N_MELS >> (1 + len(self.widths)))

    def record(self) -> dict[str, Any]:
        """Plain values, for config files."""
        return {**asdict(self), "widths": list(self.widths), "time_strides": list(self.time_strides)}


class MelFrontEnd(nn.Module):
    """Waveform to features, in the place of Wav2Vec2's wave front-end.

    Parameters
    ----------
    settings
        Shape.
    """

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        self.log_mel = make_log_mel()
        self.stem = nn.Sequential(
            nn.Conv2d(1, settings.stem, 3, 2, 1, bias=False), nn.BatchNorm2d(settings.stem), nn.ReLU()
        )
        blocks: list[nn.Module] = []
        channels = settings.stem
        for width, stride in zip(settings.widths, settings.time_strides, strict=True):
            blocks += [_ResidualBlock(channels, width, (2, stride)), _ResidualBlock(width, width, (1, 1))]
            channels = width
        self.blocks = nn.Sequential(*blocks)

    def frames(self, levelled: Tensor) -> Tensor:
        """Levelled log-mels ``(batch, bands, frames)`` to ``(batch, channels, fewer frames)``."""
        standard = (levelled[:, None] - _CENTRE) / _SPREAD
        features: Tensor = self.blocks(self.stem(standard))
        return features.flatten(1, 2)

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveform ``(batch, samples)`` at 16 kHz, any level, to ``(batch, channels, frames)``."""
        peak = waveform.abs().amax(dim=-1, keepdim=True).clamp_min(1e-3)
        return self.frames(level(self.log_mel(waveform / peak)))


def make_wav2vec2(
    settings: EncoderSettings,
    *,
    conv_dim: Sequence[int],
    conv_kernel: Sequence[int],
    conv_stride: Sequence[int],
    position_frames: int,
) -> Any:
    """A fresh Wav2Vec2 (Baevski et al., NeurIPS 2020) with the transformer of the given shape.

    Parameters
    ----------
    settings
        Of the transformer; what concerns the log-mel front-end is left aside.
    conv_dim, conv_kernel, conv_stride
        Channels, kernels and strides of the front-end's convolutions.
    position_frames
        Reach of the convolution that tells places apart, frames.

    Returns
    -------
    Module
        A ``transformers.Wav2Vec2Model``.
    """
    from transformers import Wav2Vec2Config, Wav2Vec2Model  # noqa: PLC0415 - slow to import

    config = Wav2Vec2Config(
        hidden_size=settings.hidden_size,
        num_hidden_layers=settings.n_layers,
        num_attention_heads=settings.n_heads,
        intermediate_size=settings.intermediate_size,
        conv_dim=tuple(conv_dim),
        conv_kernel=tuple(conv_kernel),
        conv_stride=tuple(conv_stride),
        num_conv_pos_embeddings=position_frames,
        num_conv_pos_embedding_groups=8,
        hidden_dropout=settings.dropout,
        attention_dropout=settings.dropout,
        activation_dropout=settings.dropout,
        feat_proj_dropout=settings.dropout,
        layerdrop=0.0,
        do_stable_layer_norm=True,
        mask_time_prob=0.0,
    )
    config._attn_implementation = "eager"
    return Wav2Vec2Model(config)


def make_encoder(settings: EncoderSettings) -> nn.Module:
    """A fresh Wav2Vec2 of the given shape, on log-mels.

    Returns
    -------
    Module
        A ``transformers.Wav2Vec2Model`` whose ``feature_extractor`` is a `MelFrontEnd`.
    """
    encoder = make_wav2vec2(
        settings, conv_dim=[settings.n_features], conv_kernel=[1], conv_stride=[1], position_frames=7
    )
    encoder.feature_extractor = MelFrontEnd(settings)
    return encoder  # type: ignore[no-any-return]
