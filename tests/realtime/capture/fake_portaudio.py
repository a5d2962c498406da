"""A fake PortAudio: a backend for microphones, and as much of sounddevice as is used."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from core.audio_devices.portaudio import PortAudioDevice
from realtime.capture.portaudio import BlockHandler, StreamFormat, StreamRefusedError

USB = PortAudioDevice(0, "USB", "ALSA", 44_100, 1, is_default=False)
BUILT_IN = PortAudioDevice(1, "Built-in", "ALSA", 48_000, 2, is_default=True)


class FakeStream:
    def __init__(self, wanted: StreamFormat, on_block: BlockHandler) -> None:
        self.wanted = wanted
        self.on_block = on_block
        self.state = "open"
        self.hang = threading.Event()
        self.hang.set()
        self.fail_start: StreamRefusedError | None = None

    def start(self) -> None:
        if self.fail_start is not None:
            raise self.fail_start
        self.state = "started"

    def abort(self) -> None:
        self.hang.wait(10.0)
        self.state = "closed"

    def call(self, value: float = 0.0, *, overflowed: bool = False) -> bool:
        block = np.full((self.wanted.block_frames, self.wanted.channels), value, dtype=np.float32)
        return self.on_block(block, overflowed=overflowed)


class FakeBackend:
    """PortAudio with a device list that, like the real one, changes only when it is refreshed."""

    def __init__(self, *devices: PortAudioDevice) -> None:
        self.plugged = self.listed = devices
        self.refusals: dict[tuple[int, int], int] = {}
        self.streams: list[FakeStream] = []
        self.opened: list[str] = []
        self.connections = 0
        self.fail_inputs: Exception | None = None
        self.fail_start: StreamRefusedError | None = None

    def connect(self) -> FakeBackend:
        self.connections += 1
        return self

    def disconnect(self) -> None:
        self.connections -= 1

    def inputs(self) -> tuple[PortAudioDevice, ...]:
        if self.fail_inputs is not None:
            raise self.fail_inputs
        return self.listed

    def check(self, device: PortAudioDevice, wanted: StreamFormat) -> None:
        if device not in self.plugged:
            raise StreamRefusedError("gone", -9996)
        code = self.refusals.get((wanted.rate_hz, wanted.channels))
        if code is not None:
            raise StreamRefusedError("refused", code)

    def open(self, device: PortAudioDevice, wanted: StreamFormat, on_block: BlockHandler) -> FakeStream:
        self.check(device, wanted)
        self.opened.append(device.name)
        self.streams.append(FakeStream(wanted, on_block))
        self.streams[-1].fail_start = self.fail_start
        return self.streams[-1]


class FakePortAudioError(Exception):
    pass


class FakeInputStream:
    def __init__(self, **options: Any) -> None:
        self.options = options
        self.calls: list[str] = []
        if options["samplerate"] == 44_100:
            raise FakePortAudioError("Error opening InputStream: Invalid sample rate", -9997)

    def start(self) -> None:
        self.calls.append("start")

    def abort(self) -> None:
        self.calls.append("abort")

    def close(self) -> None:
        self.calls.append("close")


def import_failing_with(error: Exception, *names: str) -> Callable[..., Any]:
    real = importlib.import_module

    def import_module(name: str, package: str | None = None) -> Any:
        if name in names:
            raise error
        return real(name, package)

    return import_module
