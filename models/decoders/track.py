"""What decoders are given, what they give back, and the sentences that they share."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from core.errors import AudioDecodeError

__all__ = ["Input", "Sound", "Track", "broken_off", "empty", "plain"]

Sound = npt.NDArray[np.float32]
"""float32, shape (frames, channels), range [-1, 1], native rate."""


@dataclass(frozen=True, slots=True)
class Input:
    """What is being read.

    Parameters
    ----------
    source
        The file, or its content.
    name
        What it is called in messages.
    stack
        Closes what was opened for it.
    damage
        Sentences on what was wrong but survived; decoders add to it.
    """

    source: Path | bytes
    name: str
    stack: ExitStack
    damage: list[str]

    def open(self) -> BinaryIO:
        """Open the content anew, from its start, and without its name: a suffix would mislead FFmpeg."""
        if isinstance(self.source, bytes):
            return io.BytesIO(self.source)
        file = self.source.open("rb", buffering=0)
        file.name = ""
        return io.BufferedReader(file)

    def head(self, count: int, *, start: int = 0) -> bytes:
        """The `count` bytes from `start`, or as many as there are."""
        with self.open() as file:
            file.seek(start)
            return file.read(count)


@dataclass(frozen=True, slots=True)
class Track:
    """What a decoder has opened.

    Parameters
    ----------
    rate_hz, channels
        Native rate and channel count.
    frames
        Length as the header has it; None where it does not say.
    chunks
        The sound as the decoder gives it, not yet cleaned: float32, shape (any, channels).
    """

    rate_hz: int
    channels: int
    frames: int | None
    chunks: Iterator[Sound]


def empty(name: str) -> AudioDecodeError:
    """Error for a file without a single sample."""
    return AudioDecodeError(f"{name} holds no sound (0 samples): choose a file that is not empty.")


def broken_off(name: str, done: int, rate_hz: int, frames: int | None) -> str:
    """Sentence for sound that ends after `done` frames of `frames`, if these are known."""
    whole = f" of {frames / rate_hz:.2f} s" if frames else ""
    return (
        f"{name} is damaged or truncated after {done / rate_hz:.2f} s{whole}: "
        f"what comes before was used; get a fresh copy for the rest."
    )


def plain(error: Exception) -> str:
    """One short phrase out of a library's error: without the address of a buffer, without a full stop."""
    text = getattr(error, "error_string", "") or getattr(error, "strerror", "") or str(error)
    return text.strip().rstrip(".").removeprefix("Error : ") or type(error).__name__
