"""Sources of known sound for tests, and a voice that needs no recording."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

import numpy as np

from core.errors import AttuneError, DeviceNotFoundError
from realtime.capture.source import AudioSink, Block, SourceInfo, SourceKind

RATE_HZ = 16_000


def voice(seconds: float, *, rate_hz: int = RATE_HZ, seed: int = 0) -> np.ndarray:
    """Something that Silero takes for speech: a pulse train through moving formants, in syllables.

    Source of the idea: Fant's source-filter model ("Acoustic Theory of Speech Production", 1960).

    Returns
    -------
    signal
        float32, shape (frames, 1), peak about 0.3.
    """
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    time_s = np.arange(count) / rate_hz
    pitch_hz = 130 + 25 * np.sin(2 * np.pi * 0.7 * time_s) + 8 * np.sin(2 * np.pi * 5 * time_s)
    phase = np.cumsum(pitch_hz) / rate_hz
    harmonics = np.arange(1, 30)[:, np.newaxis]
    signal = np.zeros(count)
    vowels = [(730, 1090, 2440), (270, 2290, 3010), (570, 840, 2410), (530, 1840, 2480), (300, 870, 2240)]
    syllable = round(0.22 * rate_hz)
    for start in range(0, count, syllable):
        part = slice(start, min(start + syllable, count))
        formants = vowels[rng.integers(len(vowels))]
        frequency_hz = harmonics * pitch_hz[part]
        gain = sum(1.0 / (1.0 + ((frequency_hz - f) / 90.0) ** 2) for f in formants) / harmonics**0.3
        envelope = np.hanning(part.stop - part.start) ** 0.5
        signal[part] = envelope * np.sum(gain * np.sin(2 * np.pi * harmonics * phase[part]), axis=0)
    signal += 0.01 * rng.standard_normal(count)
    return (0.3 * signal / np.abs(signal).max()).astype(np.float32)[:, np.newaxis]


class ArraySource:
    """Delivers an array from a thread of its own, like a file or like a device."""

    def __init__(
        self,
        signal: Block,
        *,
        rate_hz: int = RATE_HZ,
        block_frames: int = 320,
        lossless: bool = True,
        live: bool = False,
        error: AttuneError | None = None,
    ) -> None:
        self._signal = signal
        self._block_frames = block_frames
        self._error = error
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self.info = SourceInfo(
            SourceKind.FILE, "array", rate_hz, signal.shape[1], lossless=lossless, live=live
        )

    def open(self, sink: AudioSink) -> SourceInfo:
        self._closed.clear()
        sink.begin(self.info)
        self._thread = threading.Thread(target=self._deliver, args=(sink,), name="test-source")
        self._thread.start()
        return self.info

    def close(self) -> None:
        self._closed.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1.0)

    def _deliver(self, sink: AudioSink) -> None:
        for block in self._blocks():
            if self._closed.is_set():
                return
            sink.write(block)
            if not self.info.lossless:
                time.sleep(len(block) / self.info.rate_hz / 20)
        if not self.info.live:
            sink.end(self._error)

    def _blocks(self) -> Iterable[Block]:
        for start in range(0, len(self._signal), self._block_frames):
            yield self._signal[start : start + self._block_frames]


class VanishingSource(ArraySource):
    """A live device that delivers, vanishes, refuses to open `refusals` times, and comes back for good."""

    def __init__(self, signal: Block, *, refusals: int) -> None:
        super().__init__(signal, lossless=False, live=True)
        self._refusals = refusals
        self.opened = 0
        self.begun: list[int] = []  # frames delivered before each opening
        self._delivered = 0

    def open(self, sink: AudioSink) -> SourceInfo:
        if self.opened and self._refusals:
            self._refusals -= 1
            raise DeviceNotFoundError("There is no microphone called 'array'.")
        self.opened += 1
        self.begun.append(self._delivered)
        return super().open(sink)

    def _blocks(self) -> Iterable[Block]:
        """The sound; once back, also silence after it, as a device never ceases to deliver."""
        for block in super()._blocks():
            yield block
            self._delivered += len(block)
        while self.opened > 1:
            yield np.zeros((self._block_frames, self._signal.shape[1]), dtype=np.float32)
