"""Microphones through sounddevice, the default library over PortAudio."""

from __future__ import annotations

from typing import Any

from core.audio_devices.portaudio import PortAudioDevice, list_sounddevice, load_sounddevice
from realtime.capture.portaudio import BlockHandler, InputStream, StreamFormat, StreamRefusedError
from realtime.capture.source import Block


class SounddeviceConnection:
    """See `PortAudioConnection`. The library holds PortAudio for the life of the process."""

    def __init__(self) -> None:
        self._sounddevice = load_sounddevice(consequence="no microphone can be opened")
        self._refusals = (self._sounddevice.PortAudioError, ValueError)

    def inputs(self) -> tuple[PortAudioDevice, ...]:
        """See `PortAudioConnection.inputs`."""
        return list_sounddevice(self._sounddevice, "input")

    def check(self, device: PortAudioDevice, wanted: StreamFormat) -> None:
        """See `PortAudioConnection.check`."""
        try:
            self._sounddevice.check_input_settings(
                device=device.index, channels=wanted.channels, dtype="float32", samplerate=wanted.rate_hz
            )
        except self._refusals as error:
            raise _refused(error) from error

    def open(self, device: PortAudioDevice, wanted: StreamFormat, on_block: BlockHandler) -> InputStream:
        """See `PortAudioConnection.open`."""
        abort = self._sounddevice.CallbackAbort

        def callback(block: Block, _frames: int, _time: object, status: Any) -> None:
            if not on_block(block, overflowed=status.input_overflow):
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
        except self._refusals as error:
            raise _refused(error) from error
        return _SounddeviceStream(stream, self._sounddevice.PortAudioError)

    def disconnect(self) -> None:
        """See `PortAudioConnection.disconnect`: nothing to do."""


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
