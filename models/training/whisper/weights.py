"""The weights of Whisper base's encoder, read from a CTranslate2 file; no torch."""

from __future__ import annotations

import hashlib
import math
import struct
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import WeightsError
from models.assets import PINNED

__all__ = ["read_encoder"]

_DTYPES: Final[dict[int, type[np.generic]]] = {
    0: np.float32,
    1: np.int8,
    2: np.int16,
    3: np.int32,
    4: np.float16,
}
_LONGEST_NAME: Final = 512
_PREFIX: Final = "encoder/"


def read_encoder(
    path: Path, *, sha256: str | None = PINNED["whisper"].sha256
) -> dict[str, NDArray[np.float32]]:
    """Read the encoder's arrays.

    The file is that of Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", ICML
    2023 (MIT), in the binary format of CTranslate2: a list of named arrays, and nothing that is executed.

    Parameters
    ----------
    path
        ``model.bin``.
    sha256
        Sum that is expected, in hexadecimal; None: any file of the format is taken.

    Returns
    -------
    dict
        float32 by name: ``conv1/weight`` (512, 80, 3), ``conv1/bias``, ``conv2/weight`` (512, 512, 3),
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
