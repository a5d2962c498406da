"""Between a source's thread and the worker: sound and its interruptions, in order."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np

from core.errors import AttuneError
from realtime.capture.source import Block, SourceInfo

_WAIT_S = 0.1
_FIRST_SOUND_S = 4.0  # a PulseAudio sink that slept delivers its first block after 2 s


@dataclass(frozen=True, slots=True)
class Begin:
    """A stream starts, or starts again; nothing before it belongs to what follows."""

    info: SourceInfo


@dataclass(frozen=True, slots=True)
class Sound:
    """One block, and when it was delivered (`time.perf_counter`, seconds)."""

    block: Block
    arrival_time_s: float


@dataclass(frozen=True, slots=True)
class Gap:
    """Sound was lost here: `frames` found no room, and the device reported `overflows` of its own."""

    frames: int
    overflows: int


@dataclass(frozen=True, slots=True)
class End:
    """No more sound will come; `notice` says what was wrong with it but survived."""

    error: AttuneError | None
    notice: str = ""


Record = Begin | Sound | Gap | End


class BlockFifo:
    """An `AudioSink` for one writing and one reading thread.

    The writer copies once, into a ring that is allocated when the stream begins, and takes no lock
    but that of setting an event; a realtime callback can afford that. Indices are plain integers
    that only one side writes.

    Parameters
    ----------
    seconds
        Room for sound.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stream: _Stream | None = None
        self._records: deque[tuple[_Stream | None, Record | _Written]] = deque()
        self._ready = threading.Event()
        self._room = threading.Event()
        self._closed = False
        self._lost_frames = 0
        self._overflows = 0
        self.last_write_s = time.perf_counter()

    # Writing side (AudioSink)

    def begin(self, info: SourceInfo) -> None:
        """See `AudioSink`."""
        self.last_write_s = time.perf_counter()
        self._record_gap()
        self._stream = _Stream(info, self._seconds)
        self._put(None, Begin(info))

    def write(self, block: Block) -> None:
        """See `AudioSink`. What finds no room on a live source is lost and counted as a gap."""
        stream = self._stream
        assert stream is not None
        if not stream.info.lossless:
            self._write_or_lose(stream, block)
            return
        for start in range(0, len(block), stream.capacity):
            part = block[start : start + stream.capacity]
            while not self._closed and stream.room < len(part):
                self._room.clear()
                if stream.room < len(part):
                    self._room.wait(_WAIT_S)
            if self._closed:
                return
            self._write_or_lose(stream, part)

    def overflow(self) -> None:
        """See `AudioSink`."""
        self._overflows += 1

    def end(self, error: AttuneError | None = None, *, notice: str = "") -> None:
        """See `AudioSink`."""
        self._record_gap()
        self._put(None, End(error, notice))

    # Reading side

    def stalled(self, stall_s: float, *, awaiting_sound: bool) -> bool:
        """Whether no block has come for too long.

        Parameters
        ----------
        stall_s
            How long is too long, s.
        awaiting_sound
            The stream has not delivered a block yet: devices that slept may take longer.
        """
        patience_s = max(stall_s, _FIRST_SOUND_S) if awaiting_sound else stall_s
        return time.perf_counter() - self.last_write_s > patience_s

    def get(self, timeout_s: float) -> Record | None:
        """Take the next record; None if none comes in time or the FIFO is closed."""
        if not self._records:
            self._ready.clear()
            if not self._records and not self._closed:
                self._ready.wait(timeout_s)
        if not self._records:
            return None
        stream, record = self._records.popleft()
        if isinstance(record, _Written):
            assert stream is not None
            block = stream.take(record.frames)
            self._room.set()
            return Sound(block, record.arrival_time_s)
        return record

    def close(self) -> None:
        """Release both sides: the writer no longer waits for room, the reader not for sound."""
        self._closed = True
        self._room.set()
        self._ready.set()

    def _write_or_lose(self, stream: _Stream, block: Block) -> None:
        self.last_write_s = now = time.perf_counter()
        if stream.room < len(block):
            self._lost_frames += len(block)
            return
        self._record_gap()
        stream.add(block)
        self._put(stream, _Written(len(block), now))

    def _record_gap(self) -> None:
        """Put what was lost since the last block into one record: a standstill must not fill memory."""
        if self._lost_frames or self._overflows:
            self._put(None, Gap(self._lost_frames, self._overflows))
            self._lost_frames = self._overflows = 0

    def _put(self, stream: _Stream | None, record: Record | _Written) -> None:
        self._records.append((stream, record))
        self._ready.set()


@dataclass(frozen=True, slots=True)
class _Written:
    frames: int
    arrival_time_s: float


class _Stream:
    """The ring of one opened stream; `written` belongs to the writer, `read` to the reader."""

    def __init__(self, info: SourceInfo, seconds: float) -> None:
        self.info = info
        self.capacity = max(1, round(info.rate_hz * seconds))
        self._data = np.zeros((self.capacity, info.channels), dtype=np.float32)
        self._written = 0
        self._read = 0

    @property
    def room(self) -> int:
        return self.capacity - (self._written - self._read)

    def add(self, block: Block) -> None:
        start = self._written % self.capacity
        first = min(len(block), self.capacity - start)
        self._data[start : start + first] = block[:first]
        self._data[: len(block) - first] = block[first:]
        self._written += len(block)

    def take(self, frames: int) -> Block:
        start = self._read % self.capacity
        first = min(frames, self.capacity - start)
        block = np.empty((frames, self._data.shape[1]), dtype=np.float32)
        block[:first] = self._data[start : start + first]
        block[first:] = self._data[: frames - first]
        self._read += frames
        return block
