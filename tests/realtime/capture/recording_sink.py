"""A sink that records all calls, for tests of sources."""

from __future__ import annotations

import threading

import numpy as np

from core.errors import AttuneError
from realtime.capture.source import Block, SourceInfo


class RecordingSink:
    """An `AudioSink` that keeps all calls in order, with the names of the threads they came from."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.infos: list[SourceInfo] = []
        self.blocks: list[Block] = []
        self.error: AttuneError | None = None
        self.threads: set[str] = set()
        self.ended = threading.Event()
        self.written = threading.Event()
        self.fail_with: Exception | None = None

    def begin(self, info: SourceInfo) -> None:
        self.calls.append("begin")
        self.infos.append(info)

    def write(self, block: Block) -> None:
        self.calls.append("write")
        self.threads.add(threading.current_thread().name)
        if self.fail_with is not None:
            raise self.fail_with
        self.blocks.append(block.copy())
        self.written.set()

    def overflow(self) -> None:
        self.calls.append("overflow")

    def end(self, error: AttuneError | None = None, *, notice: str = "") -> None:
        self.calls.append("end")
        self.notice = notice
        self.error = error
        self.ended.set()

    @property
    def sound(self) -> Block:
        """All that was written, shape (frames, channels)."""
        return np.concatenate(self.blocks)
