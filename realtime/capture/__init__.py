"""Where sound comes from: one `AudioSource` for microphones, system audio, files, pushes, the demo."""

from realtime.capture.demo import DemoSource
from realtime.capture.devices import (
    AudioDevice,
    list_devices,
    list_microphones,
    list_system_audio,
    suggest_source,
)
from realtime.capture.file import FileSource
from realtime.capture.loopback import LoopbackSource
from realtime.capture.microphone import MicrophoneSource
from realtime.capture.push import PushSource
from realtime.capture.source import AudioSink, AudioSource, Block, SourceInfo, SourceKind, SourceSpec
from realtime.capture.source_factory import make_source

__all__ = [
    "AudioDevice",
    "AudioSink",
    "AudioSource",
    "Block",
    "DemoSource",
    "FileSource",
    "LoopbackSource",
    "MicrophoneSource",
    "PushSource",
    "SourceInfo",
    "SourceKind",
    "SourceSpec",
    "list_devices",
    "list_microphones",
    "list_system_audio",
    "make_source",
    "suggest_source",
]
