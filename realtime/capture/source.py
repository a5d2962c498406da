"""The contract between whatever makes sound and whoever listens to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from core.errors import AttuneError

Block = npt.NDArray[np.float32]
"""Sound as a source delivers it: float32, shape (frames, channels), range [-1, 1], native rate."""


DEMO_PLAYS: Final = "; until then the built-in demo plays."
"""Follows the reason why there is no microphone."""


class SourceKind(StrEnum):
    """Where sound comes from."""

    MICROPHONE = "mic"
    SYSTEM = "system"
    FILE = "file"
    DEMO = "demo"
    PUSH = "push"


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """What a person asked to listen to."""

    kind: SourceKind  # which sort of source
    # Name of the device, for microphone and system audio; None takes the system's default.
    device: str | None = None
    # Host API of the device (as `attune devices` lists it) where the name alone is ambiguous.
    host_api: str | None = None
    backend: str = "sounddevice"  # library that opens the microphone: "sounddevice" or "pyaudio"
    path: Path | None = None  # the file to replay, for `SourceKind.FILE`
    # Content of that file, where it is no file on this machine (an upload); `path` is its name then.
    content: bytes | None = field(default=None, repr=False)
    # Replay as fast as the listener can follow, dropping nothing, instead of in real time. Only files and the
    # demo can be replayed fast.
    fast: bool = False


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """An opened source, as shown to people."""

    kind: SourceKind  # which sort of source
    name: str  # name for people: the device's, the file's, "Built-in demo"
    rate_hz: int  # native sample rate, 8 000 to 192 000
    channels: int  # native channel count, 1 to 8
    host_api: str = ""  # PortAudio's host API or "PulseAudio", empty where there is none
    live: bool = False  # sound arrives when it arrives and is lost unless taken: a watchdog looks after it
    lossless: bool = False  # the source waits for the listener: no window is ever dropped (`SourceSpec.fast`)
    duration_s: float | None = None  # length in seconds, where the source has one and says so


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
