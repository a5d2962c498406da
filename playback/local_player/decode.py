"""From a music file to stereo sound at the output's rate, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import soxr

from playback.local_player.mixer import CHANNELS, Stereo

_BLOCK_S: Final = 0.1
_BESIDE: Final = np.float32(0.7)


class SoundStream(Protocol):
    """Sound of one file, read forward (`models.audio.AudioStream`)."""

    rate_hz: int
    channels: int

    def blocks(self, frames: int) -> Iterator[npt.NDArray[np.float32]]:
        """Blocks of shape (frames, channels), finite; raises `AudioDecodeError` where it breaks off."""

    def close(self) -> None:
        """Close the file."""


OpenSound = Callable[[Path], SoundStream]
"""Opens a file; raises `AudioDecodeError` where it cannot be read. The engine passes
`models.audio.open_stream`: libsndfile decodes, FFmpeg (the extra `media`) takes what that cannot."""


def stereo_blocks(
    stream: SoundStream, rate_hz: int, *, gain: float = 1.0, skip_s: float = 0.0
) -> Iterator[Stereo]:
    """Decode a file for an output.

    Parameters
    ----------
    stream
        The file; it is not closed here.
    rate_hz
        Of the output.
    gain
        By which all is multiplied.
    skip_s
        How much of its beginning is left out, s.

    Yields
    ------
    block
        About a tenth of a second or less, shape (frames, 2).

    Raises
    ------
    AudioDecodeError
        The file breaks off; what was decoded before has been given.
    """
    skip = round(skip_s * stream.rate_hz)
    resampler = (
        None
        if stream.rate_hz == rate_hz
        else soxr.ResampleStream(stream.rate_hz, rate_hz, CHANNELS, dtype="float32", quality="HQ")
    )
    empty = np.zeros((0, CHANNELS), dtype=np.float32)
    for block in stream.blocks(max(1, round(_BLOCK_S * stream.rate_hz))):
        left = block[min(skip, len(block)) :]
        skip -= len(block) - len(left)
        if len(left):
            stereo = _stereo(left, gain)
            yield stereo if resampler is None else resampler.resample_chunk(stereo)
    if resampler is not None:
        yield resampler.resample_chunk(empty, last=True)


def _stereo(block: npt.NDArray[np.float32], gain: float) -> Stereo:
    """Left and right; what lies beside them (centre, surround) goes to both."""
    factor = np.float32(gain)
    if block.shape[1] == 1:
        return np.repeat(block * factor, CHANNELS, axis=1)
    if block.shape[1] == CHANNELS:
        return block * factor
    beside = block[:, CHANNELS:].mean(axis=1, keepdims=True) * _BESIDE
    mixed: Stereo = (block[:, :CHANNELS] + beside) * (factor / (1 + _BESIDE))
    return mixed
