"""Where the samples of WAV, AIFF, CAF, W64 and AU files are, whatever their headers say of lengths."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from core.errors import AudioDecodeError
from core.text import percent
from models.decoders.splice import read_at
from models.decoders.track import DecoderInput, surplus_notice


@dataclass(frozen=True, slots=True)
class _Container:
    """How a format nests its chunks."""

    first: int  # position of the first chunk
    header: struct.Struct  # of a chunk: name and size
    align: int  # chunks are padded to a multiple of this
    sound: bytes  # name of the chunk that holds the samples
    before: int  # bytes in that chunk before the samples
    counted: int  # bytes of a chunk's header that its size includes
    kept: tuple[bytes, ...]  # chunks without which the samples cannot be decoded


@dataclass(slots=True)
class _Found:
    """What a walk through the chunks found."""

    kept: list[bytes]  # whole chunks, with header and padding
    sound: list[range]
    chunks: int = 0
    end: int = 0  # where the walk ended
    faulty: bool = False  # whether a decoder has to be told where the samples are


_GUID: Final = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # ends the names of W64's chunks
_RIFF: Final = _Container(12, struct.Struct("<4sI"), 2, b"data", 0, 0, (b"fmt ",))
_AIFF: Final = _Container(12, struct.Struct(">4sI"), 2, b"SSND", 8, 0, (b"FVER", b"COMM"))
_CAF: Final = _Container(8, struct.Struct(">4sq"), 1, b"data", 4, 0, (b"desc", b"chan", b"kuki", b"pakt"))
_W64: Final = _Container(40, struct.Struct("<16sQ"), 8, b"data" + _GUID, 0, 24, (b"fmt " + _GUID,))
_CONTAINERS: Final = {
    **dict.fromkeys((b"RIFF", b"RF64", b"BW64"), _RIFF),
    b"RIFX": replace(_RIFF, header=struct.Struct(">4sI")),
    b"FORM": _AIFF,
    b"caff": _CAF,
    b"riff": _W64,
}
_AU: Final = {b".snd": ">I", b"dns.": "<I"}
MAGICS: Final = (*_CONTAINERS, *_AU)
_MPEG_TAGS: Final = (b"\x50\x00", b"\x55\x00")

# Sizes that mean "unknown", from programs that write to a pipe: 32 bits from 0x7FFF0000, 64 bits from 2^62.
_UNKNOWN: Final = 0x7FFF_0000
_UNKNOWN_LONG: Final = 2**62
_TAGS: Final = (b"TAG", b"APETAGEX", b"ID3", b"LYRICS")
_FILES: Final = frozenset((*_CONTAINERS, *_AU, b"fLaC", b"OggS"))
_KNOWN_TAILS: Final = (
    b"LIST",
    b"id3 ",
    b"ID3 ",
    b"bext",
    b"cue ",
    b"iXML",
    b"smpl",
    b"fact",
    b"_PMX",
    b"JUNK",
)
_LITTLE: Final = 8_192  # bytes after the samples that are left out, where nothing says what they are
_TAIL: Final = 8 * 2**20  # bytes at the end in which chunks are searched
_LONGEST_KEPT: Final = 16 * 2**20
_BLOCK: Final = 2**20
_MOST_CHUNKS: Final = 1_000
_AHEAD: Final = 65_536  # bytes in which the next chunk is searched behind a false size


def split(source: DecoderInput) -> tuple[DecoderInput, int]:
    """Find the samples: the file with a header that is true, and the position where it ends.

    What differs from the header is added to the notices. A file in order, or of another kind, is returned as
    it is; a WAV that holds MPEG frames as these alone.

    Parameters
    ----------
    source
        The file.
    """
    with source.open() as file:
        magic = read_at(file, 0, 4)
        if magic in _AU:
            return _au(source, file, _AU[magic]), source.size
        kind = _CONTAINERS[magic]
        found = _walk(source, file, kind, wide=magic in {b"RF64", b"BW64"})
        sound = [piece for piece in found.sound if len(piece)]
        if not sound and found.chunks == _MOST_CHUNKS:
            raise AudioDecodeError(f"{source.name} is damaged: its sound cannot be found; get a fresh copy.")
        if not sound or not found.kept:
            return source, found.end
        if kind is _RIFF and any(chunk[8:10] in _MPEG_TAGS for chunk in found.kept):
            return source.made_of(*sound), found.end
        if found.faulty or magic == b"BW64" or len(sound) > 1:
            header = _header(file, magic, kind, found.kept, sum(len(piece) for piece in sound))
            return source.made_of(header, *sound), found.end
    return source if found.end == source.size else source.made_of(range(found.end)), found.end


def _walk(source: DecoderInput, file: BinaryIO, kind: _Container, *, wide: bool) -> _Found:
    found = _Found([], [])
    size, position, long_size = source.size, kind.first, 0
    before = position  # where the last chunk begins
    found.end = size
    for found.chunks in range(1, _MOST_CHUNKS + 1):
        header = read_at(file, position, kind.header.size)
        name, stated = kind.header.unpack(header) if len(header) == kind.header.size else (b"", 0)
        start, length = position + kind.header.size, stated - kind.counted
        end = start + length
        if name == kind.sound:
            found.faulty |= not found.kept  # a header that comes later
            start += kind.before
            length = long_size if wide and stated == 0xFFFF_FFFF else length - kind.before
            length = max(0, length) if stated >= 0 else length
            limit = _UNKNOWN_LONG if wide or kind.header.size > 8 else _UNKNOWN
            end = _end_of_sound(source, file, kind, start, length, limit)
            found.faulty |= end - start != length
            found.sound.append(range(start, end))
            padding = -(end - start + kind.before) % kind.align
        elif _is_name(name) and start <= end <= size:
            if name == b"ds64" and length >= 16:
                long_size = struct.unpack("<Q", read_at(file, start + 8, 8))[0]
            padding = -length % kind.align
            if name in kind.kept and length <= _LONGEST_KEPT:
                found.kept.append(read_at(file, position, end - position) + bytes(padding))
        else:
            place = None if found.sound else _next_place(file, kind, before)
            if place is None:
                break
            found.faulty = True
            source.notices.append(
                f"The header of {source.name} is damaged, but its sound was found: save it anew."
            )
            false = position if name in kind.kept and position < place else before
            if (chunk := _chunk(file, kind, false, place)) is not None:
                found.kept = [*(found.kept if false == position else found.kept[:-1]), chunk]
            before = position = place
            continue
        before = position
        position = end + padding
        if padding and not _is_name(read_at(file, position, 4)) and _is_name(read_at(file, end, 4)):
            position = end  # the padding is missing
            found.faulty = True
        if name == kind.sound and read_at(file, position, 4) in _FILES:
            found.end = position
            break
    return found


def _next_place(file: BinaryIO, kind: _Container, before: int) -> int | None:
    """Where the next chunk that matters begins, behind the beginning of one, as a size is false."""
    block = read_at(file, before + 1, _AHEAD)
    places = [block.find(name) for name in (*kind.kept, kind.sound)]
    return min((before + 1 + place for place in places if place >= 0), default=None)


def _chunk(file: BinaryIO, kind: _Container, start: int, stop: int) -> bytes | None:
    """A chunk that matters, with its true size; None if none begins here."""
    header = read_at(file, start, kind.header.size)
    length = stop - start - kind.header.size
    if len(header) < kind.header.size or length < 0 or header[: len(kind.sound)] not in kind.kept:
        return None
    name = kind.header.pack(header[: len(kind.sound)], length + kind.counted)
    return name + read_at(file, start + kind.header.size, length) + bytes(-length % kind.align)


def _end_of_sound(
    source: DecoderInput, file: BinaryIO, kind: _Container | None, start: int, length: int, unknown: int
) -> int:
    """Position after the last sample, and a notice where that is not what the header says."""
    size = source.size
    stated = start + length
    if start <= stated <= size:
        padding = -length % kind.align if kind else 0
        if any(_continues(file, kind, end, size) for end in (stated + padding, stated)):
            return stated
        if length and _is_empty(file, stated, size):
            return stated
        if length and size - stated <= _LITTLE:
            source.notices.append(surplus_notice(source.name, size - stated))
            return stated
    end = max(start, _before_tail(file, kind, start, size) if kind else size)
    if start < end and 0 <= length < unknown:
        source.notices.append(_mismatch(source.name, length, end - start))
    return end


def _mismatch(name: str, stated: int, there: int) -> str:
    """Notice for a header that counts other bytes of sound than are there."""
    if not stated:
        return (
            f"The header of {name} says that there is no sound, as after a recording that was broken off: "
            f"all that follows it was used."
        )
    if stated < there:
        counted = percent(min(0.99, max(0.01, stated / there)))
        return (
            f"The header of {name} counts only {counted} of its sound, as after a recording that was broken "
            f"off: all of it was used."
        )
    return (
        f"{name} is truncated: {_share(there, stated)} of its sound is there and was used; "
        f"get a fresh copy for the rest."
    )


def _share(part: int, whole: int) -> str:
    share = min(0.99, part / whole)
    return percent(share) if share > 0.005 else f"less than {percent(0.01)}"


def _continues(file: BinaryIO, kind: _Container | None, position: int, size: int) -> bool:
    """Whether a file ends here, or goes on with what is no sound: chunks, tags, or another file."""
    if position >= size:
        return True
    head = read_at(file, position, 8)
    if head.startswith(_TAGS) or head[:4] in _FILES:
        return True
    return kind is not None and _chunks_reach_end(file, kind, position, size)


def _chunks_reach_end(file: BinaryIO, kind: _Container, position: int, size: int) -> bool:
    first = position
    for _ in range(_MOST_CHUNKS):
        header = read_at(file, position, kind.header.size)
        if len(header) < kind.header.size:
            return position > first
        if header[:4] in _FILES or header.startswith(_TAGS):
            return True
        name, stated = kind.header.unpack(header)
        if not _is_name(name) or stated < kind.counted:
            return False
        end = position + kind.header.size + stated - kind.counted
        if end > size:
            return name[:4] in _KNOWN_TAILS and position > first
        padded = end + -stated % kind.align
        missing = padded != end and not _is_name(read_at(file, padded, 4)) and _is_name(read_at(file, end, 4))
        position = end if missing else padded
    return False


def _before_tail(file: BinaryIO, kind: _Container, start: int, size: int) -> int:
    """Where the chunks after the sound begin, if there are any; else the file's end."""
    begin = min(size, max(start, size - _TAIL))
    tail = read_at(file, begin, size - begin)
    places = sorted(place for name in _KNOWN_TAILS for place in _places(tail, name))
    for place in places[:_MOST_CHUNKS]:
        if _chunks_reach_end(file, kind, begin + place, size):
            return begin + place
    return size


def _places(text: bytes, name: bytes) -> Iterator[int]:
    place = text.find(name)
    while place >= 0:
        yield place
        place = text.find(name, place + 1)


def _header(file: BinaryIO, magic: bytes, kind: _Container, kept: list[bytes], length: int) -> bytes:
    """A true header, up to the samples."""
    chunks = b"".join(kept)
    counted = length + kind.before
    total = kind.first + len(chunks) + kind.header.size + counted
    if kind.header.size == 8 and total > 0xFFFF_FF00:
        sizes = struct.pack("<QQQI", total + 28, length, 0, 0)
        return b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0" + sizes + chunks + b"data\xff\xff\xff\xff"
    opening = read_at(file, 0, kind.first)
    if kind.header.size == 8:
        name = b"RIFF" if magic in {b"RF64", b"BW64"} else magic
        opening = kind.header.pack(name, total - 8) + opening[8:]
    elif kind is _W64:
        opening = opening[:16] + struct.pack("<Q", total) + opening[24:]
    before = kind.header.pack(kind.sound, counted + kind.counted) + bytes(kind.before)
    return opening + chunks + before


def _au(source: DecoderInput, file: BinaryIO, order: str) -> DecoderInput:
    head = read_at(file, 0, 24)
    if len(head) < 24:
        return source
    start, stated = (struct.unpack_from(order, head, place)[0] for place in (4, 8))
    if not 24 <= start < source.size:
        return source
    end = _end_of_sound(source, file, None, start, stated, _UNKNOWN)
    if end - start == stated:
        return source
    length = struct.pack(order, min(end - start, 0xFFFF_FFFF))
    return source.made_of(head[:4] + struct.pack(order, 24) + length + head[12:], range(start, end))


def _is_name(name: bytes) -> bool:
    """Whether this can be a chunk's name: four printable characters."""
    return len(name) >= 4 and all(0x20 <= byte < 0x7F for byte in name[:4])


def _is_empty(file: BinaryIO, start: int, end: int) -> bool:
    """Whether all bytes are zero."""
    blocks = (read_at(file, place, min(_BLOCK, end - place)) for place in range(start, end, _BLOCK))
    return not any(block.strip(b"\0") for block in blocks)
