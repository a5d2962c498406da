"""From any rate and channel count to audio: mono, 16 kHz, the same samples for any block size."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import soxr

from core.errors import AudioDecodeError

__all__ = ["MAX_CHANNELS", "MAX_RATE_HZ", "MIN_RATE_HZ", "SAMPLE_RATE_HZ", "Audio", "MonoResampler"]

SAMPLE_RATE_HZ: Final = 16_000
MIN_RATE_HZ: Final = 8_000
MAX_RATE_HZ: Final = 192_000
MAX_CHANNELS: Final = 8

Audio = npt.NDArray[np.float32]
"""Mono float32, shape (samples,), 16 000 Hz, range [-1, 1]."""


class MonoResampler:
    """Downmix and resample a stream, block by block.

    The output does not depend on how the stream is cut into blocks (soxr's stream has that
    property, and the mean over channels is taken frame by frame). NaN and infinities become
    silence: one bad sample must not poison the filter's memory.

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
        self._frames_in = 0
        self._samples_out = 0
        self._stream: soxr.ResampleStream | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the filter's memory: what follows is unrelated to what came before."""
        self._frames_in = 0
        self._samples_out = 0
        if self._rate_hz != SAMPLE_RATE_HZ:
            self._stream = soxr.ResampleStream(
                self._rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ"
            )

    @property
    def delay_ms(self) -> float:
        """How far the output is behind the input just now, in milliseconds."""
        due = self._frames_in * SAMPLE_RATE_HZ / self._rate_hz
        return max(0.0, (due - self._samples_out) * 1000.0 / SAMPLE_RATE_HZ)

    def process(self, block: npt.NDArray[np.float32]) -> Audio:
        """Resample the next block.

        Parameters
        ----------
        block
            float32, shape (frames, channels), at the native rate; any number of frames.

        Returns
        -------
        audio
            The samples that are ready; possibly none.
        """
        return self._push(self._downmix(block), last=False)

    def finish(self) -> Audio:
        """Return what the filter still holds, and start anew."""
        tail = self._push(np.zeros(0, dtype=np.float32), last=True)
        self.reset()
        return tail

    def _downmix(self, block: npt.NDArray[np.float32]) -> Audio:
        if block.ndim != 2 or block.shape[1] != self._channels:
            raise AudioDecodeError(
                f"A block of shape {block.shape} came on a stream of {self._channels} channels: "
                f"blocks must have shape (frames, {self._channels})."
            )
        clean = block if np.isfinite(block).all() else np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        if self._channels == 1:
            return clean[:, 0]
        # Channel by channel: some ten times as fast as NumPy's mean over so short an axis.
        mono: Audio = clean[:, 0] + clean[:, 1]
        for channel in range(2, self._channels):
            mono += clean[:, channel]
        mono /= np.float32(self._channels)
        return mono

    def _push(self, mono: Audio, *, last: bool) -> Audio:
        self._frames_in += len(mono)
        out: Audio = mono if self._stream is None else self._stream.resample_chunk(mono, last=last)
        self._samples_out += len(out)
        return out
