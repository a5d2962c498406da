"""The contract between whatever makes sound and whoever listens to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from core.errors import AttuneError

__all__ = [
    "AudioSink",
    "AudioSource",
    "Block",
    "SourceInfo",
    "SourceKind",
    "SourceSpec",
]

Block = npt.NDArray[np.float32]
"""Sound as a source delivers it: float32, shape (frames, channels), range [-1, 1], native rate."""


class SourceKind(StrEnum):
    """Where sound comes from."""

    MICROPHONE = "mic"
    SYSTEM = "system"
    FILE = "file"
    DEMO = "demo"
    PUSH = "push"


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """What a person asked to listen to.

    Parameters
    ----------
    kind
        Which sort of source.
    device
        Name of the device, for microphone and system audio; None takes the system's default.
    host_api
        Host API of the device (as `attune devices` lists it) where the name alone is ambiguous.
    backend
        Library that opens the microphone: "sounddevice" or "pyaudio".
    path
        The file to replay, for `SourceKind.FILE`.
    content
        Content of that file, where it is no file on this machine (an upload); `path` is its name then.
    fast
        Replay as fast as the listener can follow, dropping nothing, instead of in real time.
        Only files and the demo can be replayed fast.
    """

    kind: SourceKind
    device: str | None = None
    host_api: str | None = None
    backend: str = "sounddevice"
    path: Path | None = None
    content: bytes | None = field(default=None, repr=False)
    fast: bool = False


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """An opened source, as shown to people.

    Parameters
    ----------
    kind
        Which sort of source.
    name
        Name for people: the device's, the file's, "Built-in demo".
    rate_hz
        Native sample rate, 8 000 to 192 000.
    channels
        Native channel count, 1 to 8.
    host_api
        PortAudio's host API or "PulseAudio", empty where there is none.
    live
        Sound arrives when it arrives and is lost unless taken: a watchdog looks after it.
    lossless
        The source waits for the listener: no window is ever dropped (`SourceSpec.fast`).
    duration_s
        Length in seconds, where the source has one and says so.
    """

    kind: SourceKind
    name: str
    rate_hz: int
    channels: int
    host_api: str = ""
    live: bool = False
    lossless: bool = False
    duration_s: float | None = None


class AudioSink(Protocol):
    """What a source delivers to. Calls come from one thread at a time, in the order of sound."""

    def begin(self, info: SourceInfo) -> None:
        """A stream starts. Called before the first `write`, and again after each reopening."""

    def write(self, block: Block) -> None:
        """Take one block (copied before return). Waits only if the source is lossless."""

    def overflow(self) -> None:
        """The device says that it has lost sound before this point."""

    def end(self, error: AttuneError | None = None, *, notice: str = "") -> None:
        """No more sound will come: the recording is over, or `error` says why it broke off.

        `notice` is a sentence for people on what was wrong with the sound but survived.
        """


class AudioSource(Protocol):
    """Something that can be opened and then delivers blocks to a sink from a thread of its own."""

    def open(self, sink: AudioSink) -> SourceInfo:
        """Open the device or file, call `sink.begin`, and start to deliver.

        May be called again after `close`: a microphone is then found by name anew.

        Raises
        ------
        AudioDeviceError
            The device is missing, busy or refused.
        AudioDecodeError
            The file cannot be read.
        """

    def close(self) -> None:
        """Stop delivering, within a second. After return the sink is not called. Never raises."""
