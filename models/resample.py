"""Downmix and resampling to mono audio at 16 kHz, the same samples for any block size."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import soxr

from core.errors import AudioDecodeError
from models.downmix import Downmix

SAMPLE_RATE_HZ: Final = 16_000
MIN_RATE_HZ: Final = 8_000
MAX_RATE_HZ: Final = 192_000
MAX_CHANNELS: Final = 8

Audio = npt.NDArray[np.float32]  # mono float32, shape (samples,), 16 000 Hz, range [-1, 1]


class MonoResampler:
    """Downmix and resample a stream, block by block; `models.downmix` says what becomes of the channels.

    The output does not depend on how the stream is cut into blocks. NaN and infinities become silence: one
    bad sample must not spoil the filter's state.

    Parameters
    ----------
    rate_hz
        Native rate of the stream, 8 000 to 192 000.
    channels
        Native channel count, 1 to 8.

    Raises
    ------
    AudioDecodeError
        Rate or channel count out of range.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
            raise AudioDecodeError(
                f"A sample rate of {rate_hz} Hz is not supported: use {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz."
            )
        if not 1 <= channels <= MAX_CHANNELS:
            raise AudioDecodeError(f"{channels} channels are not supported: use 1 to {MAX_CHANNELS}.")
        self._rate_hz = rate_hz
        self._channels = channels
        self._downmix = Downmix(rate_hz, channels)
        self._frames_in = 0
        self._samples_out = 0
        self._stream: soxr.ResampleStream | None = None
        self.reset()

    def reset(self) -> None:
        """Clear the filter's state: the next block does not continue the last one."""
        self._frames_in = 0
        self._samples_out = 0
        self._downmix.interrupt()
        if self._rate_hz != SAMPLE_RATE_HZ:
            self._stream = soxr.ResampleStream(
                self._rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ"
            )

    @property
    def delay_ms(self) -> float:
        """Current delay of the output behind the input, in milliseconds."""
        due = self._frames_in * SAMPLE_RATE_HZ / self._rate_hz
        return max(0.0, (due - self._samples_out) * 1000.0 / SAMPLE_RATE_HZ)

    @property
    def notice(self) -> str:
        """What had to be done about the channels so far, for people; empty where nothing."""
        return self._downmix.notice

    def process(self, block: npt.NDArray[np.float32]) -> Audio:
        """Resample the next block, and return the samples that are complete; possibly none.

        Parameters
        ----------
        block
            float32, shape (frames, channels), at the native rate; any number of frames.
        """
        return self._push(self._downmix.process(self._finite(block)), last=False)

    def finish(self) -> Audio:
        """Return the rest of the filter's output, and reset."""
        tail = self._push(np.zeros(0, dtype=np.float32), last=True)
        self.reset()
        return tail

    def _finite(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        if block.ndim != 2 or block.shape[1] != self._channels:
            raise AudioDecodeError(
                f"A block of shape {block.shape} came on a stream of {self._channels} channels: "
                f"blocks must have shape (frames, {self._channels})."
            )
        return block if np.isfinite(block).all() else np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)

    def _push(self, mono: Audio, *, last: bool) -> Audio:
        self._frames_in += len(mono)
        out: Audio = mono if self._stream is None else self._stream.resample_chunk(mono, last=last)
        self._samples_out += len(out)
        return out
