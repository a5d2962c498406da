"""The teacher: the first blocks of Whisper base's encoder, with what stands between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import WeightsError
from models.emotion.hybrid import WhisperLogMel

__all__ = [
    "HEADS",
    "POSITIONS",
    "BlockParts",
    "Teacher",
    "attention",
    "level",
]

POSITIONS: Final = 150
"""Frames of the encoder in 3 s, 20 ms apart."""
HEADS: Final = 8
_PEAK: Final = 0.5
_LEAST_PEAK: Final = 1e-3


def level(waveform: Tensor) -> Tensor:
    """Scale each window to peak 0.5; silence stays silence.

    Parameters
    ----------
    waveform
        ``(batch, samples)`` at 16 kHz.
    """
    peak = waveform.abs().amax(dim=-1, keepdim=True).clamp_min(_LEAST_PEAK)
    return waveform * (_PEAK / peak)


class BlockParts(NamedTuple):
    """What one block computes, each ``(batch, frames, width)``.

    Attributes
    ----------
    qkv
        Queries, keys and values side by side, width 1536.
    attended
        The stream after attention.
    hidden
        The feed-forward network before its GELU, width 2048.
    stream
        The stream after the block.
    """

    qkv: Tensor
    attended: Tensor
    hidden: Tensor
    stream: Tensor


class Teacher(nn.Module):
    """Frozen first blocks of the encoder.

    Parameters
    ----------
    arrays
        As `weights.read_encoder` gives them.
    n_blocks
        Blocks that are kept, from the first.

    Raises
    ------
    WeightsError
        An array is missing.
    """

    def __init__(self, arrays: Mapping[str, NDArray[np.float32]], n_blocks: int = 3) -> None:
        super().__init__()
        self.n_blocks = n_blocks
        self._names: dict[str, str] = {}
        wanted = ["conv1/weight", "conv1/bias", "conv2/weight", "conv2/bias", "position_encodings/encodings"]
        for block in range(n_blocks):
            for part in ("self_attention", "ffn"):
                stem = f"layer_{block}/{part}/"
                wanted += [stem + "layer_norm/gamma", stem + "layer_norm/beta"]
                wanted += [f"{stem}linear_{n}/{kind}" for n in (0, 1) for kind in ("weight", "bias")]
        for name in wanted:
            if name not in arrays:
                raise WeightsError(f"The teacher's weights lack {name!r}: give the file of Whisper base.")
            self._names[name] = name.replace("/", "__")
            self.register_buffer(self._names[name], torch.from_numpy(arrays[name]), persistent=False)
        self.log_mel = WhisperLogMel()

    def array(self, name: str) -> Tensor:
        """One of the arrays, by its name in the file."""
        return self.get_buffer(self._names[name])

    @property
    def width(self) -> int:
        """Of the stream."""
        return int(self.array("conv1/bias").shape[0])

    def first_conv(self, mels: Tensor) -> Tensor:
        """Log-mels ``(batch, 80, frames)`` to the first convolution after its GELU, same frames."""
        return nn.functional.gelu(
            nn.functional.conv1d(mels, self.array("conv1/weight"), self.array("conv1/bias"), padding=1)
        )

    def second_conv(self, features: Tensor) -> Tensor:
        """What `first_conv` gave to the second convolution before its GELU, half the frames."""
        return nn.functional.conv1d(
            features, self.array("conv2/weight"), self.array("conv2/bias"), padding=1, stride=2
        )

    def positions(self, frames: int) -> Tensor:
        """The sinusoids that tell places apart, ``(frames, width)``."""
        return self.array("position_encodings/encodings")[:frames]

    def stem(self, mels: Tensor) -> Tensor:
        """Log-mels ``(batch, 80, frames)`` to the stream before the first block, half the frames."""
        stream = nn.functional.gelu(self.second_conv(self.first_conv(mels))).transpose(1, 2)
        return stream + self.positions(stream.shape[1])

    def block(self, stream: Tensor, n: int) -> BlockParts:
        """One block, counted from 0."""
        attention_in = self._norm(stream, f"layer_{n}/self_attention")
        qkv = self._linear(attention_in, f"layer_{n}/self_attention", 0)
        attended = stream + self._linear(attention(qkv), f"layer_{n}/self_attention", 1)
        hidden = self._linear(self._norm(attended, f"layer_{n}/ffn"), f"layer_{n}/ffn", 0)
        after = attended + self._linear(nn.functional.gelu(hidden), f"layer_{n}/ffn", 1)
        return BlockParts(qkv, attended, hidden, after)

    def forward(self, waveform: Tensor) -> list[Tensor]:
        """Waveform ``(batch, samples)``, any level, to the stream before and after each block."""
        stream = self.stem(self.log_mel(level(waveform)))
        states = [stream]
        for n in range(self.n_blocks):
            states.append(self.block(states[-1], n).stream)
        return states

    def _norm(self, stream: Tensor, part: str) -> Tensor:
        gamma, beta = (self.array(f"{part}/layer_norm/{kind}") for kind in ("gamma", "beta"))
        return nn.functional.layer_norm(stream, (stream.shape[-1],), gamma, beta)

    def _linear(self, inputs: Tensor, part: str, which: int) -> Tensor:
        return nn.functional.linear(
            inputs, self.array(f"{part}/linear_{which}/weight"), self.array(f"{part}/linear_{which}/bias")
        )


def attention(qkv: Tensor, heads: int = HEADS) -> Tensor:
    """Softmax attention of every frame to all (Vaswani et al., NeurIPS 2017).

    Parameters
    ----------
    qkv
        Queries, keys and values side by side, ``(batch, frames, 3 * width)``.
    heads
        Into which each is split.

    Returns
    -------
    Tensor
        ``(batch, frames, width)``.
    """
    queries, keys, values = (
        part.reshape(*part.shape[:2], heads, -1).transpose(1, 2) for part in qkv.chunk(3, dim=-1)
    )
    mixed = nn.functional.scaled_dot_product_attention(queries, keys, values)
    return mixed.transpose(1, 2).flatten(2)
