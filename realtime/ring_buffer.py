"""The newest seconds of audio, for everybody who reads it."""

from __future__ import annotations

import threading

import numpy as np

from models.resample import Audio


class RingBuffer:
    """A preallocated ring of 16 kHz audio with a sample clock.

    One thread appends, any thread reads; the lock is held for one copy.

    Parameters
    ----------
    capacity
        Samples that are kept.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self._data = np.zeros(capacity, dtype=np.float32)
        self._clock = 0
        self._held = 0
        self._lock = threading.Lock()

    @property
    def clock(self) -> int:
        """Samples appended so far."""
        return self._clock

    @property
    def held(self) -> int:
        """Samples that `latest` can return now: at most the capacity, less after `clear`."""
        return self._held

    def append(self, audio: Audio) -> None:
        """Add audio, shape (samples,); the oldest falls out."""
        capacity = len(self._data)
        with self._lock:
            kept = audio[-capacity:]
            start = (self._clock + len(audio) - len(kept)) % capacity
            first = min(len(kept), capacity - start)
            self._data[start : start + first] = kept[:first]
            self._data[: len(kept) - first] = kept[first:]
            self._clock += len(audio)
            self._held = min(capacity, self._held + len(audio))

    def latest(self, samples: int) -> tuple[Audio, int]:
        """Copy the newest samples, and return them with the sample clock just after the last.

        Parameters
        ----------
        samples
            How many, at most `held`.

        Raises
        ------
        ValueError
            Fewer samples are held.
        """
        with self._lock:
            if not 0 <= samples <= self._held:
                raise ValueError(f"{samples} samples asked, {self._held} held")
            capacity = len(self._data)
            start = (self._clock - samples) % capacity
            first = min(samples, capacity - start)
            audio = np.empty(samples, dtype=np.float32)
            audio[:first] = self._data[start : start + first]
            audio[first:] = self._data[: samples - first]
            return audio, self._clock

    def clear(self) -> None:
        """Forget the audio; the sample clock goes on."""
        with self._lock:
            self._held = 0
