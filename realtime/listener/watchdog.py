"""Looks after a source that can vanish: notices that it stalls, closes it, and opens it again by name."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Final

from core.errors import AttuneError
from core.settings import Settings
from realtime.capture.source import AudioSource
from realtime.fifo import BlockFifo
from realtime.listener.stream_worker import StreamWorker

_LOG = logging.getLogger(__name__)
_POLL_S: Final = 0.1


class Watchdog:
    """Reopens a source whenever it is lost.

    Parameters
    ----------
    source
        Open when `losses` is called.
    fifo
        What it delivers to.
    worker
        Knows whether the stream has begun to sound.
    settings
        `stall_s` and `retry_s` are read.
    stopping
        Once set, the source is neither watched nor opened any more.
    """

    def __init__(
        self,
        source: AudioSource,
        fifo: BlockFifo,
        worker: StreamWorker,
        settings: Settings,
        stopping: threading.Event,
    ) -> None:
        self._source = source
        self._fifo = fifo
        self._worker = worker
        self._stall_s = settings.stall_s
        self._retry_s = settings.retry_s
        self._stopping = stopping
        self._lost = threading.Event()
        self._device = threading.Lock()  # opening (watchdog) and closing (anybody) exclude each other

    def report_loss(self) -> None:
        """Report that the source itself says that it is lost."""
        self._lost.set()

    def losses(self) -> Iterator[None]:
        """Wait for the source to be lost; it is closed and reopened when the next item is asked for."""
        while not self._stopping.wait(_POLL_S):
            stalled = self._fifo.stalled(self._stall_s, awaiting_sound=self._worker.awaiting_sound)
            if self._lost.is_set() or stalled:
                yield
                self._recover()

    def close_source(self, timeout_s: float) -> None:
        """Close the source; where it is just being opened and does not answer, it is closed after that."""
        if self._device.acquire(timeout=timeout_s):
            try:
                self._source.close()
            finally:
                self._device.release()

    def _recover(self) -> None:
        with self._device:
            self._source.close()
        while not self._stopping.wait(self._retry_s):
            self._lost.clear()
            if self._reopen():
                return

    def _reopen(self) -> bool:
        with self._device:
            if self._stopping.is_set():
                return False
            try:
                self._source.open(self._fifo)
            except AttuneError as error:
                _LOG.info("reopening failed: %s", error)
                return False
            except Exception:  # noqa: BLE001 - whatever a sound library throws, the device may come back
                _LOG.exception("reopening failed in an unexpected way")
                return False
            if self._stopping.is_set():
                self._source.close()
            return True
