"""Sound that another part of the program, or another program, pushes in."""

from __future__ import annotations

import threading
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import AudioDecodeError, AudioDeviceError
from models.resample import MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ
from realtime.capture.delivery import Delivery
from realtime.capture.source import AudioSink, Block, SourceInfo, SourceKind

_INT16_SCALE: Final = 32_768.0
_PLAUSIBLE_PEAK: Final = 16.0


class PushSource:
    """A source without a thread: whoever has sound calls `push`.

    Pushed sound is live: it must come as fast as it sounds. The listener has room for
    `Settings.fifo_s` (2 s); what is pushed further ahead is lost, without an error, and counted as a
    gap. A recording, which can wait for the listener, belongs into a `FileSource`.

    Parameters
    ----------
    rate_hz
        Rate of what will be pushed, 8 000 to 192 000.
    channels
        Channels of what will be pushed, 1 to 8.
    name
        Name for people.
    block_ms
        Longest block that is passed on, ms: of a longer push, what still fits is taken.

    Raises
    ------
    AudioDecodeError
        Rate or channels out of range.

    Examples
    --------
    >>> source = PushSource(48_000, 1)
    >>> info = source.open(sink)
    >>> source.push(np.zeros(960, dtype=np.int16))
    >>> source.finish()
    """

    def __init__(
        self, rate_hz: int, channels: int, *, name: str = "Pushed audio", block_ms: float = 20.0
    ) -> None:
        if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
            raise AudioDecodeError(
                f"A sample rate of {rate_hz} Hz is not supported: use {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz."
            )
        if not 1 <= channels <= MAX_CHANNELS:
            raise AudioDecodeError(f"{channels} channels are not supported: use 1 to {MAX_CHANNELS}.")
        self._info = SourceInfo(SourceKind.PUSH, name=name, rate_hz=rate_hz, channels=channels)
        self._block_frames = max(1, round(rate_hz * block_ms / 1000.0))
        self._pushing = threading.Lock()  # held for a whole push, which `close` does not wait for
        self._lock = threading.Lock()
        self._delivery: Delivery | None = None

    def open(self, sink: AudioSink) -> SourceInfo:
        """Begin to pass on what is pushed; see `AudioSource.open`."""
        self.close()
        delivery = Delivery(sink)
        delivery.begin(self._info)
        with self._lock:
            self._delivery = delivery
        return self._info

    def close(self) -> None:
        """Stop passing on; see `AudioSource.close`."""
        delivery = self._take()
        if delivery is not None:
            delivery.cut()

    def push(self, block: npt.NDArray[Any]) -> None:
        """Pass on sound, in blocks of `block_ms`; from any thread, one push after the other.

        Parameters
        ----------
        block
            int16 or float32 (range [-1, 1]), shape (frames,) for mono or (frames, channels); any
            number of frames, of which those are lost that the listener has no room for. Copied
            before return.

        Raises
        ------
        AudioDecodeError
            Another type, another shape, or floats that are not scaled to [-1, 1].
        AudioDeviceError
            The source is not open, or `finish` was called.
        """
        sound = _as_block(block, self._info.channels)
        with self._pushing:
            delivery = self._delivery
            if delivery is None:
                raise AudioDeviceError("Nobody listens to the pushed audio: open the source before pushing.")
            for start in range(0, len(sound), self._block_frames):
                if not delivery.write(sound[start : start + self._block_frames]):
                    return  # closed meanwhile

    def finish(self) -> None:
        """Say that no more sound will come, after a push that is under way; harmless if not open."""
        with self._pushing:
            delivery = self._take()
            if delivery is not None:
                delivery.end()

    def _take(self) -> Delivery | None:
        with self._lock:
            delivery, self._delivery = self._delivery, None
            return delivery


def _as_block(block: npt.NDArray[Any], channels: int) -> Block:
    """Check pushed sound and turn it into float32, shape (frames, channels)."""
    if not isinstance(block, np.ndarray) or block.dtype not in (np.dtype(np.int16), np.dtype(np.float32)):
        found = block.dtype if isinstance(block, np.ndarray) else type(block).__name__
        raise AudioDecodeError(f"A pushed block is of type {found}: push a NumPy array of int16 or float32.")
    shaped = block[:, np.newaxis] if block.ndim == 1 and channels == 1 else block
    if shaped.ndim != 2 or shaped.shape[1] != channels:
        raise AudioDecodeError(
            f"A pushed block has shape {block.shape}: push (frames, {channels})"
            f"{' or (frames,)' if channels == 1 else ''}."
        )
    if shaped.dtype == np.int16:
        return shaped.astype(np.float32) / np.float32(_INT16_SCALE)
    peak = float(np.max(np.abs(shaped), initial=0.0, where=np.isfinite(shaped)))
    if peak > _PLAUSIBLE_PEAK:
        raise AudioDecodeError(
            f"A pushed block of float32 reaches {peak:.6g}: scale it to [-1, 1], or push int16."
        )
    return shaped
