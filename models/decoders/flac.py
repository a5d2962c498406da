"""The header of a FLAC file, whose count of samples may be missing or false."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise
from typing import BinaryIO, Final

from models.decoders.splice import read_at
from models.decoders.track import MOST_PARTS, DecoderInput

_BEGINNING: Final = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
_HEADER: Final = 42  # bytes up to the end of the first block
_COUNT: Final = 2**36 - 1
_ID3V1: Final = 128
_SEARCHED: Final = 128 * 2**20  # a larger file is not read through before it is decoded
_BLOCK: Final = 2**20


def split(source: DecoderInput) -> list[DecoderInput]:
    """Find the files that stand one after the other, and leave the length of each open.

    libsndfile would stop at the count in the header. A file of another kind is returned as it is.

    Parameters
    ----------
    source
        The file.
    """
    with source.open() as file:
        if not _BEGINNING.match(read_at(file, 0, 8)):
            return [source]
        size = source.size
        starts = list(islice(_starts(file), MOST_PARTS + 1)) if size <= _SEARCHED else [0]
        end = size - _ID3V1 if read_at(file, size - _ID3V1, 3) == b"TAG" else size
        return [_open_ended(source, file, start, stop) for start, stop in pairwise([*starts, end])]


def _open_ended(source: DecoderInput, file: BinaryIO, start: int, stop: int) -> DecoderInput:
    header = read_at(file, start, _HEADER)
    fields = int.from_bytes(header[18:26], "big")
    opened = header[:18] + (fields & ~_COUNT).to_bytes(8, "big") + header[26:]
    part = source.made_of(opened, range(start + _HEADER, max(stop, start + _HEADER)))
    return replace(part, stated_frames=(fields & _COUNT) or None)


def _starts(file: BinaryIO) -> Iterator[int]:
    place = 0
    while block := read_at(file, place, _BLOCK + 7):
        yield from (place + found.start() for found in _BEGINNING.finditer(block))
        place += _BLOCK
