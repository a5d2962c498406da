"""The teacher: the first blocks of Whisper base's encoder, and its weights, read from a CTranslate2 file."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import WeightsError
from models.assets import PINNED_FILES
from models.emotion.hybrid import WhisperLogMel

POSITIONS: Final = 150
"""Frames of the encoder in 3 s, 20 ms apart."""
HEADS: Final = 8
_PEAK: Final = 0.5
_LEAST_PEAK: Final = 1e-3
_DTYPES: Final[dict[int, type[np.generic]]] = {
    0: np.float32,
    1: np.int8,
    2: np.int16,
    3: np.int32,
    4: np.float16,
}
_LONGEST_NAME: Final = 512
_PREFIX: Final = "encoder/"


def level(waveform: Tensor) -> Tensor:
    """Scale each window of ``(batch, samples)`` to peak 0.5; silence stays silence."""
    peak = waveform.abs().amax(dim=-1, keepdim=True).clamp_min(_LEAST_PEAK)
    return waveform * (_PEAK / peak)


class BlockParts(NamedTuple):
    """What one block computes, each ``(batch, frames, width)``."""

    qkv: Tensor  # queries, keys and values side by side, width 1536
    attended: Tensor  # the stream after attention
    hidden: Tensor  # the feed-forward network before its GELU, width 2048
    stream: Tensor  # the stream after the block


class Teacher(nn.Module):
    """Frozen first blocks of the encoder, from the arrays of `weights.read_encoder`.

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

    def streams(self, mels: Tensor) -> list[Tensor]:
        """Log-mels ``(batch, 80, frames)`` to the stream before and after each block."""
        states = [self.stem(mels)]
        for n in range(self.n_blocks):
            states.append(self.block(states[-1], n).stream)
        return states

    def forward(self, waveform: Tensor) -> list[Tensor]:
        """Waveform ``(batch, samples)``, any level, to the stream before and after each block."""
        return self.streams(self.log_mel(level(waveform)))

    def _norm(self, stream: Tensor, part: str) -> Tensor:
        gamma, beta = (self.array(f"{part}/layer_norm/{kind}") for kind in ("gamma", "beta"))
        return nn.functional.layer_norm(stream, (stream.shape[-1],), gamma, beta)

    def _linear(self, inputs: Tensor, part: str, which: int) -> Tensor:
        return nn.functional.linear(
            inputs, self.array(f"{part}/linear_{which}/weight"), self.array(f"{part}/linear_{which}/bias")
        )


def attention(qkv: Tensor) -> Tensor:
    """Softmax attention of every frame to all (Vaswani et al., NeurIPS 2017), ``(batch, frames, width)``.

    Queries, keys and values stand side by side, ``(batch, frames, 3 * width)``.
    """
    queries, keys, values = (
        part.reshape(*part.shape[:2], HEADS, -1).transpose(1, 2) for part in qkv.chunk(3, dim=-1)
    )
    mixed = nn.functional.scaled_dot_product_attention(queries, keys, values)
    return mixed.transpose(1, 2).flatten(2)


def read_encoder(
    path: Path, *, sha256: str | None = PINNED_FILES["whisper"].sha256
) -> dict[str, NDArray[np.float32]]:
    """Read the encoder's arrays.

    The file is that of Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", ICML
    2023 (MIT), in the binary format of CTranslate2: a list of named arrays, and nothing that is executed.
    Another SHA-256 than the expected one is refused; for None any file of the format is taken.

    Returns
    -------
    dict of str to ndarray
        float32: ``conv1/weight`` (512, 80, 3), ``conv1/bias``, ``conv2/weight`` (512, 512, 3),
        ``conv2/bias``, ``position_encodings/encodings`` (1500, 512), and for each layer N
        ``layer_N/self_attention/`` and ``layer_N/ffn/`` with ``layer_norm/gamma``, ``layer_norm/beta``,
        ``linear_0/...`` and ``linear_1/...``.

    Raises
    ------
    WeightsError
        The file is missing, another than expected, or damaged.
    """
    try:
        with path.open("rb") as file:
            if sha256 is not None and hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise WeightsError(
                    f"The file {path} is not the one of Whisper base that is expected (another SHA-256): "
                    "fetch it with `attune models fetch whisper`."
                )
            file.seek(0)
            arrays = _read_arrays(file)
    except FileNotFoundError as error:
        raise WeightsError(
            f"There is no {path}: fetch the teacher with `attune models fetch whisper`."
        ) from error
    except (OSError, struct.error, ValueError, UnicodeDecodeError) as error:
        raise WeightsError(
            f"The file {path} is no CTranslate2 model, or is damaged ({error}): "
            "fetch it with `attune models fetch whisper`."
        ) from error
    if not arrays:
        raise WeightsError(f"The file {path} holds no encoder: give that of Whisper base.")
    return arrays


def _read_arrays(file: BinaryIO) -> dict[str, NDArray[np.float32]]:
    _number(file, "<I")  # version of the format
    _text(file)
    _number(file, "<I")  # revision of the model
    arrays = {}
    for _ in range(_number(file, "<I")):
        name, rank = _text(file), _number(file, "<B")
        shape = struct.unpack(f"<{rank}I", _exactly(file, 4 * rank))
        kind, size = _number(file, "<B"), _number(file, "<I")
        if kind not in _DTYPES:
            raise ValueError(f"{name!r} has an unknown type {kind}")
        dtype = np.dtype(_DTYPES[kind])
        if math.prod(shape) * dtype.itemsize != size:
            raise ValueError(f"{name!r} has {size} bytes for the shape {shape}")
        if not (name.startswith(_PREFIX) and rank):
            file.seek(size, 1)
            continue
        array = np.frombuffer(_exactly(file, size), dtype).reshape(shape)
        arrays[name.removeprefix(_PREFIX)] = array.astype(np.float32)
    return arrays


def _exactly(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise ValueError("it ends too early")
    return content


def _number(file: BinaryIO, code: str) -> int:
    return int(struct.unpack(code, _exactly(file, struct.calcsize(code)))[0])


def _text(file: BinaryIO) -> str:
    length = _number(file, "<H")
    if not 0 < length <= _LONGEST_NAME:
        raise ValueError(f"a name of {length} bytes")
    return _exactly(file, length)[:-1].decode()
