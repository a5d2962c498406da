"""The connection between a source and its sink: once cut, nothing passes any more."""

from __future__ import annotations

import logging
import threading
from typing import Final

from core.errors import AttuneError
from realtime.capture.source import AudioSink, Block, SourceInfo

_LOG = logging.getLogger(__name__)
# The two waits of a `close`, one after the other: a listener must stop within a second, sources and all.
_CUT_WAIT_S: Final = 0.1
CLOSE_TIMEOUT_S: Final = 0.4
"""How long a source that is being closed waits for its device or thread before it leaves it behind, s."""


class Delivery:
    """Hands blocks to a sink until it is cut off.

    A stream that hangs may be abandoned with its thread still alive; this is what keeps that
    thread from writing into whatever is opened next. Its lock is held only while the sink copies a
    block, and contended only while the source is closed.

    Parameters
    ----------
    sink
        Who takes the blocks.
    """

    def __init__(self, sink: AudioSink) -> None:
        self._sink: AudioSink | None = sink
        self._lock = threading.RLock()
        self._failure: Exception | None = None

    def begin(self, info: SourceInfo) -> None:
        """Announce the stream."""
        with self._lock:
            if self._sink is not None:
                self._sink.begin(info)

    def write(self, block: Block) -> bool:
        """Pass a block on; False once cut."""
        with self._lock:
            if self._sink is None:
                return False
            self._sink.write(block)
            return True

    def overflow(self) -> None:
        """Pass on that the device has lost sound."""
        with self._lock:
            if self._sink is not None:
                self._sink.overflow()

    def end(self, error: AttuneError | None = None, *, notice: str = "") -> None:
        """Pass on that no more sound will come, and cut."""
        with self._lock:
            sink, self._sink = self._sink, None
            if sink is not None:
                sink.end(error, notice=notice)

    def from_device(self, block: Block, *, overflowed: bool) -> bool:
        """Do all that happens in a device's callback: no log, no wait, and nothing is raised.

        Parameters
        ----------
        block
            float32, shape (frames, channels); may be the device's own memory.
        overflowed
            The device says that it has lost sound before this block.

        Returns
        -------
        go_on
            False if the stream is to be aborted: it was cut, or the sink failed, which `cut` logs.
            An exception would die unseen in PortAudio's thread; an aborted stream is seen
            by whoever watches for stalls.
        """
        try:
            if overflowed:
                self.overflow()
            return self.write(block)
        except Exception as error:  # noqa: BLE001 - nothing may escape into PortAudio's thread
            self._failure = error
            return False

    def cut(self) -> None:
        """Let nothing pass from now on; a block that is being passed is waited for, but not long."""
        # A lossless sink may be waiting for room inside `write`, under the lock: then cut all the same.
        locked = self._lock.acquire(timeout=_CUT_WAIT_S)
        self._sink = None
        if locked:
            self._lock.release()
        if self._failure is not None:
            _LOG.error("a sound callback failed, the stream was aborted", exc_info=self._failure)
            self._failure = None
