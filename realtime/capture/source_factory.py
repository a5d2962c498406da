"""From what a person asked for to the source that delivers it."""

from __future__ import annotations

from core.errors import AudioDecodeError, AudioDeviceError
from core.settings import Settings
from realtime.capture.demo import DemoSource
from realtime.capture.file import FileSource
from realtime.capture.loopback import LoopbackSource
from realtime.capture.microphone import MicrophoneSource
from realtime.capture.source import AudioSource, SourceKind, SourceSpec


def make_source(spec: SourceSpec, settings: Settings) -> AudioSource:
    """Make the source that was asked for; it is not opened yet.

    Parameters
    ----------
    spec
        What to listen to. A microphone without a name is that of the settings.
    settings
        `device`, `block_ms` and `max_file_minutes` are read.

    Raises
    ------
    AudioDecodeError
        A file was asked for, but not which.
    AudioDeviceError
        Backend unknown, or a source that only a program can make.
    """
    if spec.kind is SourceKind.MICROPHONE:
        return MicrophoneSource(
            spec.device or settings.device,
            host_api=spec.host_api,
            backend=spec.backend,
            block_ms=settings.block_ms,
        )
    if spec.kind is SourceKind.SYSTEM:
        return LoopbackSource(spec.device, block_ms=settings.block_ms)
    if spec.kind is SourceKind.DEMO:
        return DemoSource(fast=spec.fast, block_ms=settings.block_ms)
    if spec.kind is SourceKind.FILE:
        if spec.path is None:
            raise AudioDecodeError("No recording was named: give the path of a sound file.")
        return FileSource(
            spec.path,
            content=spec.content,
            fast=spec.fast,
            block_ms=settings.block_ms,
            max_minutes=settings.max_file_minutes,
        )
    raise AudioDeviceError(
        "Pushed audio cannot be chosen here: the program that has the sound makes a PushSource itself."
    )
