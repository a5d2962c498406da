"""Choice of the decoder by a file's content, never by its suffix; no header is believed over its body."""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import soxr

from core.errors import AudioDecodeError
from core.extras import install_command
from models.decoders import chunks, ffmpeg, flac, mpeg, ogg, sndfile
from models.decoders.track import (
    MOST_PARTS,
    DecodedTrack,
    DecoderInput,
    Sound,
    damage_notice,
    longer_notice,
    short_reason,
    truncation_notice,
)
from models.resample import MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ

_LEAST_BITS_PER_S: Final = 1_000  # a length that leaves less for a second is not believed
_SHORTFALL_S: Final = 0.05
_SURPLUS_S: Final = 0.5
_MOST_BROKEN: Final = 50  # parts that are tried in vain, so that no file takes long
_MOST_BOXES: Final = 100_000
_SEARCHED: Final = 65_536  # bytes in which an Ogg file may begin
_BEHIND_TAGS: Final = (b"RIFF", b"FORM", b"OggS", b"fLaC", b"\xff\xf1", b"\xff\xf9")
_MEDIA_MAGICS: Final = (b"\x1aE\xdf\xa3", b"\x30\x26\xb2\x75")


def open_track(source: DecoderInput) -> DecodedTrack:
    """Open a file with libsndfile, else with FFmpeg.

    Several files in one are read one after the other, at the rate and channel count of the first.

    Parameters
    ----------
    source
        The file.

    Raises
    ------
    AudioDecodeError
        There is no such file, or no sound in it that either can read.
    """
    if isinstance(source.content, Path):
        _check_file(source.content)
    if not source.size:
        raise AudioDecodeError(f"{source.name} is empty (0 bytes): choose a file that holds sound.")
    parts = _parts(source)
    for index, part in enumerate(parts[: min(len(parts) - 1, _MOST_BROKEN)]):
        try:
            track = _open(part)
            for chunk in track.chunks:
                rest = _joined(track, parts[index + 1 :])
                return replace(track, frames=None, chunks=chain([chunk], rest))
        except AudioDecodeError:
            pass
        source.notices.append(damage_notice(source.name))
    return _open(parts[-1])


def _parts(source: DecoderInput) -> list[DecoderInput]:
    """The files that a file consists of, with headers that are true; most consist of themselves."""
    parts: list[DecoderInput] = []
    start, size = 0, source.size
    while start < size and len(parts) <= MOST_PARTS:
        rest = source.made_of(range(start, size)) if start else source
        found, length = _first_parts(rest)
        parts += found
        start += length
    if len(parts) > MOST_PARTS:
        source.notices.append(
            f"{source.name} is many files in one: the first {MOST_PARTS} were used; split it."
        )
    return parts[:MOST_PARTS]


def _first_parts(source: DecoderInput) -> tuple[list[DecoderInput], int]:
    """The first of these files, and how many bytes they take."""
    size = source.size
    head = source.head(_SEARCHED)
    tag = mpeg.tag_length(head)
    if tag and source.head(4, start=tag).startswith(_BEHIND_TAGS):
        return [], tag
    if head.startswith((b"OggS", b"fLaC")):
        return ogg.split(source) if head.startswith(b"OggS") else flac.split(source), size
    if head.startswith(chunks.MAGICS):
        part, length = chunks.split(source)
        return [part] if part.head(4) in chunks.MAGICS else mpeg.split(part), length
    if head[4:8] == b"ftyp" or head.startswith(_MEDIA_MAGICS):
        length = _mp4_length(source) if head[4:8] == b"ftyp" else size
        return [source if length == size else source.made_of(range(length))], length
    frames = mpeg.split(source)
    return (ogg.split(source) if frames == [source] and b"OggS\0\2" in head else frames), size


def _mp4_length(source: DecoderInput) -> int:
    """Where an MP4 file ends: before a second one, else at its size."""
    position, size = 0, source.size
    with source.open() as file:
        for _ in range(_MOST_BOXES):
            file.seek(position)
            length, name, long_length = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
            if name == b"ftyp" and position:
                return position
            position += long_length if length == 1 else length
            if length == 0 or position >= size:
                break
    return size


def _open(source: DecoderInput) -> DecodedTrack:
    """Open one part."""
    try:
        return _checked(source, sndfile.open_track(source))
    except sndfile.OPEN_ERRORS as error:
        unreadable = _unreadable(source, error)
        if not ffmpeg.installed():
            if ffmpeg.has_known_signature(source):
                raise AudioDecodeError(
                    f"{source.name} is in a format that needs an extra: run "
                    f"`{install_command('media')}`, or convert the file to WAV."
                ) from error
            raise unreadable from error
    try:
        return _checked(source, ffmpeg.open_track(source))
    except ffmpeg.open_errors() as error:
        raise unreadable from error


def _checked(source: DecoderInput, track: DecodedTrack) -> DecodedTrack:
    """Believe the length of a track if the file is large enough for it, and compare it at the end."""
    frames = source.stated_frames or track.frames
    if frames is not None and frames * _LEAST_BITS_PER_S > source.size * 8 * track.rate_hz:
        frames = None
    return replace(track, frames=frames, chunks=_compared(source, replace(track, frames=frames)))


def _compared(source: DecoderInput, track: DecodedTrack) -> Iterator[Sound]:
    done = 0
    for chunk in track.chunks:
        done += len(chunk)
        yield chunk
    if track.frames is None or track.estimated or source.damaged:
        return
    done_s, stated_s = done / track.rate_hz, track.frames / track.rate_hz
    if done_s < stated_s - _SHORTFALL_S:
        source.notices.append(truncation_notice(source.name, done_s, stated_s))
    elif done_s > stated_s + _SURPLUS_S:
        source.notices.append(longer_notice(source.name, done_s, stated_s))


def _joined(first: DecodedTrack, rest: list[DecoderInput]) -> Iterator[Sound]:
    """A track, and the parts that follow it, converted to its rate and channel count."""
    yield from first.chunks
    broken = 0
    for part in rest:
        with ExitStack() as stack:
            try:
                yield from _converted(_open(replace(part, stack=stack)), first.rate_hz, first.channels)
            except AudioDecodeError:
                part.notices.append(damage_notice(part.name))
                broken += 1
                if broken == _MOST_BROKEN:
                    return


def _converted(track: DecodedTrack, rate_hz: int, channels: int) -> Iterator[Sound]:
    if not (MIN_RATE_HZ <= track.rate_hz <= MAX_RATE_HZ and 1 <= track.channels <= MAX_CHANNELS):
        raise AudioDecodeError("A part has a sample rate or a channel count that is not supported.")
    resampler = (
        None
        if track.rate_hz == rate_hz
        else soxr.ResampleStream(track.rate_hz, rate_hz, channels, dtype="float32", quality="HQ")
    )
    for chunk in track.chunks:
        sound = chunk
        if track.channels != channels:
            sound = np.repeat(chunk.mean(axis=1, keepdims=True), channels, axis=1)
        yield sound if resampler is None else resampler.resample_chunk(sound)
    if resampler is not None:
        yield resampler.resample_chunk(np.zeros((0, channels), dtype=np.float32), last=True)


def _unreadable(source: DecoderInput, error: Exception) -> AudioDecodeError:
    if source.head(3) == b"ID3":
        return AudioDecodeError(
            f"{source.name} holds tags (a title, a cover) but no sound: choose a file that holds sound."
        )
    return AudioDecodeError(
        f"{source.name} is not sound that Attune can read ({short_reason(error)}): it is damaged, or another "
        f"kind of file under a false name; choose a WAV, FLAC, MP3, Ogg or M4A file."
    )


def _check_file(path: Path) -> None:
    """Raise unless this is a readable, regular file."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise AudioDecodeError(f"{path} is a folder: choose a sound file in it.")
        if not stat.S_ISREG(status.st_mode):
            raise AudioDecodeError(f"{path} is a device or a pipe, not a file: choose a sound file.")
        path.open("rb").close()
    except FileNotFoundError as error:
        raise AudioDecodeError(f"There is no file {path}: check its name and folder.") from error
    except PermissionError as error:
        raise AudioDecodeError(f"{path} may not be read: change its permissions, or copy it.") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise AudioDecodeError(
            f"{str(path)!r} cannot be read ({short_reason(error)}): check its name."
        ) from error
