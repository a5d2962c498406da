"""The pages of an Ogg file: recordings that follow each other, what is broken, and what counts falsely."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final

from models.decoders.splice import read_at
from models.decoders.track import DecoderInput, damage_notice, surplus_notice

_HEADER: Final = struct.Struct(
    "<4sBBqIII"
)  # magic, version, flags, granule position, serial, number, checksum
_FIRST: Final = 2
_LAST: Final = 4
_HEADERS: Final = 3  # packets at most before the first with sound
_LITTLE: Final = 8_192  # bytes after the sound that are not worth a notice
_BLOCK: Final = 2**16
_MOST_BROKEN: Final = 10_000  # pages that are tried in vain, so that no file takes long
_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_LONGEST_PACKET: Final = {b"\x01vorbis": 4_096, b"OpusHead": 5_760, b"\x7fFLAC": 65_535, b"Speex   ": 65_535}
"""Sample frames in a packet at most, by what the first packet of a codec begins with."""


@dataclass(frozen=True, slots=True)
class _Page:
    start: int
    stop: int
    flags: int
    position: int  # granule position: sample frames up to its end
    serial: int
    number: int
    packets: int  # that end on it
    opening: bytes  # of its content


@dataclass(slots=True)
class _Link:
    """One recording of a chain."""

    start: int
    stop: int = 0
    sounds: dict[int, int] = field(default_factory=dict)  # longest packet of each stream of sound, by serial
    numbers: dict[int, int] = field(default_factory=dict)  # of the last page, by serial
    begun: bool = False  # whether pages with content came
    damaged: bool = False
    # Of the stream that is decoded: the last page, the granule position before it, packets that ended since,
    # and the position that it has at most, where it states a false one.
    last: _Page | None = None
    position: int = 0
    packets: int = 0
    all_packets: int = 0
    limit: int | None = None

    def add(self, page: _Page, *, gap: bool) -> None:
        self.stop = page.stop
        if page.flags & _FIRST:
            longest = next((n for magic, n in _LONGEST_PACKET.items() if page.opening.startswith(magic)), 0)
            if longest:
                self.sounds[page.serial] = longest
        else:
            self.begun = True
            self.damaged |= gap or page.number != self.numbers.get(page.serial, page.number - 1) + 1
        self.numbers[page.serial] = page.number
        if page.serial == next(iter(self.sounds), None):
            self._count(page, self.sounds[page.serial])

    def _count(self, page: _Page, longest: int) -> None:
        """Check that time goes on with the packets. libsndfile stops at the last position, however false."""
        self.last = page
        self.packets += page.packets
        self.all_packets += page.packets
        limit = self.position + self.packets * longest
        # A recording may begin anywhere in a broadcast, but not end before it began.
        first = self.position == 0
        true = self.position < page.position <= limit or not page.packets or not self.begun
        self.limit = None if true else limit
        if true or (first and page.position > 0):
            self.position, self.packets = max(0, page.position), 0


def split(source: DecoderInput) -> list[DecoderInput]:
    """Find the recordings of a chain; what is wrong with them is added to the notices.

    Parameters
    ----------
    source
        The file.
    """
    links: list[_Link] = []
    with source.open() as file:
        stop = 0
        for page in _pages(file):
            if not links or (page.flags & _FIRST and (links[-1].begun or page.start > stop)):
                links.append(_Link(page.start))
                stop = page.start
            links[-1].add(page, gap=page.start > stop)
            stop = page.stop
        links = [link for link in links if link.all_packets > _HEADERS]
        name = source.name
        if any(link.damaged for link in links):
            source.notices.append(damage_notice(name))
        elif links and not _has_end(links[-1]):
            source.notices.append(
                f"{name} has no proper end, so it may have been cut off: all of it that is there was used."
            )
        if any(link.limit is not None for link in links):
            source.notices.append(
                f"{name} counts its time falsely, so other programs may cut it off: save it anew."
            )
        if any(len(link.sounds) > 1 for link in links):
            source.notices.append(f"{name} holds several tracks of sound: the first was used.")
        if links and _has_end(links[-1]) and source.size - links[-1].stop > _LITTLE:
            source.notices.append(surplus_notice(name, source.size - links[-1].stop))
        whole = len(links) == 1 and not links[0].start
        parts = [_part(source, file, link, whole=whole) for link in links]
    return parts or [source]


def _has_end(link: _Link) -> bool:
    return link.last is not None and bool(link.last.flags & _LAST)


def _part(source: DecoderInput, file: BinaryIO, link: _Link, *, whole: bool) -> DecoderInput:
    part = source if whole else source.made_of(range(link.start, link.stop))
    if link.limit is not None and link.last is not None:
        start, stop = link.last.start, link.last.stop
        page = bytearray(read_at(file, start, stop - start))
        page[6:14] = link.limit.to_bytes(8, "little")
        page[22:26] = bytes(4)
        page[22:26] = _checksum(bytes(page)).to_bytes(4, "little")
        part = source.made_of(range(link.start, start), bytes(page), range(stop, link.stop))
    return replace(part, damaged=link.damaged or link.limit is not None or not _has_end(link))


def _pages(file: BinaryIO) -> Iterator[_Page]:
    """Pages whose checksums are right."""
    position: int | None = 0
    broken = 0
    while position is not None and broken < _MOST_BROKEN:
        page = _page(file, position)
        if page is not None:
            yield page
            position = page.stop
        else:
            broken += 1
            position = _next_magic(file, position + 1)


def _page(file: BinaryIO, start: int) -> _Page | None:
    file.seek(start)
    header = file.read(27)
    if len(header) < 27 or header[:5] != b"OggS\0":
        return None
    _, _, flags, position, serial, number, checksum = _HEADER.unpack_from(header)
    lengths = file.read(header[26])
    content = file.read(sum(lengths))
    if len(lengths) < header[26] or len(content) < sum(lengths):
        return None
    if _checksum(header[:22] + bytes(4) + header[26:] + lengths + content) != checksum:
        return None
    packets = sum(length < 255 for length in lengths)
    return _Page(start, file.tell(), flags, position, serial, number, packets, content[:8])


def _checksum(page: bytes) -> int:
    """CRC-32 of Ogg: that of zlib without its inversions, on mirrored bits."""
    plain = zlib.crc32(page.translate(_MIRRORED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int(f"{plain:032b}"[::-1], 2)


def _next_magic(file: BinaryIO, start: int) -> int | None:
    while True:
        block = read_at(file, start, _BLOCK)
        place = block.find(b"OggS")
        if place >= 0:
            return start + place
        if len(block) < _BLOCK:
            return None
        start += _BLOCK - 3
