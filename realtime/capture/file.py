"""Recordings played into the live path, in real time or as fast as the listener can follow."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from core.errors import AttuneError, AudioDecodeError
from models.audio import AudioStream, open_stream
from realtime.capture.delivery import CLOSE_TIMEOUT_S, Delivery
from realtime.capture.source import AudioSink, Block, SourceInfo, SourceKind

_LOG = logging.getLogger(__name__)
# After a longer standstill (a suspended machine, a slow disk) the recording goes on from where it was:
# catching up at once would only overflow the listener.
_MAX_LAG_S: Final = 0.5


class FileSource:
    """A recording, delivered at its own rate and channel count.

    Parameters
    ----------
    path
        The file.
    content
        Its content, where `path` is but a name.
    fast
        Deliver without pause and wait for the listener, instead of in real time.
    block_frames
        Length of a block, frames at the file's rate; None takes `block_ms`. Samples do not depend on it.
    block_ms
        Length of a block, ms.
    max_minutes
        Longest recording that is read, minutes.
    kind
        What the source says it is.
    name
        Name for people; unset takes the file's.
    loop
        Begin again at the end, without a gap.
    """

    def __init__(
        self,
        path: Path,
        *,
        content: bytes | None = None,
        fast: bool = False,
        block_frames: int | None = None,
        block_ms: float = 20.0,
        max_minutes: float = 240.0,
        kind: SourceKind = SourceKind.FILE,
        name: str = "",
        loop: bool = False,
    ) -> None:
        if block_frames is not None and block_frames < 1:
            raise ValueError(f"A block must hold at least 1 frame, not {block_frames}.")
        self._path = Path(path)
        self._content = content
        self._fast = fast
        self._block_frames = block_frames
        self._block_ms = block_ms
        self._max_minutes = max_minutes
        self._kind = kind
        self._name = name or self._path.name
        self._loop = loop
        self._replay: _Replay | None = None

    def open(self, sink: AudioSink) -> SourceInfo:
        """Open the file and begin to deliver from its start; see `AudioSource.open`.

        Raises
        ------
        AudioDecodeError
            The file is missing or cannot be read.
        """
        self.close()
        stream = self._open_stream()
        info = SourceInfo(
            self._kind,
            name=self._name,
            rate_hz=stream.rate_hz,
            channels=stream.channels,
            lossless=self._fast,
            duration_s=None if self._loop else stream.duration_s,
        )
        delivery = Delivery(sink)
        try:
            delivery.begin(info)
        except BaseException:
            stream.close()
            raise
        self._replay = _Replay(
            info,
            stream,
            delivery,
            block_frames=self._block_frames or max(1, round(info.rate_hz * self._block_ms / 1000.0)),
            reopen=self._open_stream if self._loop else None,
        )
        self._replay.start()
        return info

    def close(self) -> None:
        """Stop delivering, within a second; see `AudioSource.close`."""
        replay, self._replay = self._replay, None
        if replay is not None:
            replay.stop()

    def _open_stream(self) -> AudioStream:
        given = self._path if self._content is None else self._content
        return open_stream(given, max_minutes=self._max_minutes, name=self._path.name)


class _Replay:
    """One opened recording with its thread."""

    def __init__(
        self,
        info: SourceInfo,
        stream: AudioStream,
        delivery: Delivery,
        *,
        block_frames: int,
        reopen: Callable[[], AudioStream] | None,
    ) -> None:
        self._info = info
        self._stream = stream
        self._delivery = delivery
        self._block_frames = block_frames
        self._reopen = reopen
        self._stopping = threading.Event()
        self._start_s = 0.0
        self._thread = threading.Thread(target=self._run, name="attune-file", daemon=True)

    def start(self) -> None:
        self._start_s = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._delivery.cut()
        if self._thread is not threading.current_thread():
            self._thread.join(CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        try:
            if self._play():
                self._delivery.end(notice=" ".join(self._stream.notices))
        except AttuneError as error:
            self._delivery.end(error, notice=" ".join(self._stream.notices))
        except Exception as error:  # noqa: BLE001 - a thread's last word must reach the listener
            _LOG.exception("replaying %s ended by an internal error", self._info.name)
            self._delivery.end(
                AudioDecodeError(
                    f"{self._info.name} broke off ({error!r}): try another copy, or convert it to WAV."
                )
            )

    def _play(self) -> bool:
        """Deliver to the end; False if stopped before."""
        frames = 0
        while True:
            with self._stream as stream:
                for block in stream.blocks(self._block_frames):
                    frames += len(block)
                    if not self._deliver(block, frames):
                        return False
            if self._reopen is None:
                return True
            self._stream = self._reopen()

    def _deliver(self, block: Block, frames: int) -> bool:
        """Hand over a block when its last frame, the `frames`-th of all, is due."""
        if not self._info.lossless:
            # Against a fixed start, so that no rounding of a single pause ever adds up.
            wait_s = self._start_s + frames / self._info.rate_hz - time.monotonic()
            if wait_s < -_MAX_LAG_S:
                self._start_s -= wait_s
            elif wait_s > 0.0:
                self._stopping.wait(wait_s)
        return not self._stopping.is_set() and self._delivery.write(block)
