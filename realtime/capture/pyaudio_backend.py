"""Microphones through PyAudio, for those who choose it (extra `pyaudio`)."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from core.audio_devices.portaudio import PortAudioDevice
from core.errors import BackendMissingError
from realtime.capture.portaudio import BlockHandler, InputStream, StreamFormat, StreamRefusedError


class PyAudioConnection:
    """See `PortAudioConnection`. Holds PortAudio from its making until `disconnect`.

    Raises
    ------
    BackendMissingError
        PyAudio is not installed, or PortAudio does not start.
    """

    def __init__(self) -> None:
        try:
            self._pyaudio = importlib.import_module("pyaudio")
        except (ImportError, OSError) as error:
            raise BackendMissingError(
                "PyAudio is not installed, so it cannot open a microphone: install it, "
                "pip install -e '.[pyaudio]' (Debian first: apt install portaudio19-dev), "
                "or use the backend sounddevice."
            ) from error
        try:
            self._portaudio = self._pyaudio.PyAudio()
        except OSError as error:
            raise BackendMissingError(
                f"PortAudio does not start ({error}), so no microphone can be opened: check the sound system."
            ) from error

    def inputs(self) -> tuple[PortAudioDevice, ...]:
        """See `PortAudioConnection.inputs`."""
        try:
            default = self._portaudio.get_default_input_device_info()["index"]
        except OSError:
            default = -1
        devices = map(self._portaudio.get_device_info_by_index, range(self._portaudio.get_device_count()))
        return tuple(
            PortAudioDevice(
                index=device["index"],
                name=_text(device["name"]),
                host_api=_text(self._portaudio.get_host_api_info_by_index(device["hostApi"])["name"]),
                rate_hz=round(device["defaultSampleRate"]),
                channels=device["maxInputChannels"],
                is_default=device["index"] == default,
            )
            for device in devices
            if device["maxInputChannels"] > 0
        )

    def check(self, device: PortAudioDevice, wanted: StreamFormat) -> None:
        """See `PortAudioConnection.check`."""
        try:
            self._portaudio.is_format_supported(
                wanted.rate_hz,
                input_device=device.index,
                input_channels=wanted.channels,
                input_format=self._pyaudio.paFloat32,
            )
        except (OSError, ValueError) as error:
            raise _refused(error) from error

    def open(self, device: PortAudioDevice, wanted: StreamFormat, on_block: BlockHandler) -> InputStream:
        """See `PortAudioConnection.open`. PyAudio has no say over the buffer's length."""
        go_on, abort = (None, self._pyaudio.paContinue), (None, self._pyaudio.paAbort)
        overflow_flag, channels = self._pyaudio.paInputOverflow, wanted.channels

        def callback(data: bytes, _frames: int, _time: object, status: int) -> tuple[None, int]:
            block = np.frombuffer(data, dtype=np.float32).reshape(-1, channels)  # (frames, channels)
            return go_on if on_block(block, overflowed=bool(status & overflow_flag)) else abort

        try:
            stream = self._portaudio.open(
                format=self._pyaudio.paFloat32,
                rate=wanted.rate_hz,
                channels=channels,
                input=True,
                input_device_index=device.index,
                frames_per_buffer=wanted.block_frames,
                stream_callback=callback,
                start=False,
            )
        except (OSError, ValueError) as error:
            raise _refused(error) from error
        return _PyAudioStream(stream)

    def disconnect(self) -> None:
        """See `PortAudioConnection.disconnect`."""
        self._portaudio.terminate()


class _PyAudioStream:
    """See `InputStream`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def start(self) -> None:
        try:
            self._stream.start_stream()
        except OSError as error:
            raise _refused(error) from error

    def abort(self) -> None:
        # PyAudio has no abort, but closing a running stream is one in PortAudio.
        self._stream.close()


def _text(name: str | bytes) -> str:
    """PyAudio leaves names that are not UTF-8 as bytes."""
    return name.decode(errors="replace") if isinstance(name, bytes) else name


def _refused(error: Exception) -> StreamRefusedError:
    code = next((arg for arg in error.args if isinstance(arg, int)), 0)
    text = next((arg for arg in error.args if isinstance(arg, str)), str(error))
    return StreamRefusedError(text, code)
