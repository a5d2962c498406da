"""Microphones through sounddevice, the default library over PortAudio."""

from __future__ import annotations

import importlib
from typing import Any

from core.errors import BackendMissingError
from realtime.capture.portaudio import (
    DeviceBlocks,
    InputDevice,
    InputStream,
    PortAudioSource,
    StreamFormat,
    StreamRefusedError,
)
from realtime.capture.source import Block

__all__ = ["MicrophoneSource", "SounddeviceBackend"]


class SounddeviceBackend:
    """PortAudio through sounddevice, imported only when first asked for."""

    def connect(self) -> SounddeviceConnection:
        """Load the library; see `Backend.connect`."""
        try:
            return SounddeviceConnection(importlib.import_module("sounddevice"))
        except ImportError as error:
            raise BackendMissingError(
                "The Python package sounddevice is not installed, so no microphone can be opened: "
                "install Attune's requirements again, pip install -e ."
            ) from error
        except OSError as error:
            raise BackendMissingError(
                "PortAudio is not installed, so no microphone can be opened: install it (Debian and Ubuntu: "
                "apt install libportaudio2; Fedora: dnf install portaudio) and start again."
            ) from error
        except Exception as error:
            # PortAudioError cannot be named here: its module has just failed to load.
            raise BackendMissingError(
                f"PortAudio does not start ({error}), so no microphone can be opened: check the sound system."
            ) from error


class SounddeviceConnection:
    """See `Connection`. The library holds PortAudio for the life of the process."""

    def __init__(self, sounddevice: Any) -> None:
        self._sounddevice = sounddevice

    def inputs(self) -> tuple[InputDevice, ...]:
        """See `Connection.inputs`."""
        apis = self._sounddevice.query_hostapis()
        try:
            default = self._sounddevice.query_devices(kind="input")["index"]
        except (self._sounddevice.PortAudioError, ValueError):
            default = -1
        return tuple(
            InputDevice(
                index=device["index"],
                name=device["name"],
                host_api=apis[device["hostapi"]]["name"],
                rate_hz=round(device["default_samplerate"]),
                channels=device["max_input_channels"],
                is_default=device["index"] == default,
            )
            for device in self._sounddevice.query_devices()
            if device["max_input_channels"] > 0
        )

    def check(self, device: InputDevice, wanted: StreamFormat) -> None:
        """See `Connection.check`."""
        try:
            self._sounddevice.check_input_settings(
                device=device.index, channels=wanted.channels, dtype="float32", samplerate=wanted.rate_hz
            )
        except (self._sounddevice.PortAudioError, ValueError) as error:
            raise _refused(error) from error

    def open(self, device: InputDevice, wanted: StreamFormat, blocks: DeviceBlocks) -> InputStream:
        """See `Connection.open`."""
        abort = self._sounddevice.CallbackAbort

        def callback(block: Block, _frames: int, _time: object, status: Any) -> None:
            if not blocks(block, overflowed=status.input_overflow):
                raise abort

        try:
            stream = self._sounddevice.InputStream(
                device=device.index,
                samplerate=wanted.rate_hz,
                channels=wanted.channels,
                blocksize=wanted.block_frames,
                latency="high" if wanted.latency_s is None else wanted.latency_s,
                dtype="float32",
                callback=callback,
            )
        except (self._sounddevice.PortAudioError, ValueError) as error:
            raise _refused(error) from error
        return _SounddeviceStream(stream, self._sounddevice.PortAudioError)

    def disconnect(self) -> None:
        """See `Connection.disconnect`: nothing to do."""


class _SounddeviceStream:
    """See `InputStream`."""

    def __init__(self, stream: Any, error_type: type[Exception]) -> None:
        self._stream = stream
        self._error_type = error_type

    def start(self) -> None:
        try:
            self._stream.start()
        except self._error_type as error:
            raise _refused(error) from error

    def abort(self) -> None:
        # Abort, not stop: stop waits for the device to play out what it no longer has.
        try:
            self._stream.abort()
        finally:
            self._stream.close()


def _refused(error: Exception) -> StreamRefusedError:
    if isinstance(error, ValueError):
        # sounddevice's own, or a host's message that is not UTF-8.
        return StreamRefusedError(str(error), 0)
    text, code, host = (*error.args, 0, None, None)[:3]
    text = str(text).removeprefix("Error opening InputStream: ")
    return StreamRefusedError(f"{text}: {host[2]}" if host and host[2] else text, code)


class MicrophoneSource(PortAudioSource):
    """A microphone through sounddevice; see `PortAudioSource`.

    Parameters
    ----------
    device
        Name of the microphone, or an unmistakable part of it; None takes the system's default.
    host_api
        Host API, where the name alone is ambiguous.
    block_ms
        Length of a block, ms.
    """

    def __init__(
        self, device: str | None = None, *, host_api: str | None = None, block_ms: float = 20.0
    ) -> None:
        super().__init__(SounddeviceBackend(), device=device, host_api=host_api, block_ms=block_ms)
