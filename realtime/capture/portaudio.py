"""What a library over PortAudio has to offer, so that a microphone can be opened through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core.audio_devices.portaudio import PortAudioDevice

BlockHandler = Callable[..., bool]
"""`Delivery.from_device`: `(block, *, overflowed) -> go_on`."""


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """How a stream is opened: rate in Hz, channels, frames a block, buffer in s (None: the device's own)."""

    rate_hz: int
    channels: int
    block_frames: int
    latency_s: float | None


class StreamRefusedError(Exception):
    """PortAudio did not open a stream; `code` is its error number."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class InputStream(Protocol):
    """An open stream of either library."""

    def start(self) -> None:
        """Begin to call back; raises `StreamRefusedError`."""

    def abort(self) -> None:
        """Stop at once and close; may hang if the sound server does."""


class PortAudioConnection(Protocol):
    """A loaded library with its view of PortAudio's device list."""

    def inputs(self) -> tuple[PortAudioDevice, ...]:
        """Devices that can record; raises whatever the library does."""

    def check(self, device: PortAudioDevice, wanted: StreamFormat) -> None:
        """Ask whether a stream would open, without opening it; raises `StreamRefusedError`."""

    def open(self, device: PortAudioDevice, wanted: StreamFormat, on_block: BlockHandler) -> InputStream:
        """Open a stream, not yet started; raises `StreamRefusedError`."""

    def disconnect(self) -> None:
        """Let go of PortAudio, as far as this library can."""
