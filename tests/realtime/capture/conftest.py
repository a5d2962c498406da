"""Fixtures for tests of sources: sink, fake PortAudio, sound files, a check that no thread is left."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from core.audio_devices.device_list import device_list
from realtime.capture.microphone import BACKENDS
from tests.realtime.capture.fake_portaudio import (
    BUILT_IN,
    USB,
    FakeBackend,
    FakeInputStream,
    FakePortAudioError,
)
from tests.realtime.capture.recording_sink import RecordingSink


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


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBackend]:
    fake = FakeBackend(USB, BUILT_IN)

    def refresh() -> bool:
        if device_list._streams:
            return False
        fake.listed = fake.plugged
        return True

    monkeypatch.setattr(device_list, "refresh", refresh)
    monkeypatch.setitem(BACKENDS, "sounddevice", lambda: fake.connect())  # noqa: PLW0108 - tests replace it
    yield fake
    # A stream that was left behind counts itself out from its own thread.
    deadline_s = time.monotonic() + 2.0
    while (device_list._streams or fake.connections) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert device_list._streams == 0
    assert fake.connections == 0


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    device = {
        "index": 3,
        "name": "Mic",
        "hostapi": 0,
        "default_samplerate": 44_100.0,
        "max_input_channels": 1,
    }
    output = device | {"index": 0, "name": "Speaker", "max_input_channels": 0}
    module = SimpleNamespace(
        PortAudioError=FakePortAudioError,
        CallbackAbort=type("CallbackAbort", (Exception,), {}),
        InputStream=FakeInputStream,
        query_hostapis=lambda: ({"name": "ALSA"},),
        query_devices=lambda kind=None: device if kind else (output, device),
        check_input_settings=lambda **_: None,
        _initialized=1,
        refreshed=0,
    )

    def initialize() -> None:
        module.refreshed += 1

    module._initialize = initialize
    module._terminate = lambda: None
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module
