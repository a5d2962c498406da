"""Owns what the tests of sources share: the recording sink, sound files, and the watch over threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from recording_sink import RecordingSink


@pytest.fixture
def sink() -> RecordingSink:
    return RecordingSink()


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline_s = time.monotonic() + 2.0
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert not left


@pytest.fixture
def make_wav(tmp_path: Path) -> Callable[..., tuple[Path, np.ndarray]]:
    """Write a file of seeded noise, exactly representable in 16 bits."""

    def make(frames: int, *, rate_hz: int = 48_000, channels: int = 1) -> tuple[Path, np.ndarray]:
        rng = np.random.default_rng(frames)
        sound = rng.integers(-20_000, 20_000, (frames, channels)).astype(np.int16)
        path = tmp_path / "recording.wav"
        soundfile.write(path, sound, rate_hz, subtype="PCM_16")
        return path, sound.astype(np.float32) / np.float32(32_768.0)

    return make
