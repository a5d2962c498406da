"""A file put together from pieces of another one, without copying it."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, BinaryIO

Piece = bytes | range
"""Bytes of its own, or a range of positions in the other file."""


class SplicedFile(io.RawIOBase):
    """Pieces, read as one file. Closing it closes the other file, too."""

    def __init__(self, file: BinaryIO, pieces: Sequence[Piece]) -> None:
        self._file = file
        self._pieces = pieces
        self._ends = list(accumulate(len(piece) for piece in pieces))
        self._position = 0

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it can be read from any position: yes."""
        return True

    def tell(self) -> int:
        """Position of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position; one outside becomes the nearest inside, as decoders follow false headers."""
        size = self._ends[-1] if self._ends else 0
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: size}[whence]
        self._position = min(max(0, base + offset), size)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer, and return how many bytes; 0 at the end."""
        index = bisect_right(self._ends, self._position)
        if index == len(self._pieces):
            return 0
        piece = self._pieces[index]
        start = self._position - self._ends[index] + len(piece)
        part = piece[start : start + len(buffer)]
        if isinstance(part, range):
            self._file.seek(part.start)
            part = self._file.read(len(part))
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def close(self) -> None:
        """Close it, and the other file."""
        self._file.close()
        super().close()


def read_at(file: BinaryIO, start: int, count: int) -> bytes:
    """At most `count` bytes from `start`."""
    file.seek(start)
    return file.read(count)
