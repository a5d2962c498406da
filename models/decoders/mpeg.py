"""The frames of an MP3 file, counted: its header may be missing, false, or that of one part alone."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby, pairwise
from typing import BinaryIO, Final

from models.decoders.splice import read_at
from models.decoders.track import (
    DecoderInput,
    damage_notice,
    longer_notice,
    surplus_notice,
    truncation_notice,
)

_SYNC: Final = re.compile(rb"\xff[\xe2-\xff][\x10-\xef]")
_TAGS: Final = (b"ID3", b"TAG", b"APETAGEX", b"LYRICS", b"3DI")
_CHAIN: Final = 3  # frames in a row that prove a beginning
_SEARCHED: Final = 16 * 2**20  # bytes in which the first frame is searched
_MOST_CANDIDATES: Final = 100_000  # places that are tried, so that no file takes long
_MOST_RUNS: Final = 10_000
_BLOCK: Final = 2**20
_TOLERANCE: Final = 4  # frames by which encoders count differently
_ID3V1: Final = 128  # bytes of a tag at the end
_LITTLE: Final = 8_192  # bytes after the sound that are not worth a notice
_SMALLEST: Final = 24  # bytes of a frame

_RATES: Final = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_KBPS: Final = {
    (3, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_FULL_RATE: Final = 10  # index of a bit rate at which a frame has room for a header of ours


@dataclass(frozen=True, slots=True)
class _Run:
    """Frames of one kind that follow each other without a gap."""

    head: bytes  # the first four bytes
    start: int
    stop: int
    count: int
    cut: bool  # whether the file ends within a further frame


def split(source: DecoderInput) -> list[DecoderInput]:
    """Find the frames, and return the files that stand one after the other, with headers that are true.

    What was wrong is added to the notices. A file in order, or of another kind, is returned as it is.

    Parameters
    ----------
    source
        The file.
    """
    with source.open() as file:
        runs = list(_runs(file, source.size))
        between = [read_at(file, one.stop, 8) for one, other in pairwise(runs) if one.stop < other.start]
        if damaged := any(not head.startswith(_TAGS) for head in between):
            source.notices.append(damage_notice(source.name))
        surplus = source.size - runs[-1].stop if runs else 0
        if surplus > _LITTLE and not read_at(file, runs[-1].stop, 8).startswith(_TAGS):
            source.notices.append(surplus_notice(source.name, surplus))
        source = replace(source, damaged=damaged)
        parts = [list(part) for _, part in groupby(runs, lambda run: _kind(run.head))]
        if len(parts) == 1 and len(runs) == 1 and _in_order(source, file, runs[0]):
            return [source]
        return [_part(source, file, part) for part in parts] or [source]


def _in_order(source: DecoderInput, file: BinaryIO, run: _Run) -> bool:
    """Whether nothing but tags stands around the frames, and their header counts them rightly."""
    _, stated = _stated(file, run)
    if stated is None or not 0 <= stated - (run.count - 1) <= 1 or source.size - run.stop > _ID3V1:
        return False
    head = read_at(file, 0, 10)
    return run.start == tag_length(head)


def _stated(file: BinaryIO, run: _Run) -> tuple[int, int | None]:
    """Where a header's frame counts the others, and how many it says they are; None without a header."""
    found = re.search(
        b"(?:Xing|Info)...[\1\3\5\7\t\v\r\17]", read_at(file, run.start, _length(run.head)), re.DOTALL
    )
    if found is None:
        return 0, None
    return found.end(), int.from_bytes(read_at(file, run.start + found.end(), 4), "big")


def _part(source: DecoderInput, file: BinaryIO, runs: list[_Run]) -> DecoderInput:
    """Frames of one kind as a file of their own, behind a header that counts them rightly."""
    first = runs[0]
    count = sum(run.count for run in runs)
    place, stated = _stated(file, first)
    ranges = [range(run.start, run.stop) for run in runs]
    frame_s = _samples(first.head) / _rate_hz(first.head)
    if stated is not None:
        count -= 1  # its own frame
        header = bytearray(read_at(file, first.start, _length(first.head)))
        header[place : place + 4] = count.to_bytes(4, "big")
        if header[place - 1] & 2:
            header[place + 4 : place + 8] = min(sum(map(len, ranges)), 0xFFFF_FFFF).to_bytes(4, "big")
        ranges[0] = ranges[0][len(header) :]
        if 0 < stated < count - _TOLERANCE:
            source.notices.append(longer_notice(source.name, count * frame_s, stated * frame_s))
        elif count + _TOLERANCE < stated < source.size / _SMALLEST:
            source.notices.append(truncation_notice(source.name, count * frame_s, stated * frame_s))
        return source.made_of(bytes(header), *ranges)
    if runs[-1].cut:
        source.notices.append(truncation_notice(source.name, count * frame_s, None))
    if first.head[1] >> 1 & 3 != 1:  # libsndfile knows such a header in layer III only
        return replace(source.made_of(*ranges), stated_frames=count * _samples(first.head))
    return source.made_of(_header(first.head, count), *ranges)


def _header(head: bytes, count: int) -> bytes:
    """A frame in front of others that says how many they are (Xing)."""
    first = bytes((0xFF, head[1] | 1, _FULL_RATE << 4 | head[2] & 0x0C, head[3]))
    mono, full = head[3] >> 6 == 3, head[1] >> 3 & 3 == 3
    side = (17 if mono else 32) if full else (9 if mono else 17)
    return (first + bytes(side) + b"Xing" + struct.pack(">II", 1, count)).ljust(_length(first), b"\0")


def _runs(file: BinaryIO, size: int) -> Iterator[_Run]:
    budget = iter(range(_MOST_CANDIDATES))
    position = _beginning(file, 0, min(size, _SEARCHED), size, budget)
    for _ in range(_MOST_RUNS):
        if position is None:
            return
        run = _run(file, position, size)
        yield run
        position = _beginning(file, run.stop, size, size, budget)


def _beginning(file: BinaryIO, start: int, stop: int, size: int, budget: Iterator[int]) -> int | None:
    """Where the next frames begin, at `start` or later."""
    if _is_beginning(file, start, size):
        return start
    head = read_at(file, start, 10)
    if (length := tag_length(head)) and _is_beginning(file, start + length, size):
        return start + length
    for block_start in range(start, stop, _BLOCK):
        for found in _SYNC.finditer(read_at(file, block_start, _BLOCK + 2)):
            if next(budget, None) is None:
                return None
            if _is_beginning(file, block_start + found.start(), size):
                return block_start + found.start()
    return None


def _is_beginning(file: BinaryIO, position: int, size: int) -> bool:
    """Whether frames of one kind follow each other from here."""
    first = read_at(file, position, 4)
    for count in range(_CHAIN):
        head = read_at(file, position, 4)
        if not _length(head) or _kind(head) != _kind(first):
            return count > 1 and (position >= size or head.startswith(_TAGS))
        position += _length(head)
    return True


def _run(file: BinaryIO, start: int, size: int) -> _Run:
    head, lengths = read_at(file, start, 4), _lengths()
    version, rate, mono = _kind(head)
    position, count, length = start, 0, 0
    while True:
        block = read_at(file, position, _BLOCK)
        place, last = 0, len(block) - 3
        while (
            place < last
            and block[place] == 0xFF
            and (found := lengths[block[place + 1] << 8 | block[place + 2]])
            and block[place + 1] & 0xFE == version
            and block[place + 2] & 0x0C == rate
            and (block[place + 3] >> 6 == 3) == mono
        ):
            length = found
            place += length
            count += 1
        position += place
        if place < last or len(block) < _BLOCK:
            break
    if position > size:
        return _Run(head, start, position - length, count - 1, cut=True)
    return _Run(head, start, position, count, cut=False)


def _kind(head: bytes) -> tuple[int, int, bool]:
    """What must not change within one decoder: version and layer, rate, mono or not."""
    return head[1] & 0xFE, head[2] & 0x0C, head[3] >> 6 == 3


def _length(head: bytes) -> int:
    """Length in bytes of the frame that begins so; 0 if none does."""
    return _lengths()[head[1] << 8 | head[2]] if len(head) == 4 and head[0] == 0xFF else 0


def _rate_hz(head: bytes) -> int:
    return _RATES[head[1] >> 3 & 3][head[2] >> 2 & 3]


def _samples(head: bytes) -> int:
    layer = 4 - (head[1] >> 1 & 3)
    return 384 if layer == 1 else 1_152 if layer == 2 or head[1] >> 3 & 3 == 3 else 576


@cache
def _lengths() -> list[int]:
    """Length in bytes of a frame by the second and third byte of its head; 0 where no frame has these."""
    lengths = [0] * 2**16
    for second in range(0xE2, 0x100):
        version, layer = second >> 3 & 3, 4 - (second >> 1 & 3)
        if version == 1 or layer == 4:
            continue
        for third in range(0x10, 0xF0):
            if third >> 2 & 3 == 3:
                continue
            head = bytes((0xFF, second, third, 0))
            bit_rate = 1_000 * _KBPS[3 if version == 3 else 2, layer][(third >> 4) - 1]
            slot = 4 if layer == 1 else 1
            slots = bit_rate * _samples(head) // (8 * slot * _rate_hz(head))
            lengths[second << 8 | third] = (slots + (third >> 1 & 1)) * slot
    return lengths


def tag_length(head: bytes) -> int:
    """Length in bytes of the ID3 tag that begins so; 0 if none does."""
    if len(head) < 10 or not head.startswith(b"ID3"):
        return 0
    length = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    return 10 + length + (10 if head[5] & 0x10 else 0)
