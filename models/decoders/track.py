"""Input and output of the decoders, and the messages that they share."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

from core.errors import AudioDecodeError
from models.decoders.splice import Piece, SplicedFile, read_at

MOST_PARTS: Final = 1_000  # files in one that are used
Sound = npt.NDArray[np.float32]  # float32, shape (frames, channels), range [-1, 1], native rate


@dataclass(frozen=True, slots=True)
class DecoderInput:
    """A file to decode, or what stands for it once its structure was read."""

    content: (
        Path | bytes | DecoderInput
    )  # the file, its content, or another input that `pieces` are taken from
    name: str  # for messages
    stack: ExitStack  # closes everything that was opened for it
    notices: list[str]  # one sentence for each problem that was tolerated; decoders add to it
    pieces: tuple[Piece, ...] = ()
    stated_frames: int | None = None  # length by a header that the decoder does not get to see
    damaged: bool = False  # whether its structure shows that less than its header says is there

    @property
    def size(self) -> int:
        """Size in bytes."""
        match self.content:
            case Path():
                return self.content.stat().st_size
            case bytes():
                return len(self.content)
            case _:
                return sum(len(piece) for piece in self.pieces)

    def made_of(self, *pieces: Piece) -> DecoderInput:
        """The same file, but put together from pieces of it."""
        return replace(self, content=self, pieces=pieces)

    def open(self) -> BinaryIO:
        """Open the content from its start, without a name, whose suffix could mislead FFmpeg."""
        match self.content:
            case Path():
                file: BinaryIO = self.content.open("rb", buffering=0)
            case bytes():
                file = io.BytesIO(self.content)
            case _:
                file = self.content.open()
        # Also where it is whole: decoders follow false headers to positions at which a plain file raises.
        return io.BufferedReader(SplicedFile(file, self.pieces or (range(self.size),)))

    def head(self, count: int, *, start: int = 0) -> bytes:
        """At most `count` bytes from `start`."""
        with self.open() as file:
            return read_at(file, start, count)


@dataclass(frozen=True, slots=True)
class DecodedTrack:
    """An opened file."""

    # Native rate and channel count.
    rate_hz: int
    channels: int
    # Length by the header; None where it does not say.
    frames: int | None
    chunks: Iterator[Sound]  # decoded sound, not yet cleaned: float32, shape (any, channels)
    estimated: bool = False  # whether the length is a guess, from the bit rate


def no_samples_error(name: str) -> AudioDecodeError:
    """Error for a file without samples."""
    return AudioDecodeError(f"{name} holds no sound (0 samples): choose a file that is not empty.")


def damage_notice(name: str) -> str:
    """Notice for damage that could be skipped."""
    return f"{name} is damaged in places, which were left out: get a fresh copy."


def truncation_notice(name: str, done_s: float, whole_s: float | None) -> str:
    """Notice for sound that ends after some seconds, of so many where that is known."""
    whole = f" of {whole_s:.2f} s" if whole_s else ""
    return (
        f"{name} is damaged or truncated after {done_s:.2f} s{whole}: "
        f"what comes before was used; get a fresh copy for the rest."
    )


def surplus_notice(name: str, count: int) -> str:
    """Notice for bytes after the sound that are neither sound nor tags."""
    return f"{name} goes on after its sound with {count} bytes of something else: they were left out."


def longer_notice(name: str, done_s: float, stated_s: float) -> str:
    """Notice for sound that is longer than its header says."""
    return (
        f"{name} says that it lasts {stated_s:.2f} s, but {done_s:.2f} s of sound are there: all of it was "
        f"used; save it anew if other programs cut it off."
    )


def short_reason(error: Exception) -> str:
    """A short phrase from a library's exception, without addresses of buffers and full stop."""
    text = getattr(error, "error_string", "") or getattr(error, "strerror", "") or str(error)
    return text.strip().rstrip(".").removeprefix("Error : ") or type(error).__name__
