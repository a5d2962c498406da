"""Raw samples that clients send: as an array, and as a WAV file in memory that is decoded as any other."""

from __future__ import annotations

import io
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import soundfile

from core.errors import AudioDecodeError


class SampleFormat(StrEnum):
    """How one sample is written, little-endian."""

    FLOAT32 = "float32"  # -1 to 1
    INT16 = "int16"


_DTYPES: Final[dict[SampleFormat, np.dtype[Any]]] = {
    SampleFormat.FLOAT32: np.dtype("<f4"),
    SampleFormat.INT16: np.dtype("<i2"),
}


def frames_of(content: bytes, *, channels: int, sample_format: SampleFormat) -> npt.NDArray[Any]:
    """Interleaved samples as an array, shape (frames, channels), in the byte order of this machine.

    Parameters
    ----------
    content
        The samples, little-endian, channel by channel within each frame.
    channels
        1 to 8.
    sample_format
        Of each sample.

    Raises
    ------
    AudioDecodeError
        There is none, or the bytes are no whole number of frames.
    """
    dtype = _DTYPES[sample_format]
    frame_bytes = dtype.itemsize * channels
    if not content:
        raise AudioDecodeError("No sample came: send the sound.")
    if len(content) % frame_bytes:
        raise AudioDecodeError(
            f"{len(content)} bytes came, and a frame has {frame_bytes} ({channels} times {sample_format}): "
            "send whole frames, or say the format."
        )
    frames: npt.NDArray[Any] = np.frombuffer(content, dtype).reshape(-1, channels)
    return frames.astype(dtype.newbyteorder("="), copy=False)


def wav_of_bytes(content: bytes, *, rate_hz: int, channels: int, sample_format: SampleFormat) -> bytes:
    """A WAV file of interleaved samples; the parameters are those of `frames_of`, and it raises as that does.

    Parameters
    ----------
    rate_hz
        8 000 to 192 000.
    """
    return _wav(frames_of(content, channels=channels, sample_format=sample_format), rate_hz)


def wav_of_numbers(
    numbers: list[float], *, rate_hz: int, channels: int, sample_format: SampleFormat
) -> bytes:
    """A WAV file of samples that came as numbers, at least one; raises as `wav_of_bytes` does."""
    if len(numbers) % channels:
        raise AudioDecodeError(f"{len(numbers)} samples came for {channels} channels: send whole frames.")
    samples = np.array(numbers, dtype=np.float64)
    if sample_format is SampleFormat.INT16:
        samples /= 32_768.0
    with np.errstate(over="ignore"):  # what is too large for a float is taken for clipped
        return _wav(samples.astype(np.float32).reshape(-1, channels), rate_hz)


def _wav(frames: npt.NDArray[Any], rate_hz: int) -> bytes:
    subtype = "PCM_16" if frames.dtype.kind == "i" else "FLOAT"
    file = io.BytesIO()
    soundfile.write(file, frames, rate_hz, format="WAV", subtype=subtype)
    return file.getvalue()
