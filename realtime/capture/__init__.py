"""Where sound comes from: one `AudioSource` for microphones, system audio, files, pushes, the demo."""

from realtime.capture.demo import DemoSource
from realtime.capture.devices import Device, list_devices, list_microphones, list_system_audio, suggest_source
from realtime.capture.file import FileSource
from realtime.capture.loopback import LoopbackSource
from realtime.capture.microphone import MicrophoneSource
from realtime.capture.opening import make_source
from realtime.capture.push import PushSource
from realtime.capture.pyaudio_mic import PyAudioSource
from realtime.capture.source import AudioSink, AudioSource, Block, SourceInfo, SourceKind, SourceSpec

__all__ = [
    "AudioSink",
    "AudioSource",
    "Block",
    "DemoSource",
    "Device",
    "FileSource",
    "LoopbackSource",
    "MicrophoneSource",
    "PushSource",
    "PyAudioSource",
    "SourceInfo",
    "SourceKind",
    "SourceSpec",
    "list_devices",
    "list_microphones",
    "list_system_audio",
    "make_source",
    "suggest_source",
]
