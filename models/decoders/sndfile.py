"""libsndfile: WAV, FLAC, MP3, Ogg and their kin, and the ways around what it gets wrong."""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from collections.abc import Iterator
from typing import BinaryIO, Final

import soundfile

from core.errors import AudioDecodeError
from models.decoders import ffmpeg
from models.decoders.track import Input, Sound, Track, broken_off, plain

__all__ = ["REFUSALS", "SUFFIXES", "ForwardFile", "open_track"]

_LOG = logging.getLogger(__name__)

SUFFIXES: Final = (
    *(".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus"),
    *(".rf64", ".sph", ".voc", ".w64", ".wav"),
)

REFUSALS: Final = (soundfile.SoundFileError, ValueError, OSError)
"""What `open_track` raises."""

# libsndfile also opens MATLAB matrices, sampler dumps and the like, some on very thin evidence: sound only.
_FORMATS: Final = frozenset(
    {"AIFF", "AU", "CAF", "FLAC", "IRCAM", "MP3", "NIST", "OGG", "RF64", "VOC", "W64", "WAV", "WAVEX"}
)
_CHUNK_FRAMES: Final = 8_192
_SHORTFALL_S: Final = 0.05
_MPEG_FRAME: Final = re.compile(rb"\xff[\xe0-\xff]")
_SEARCHED_BYTES: Final = 65_536
_NO_MPEG_FRAME: Final = 7
"""Code of libsndfile that reads "File does not exist": so it calls an MP3 file without a single frame."""


class ForwardFile(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A sound file that is only read forward.

    The base class seeks to where it already is after every read. In MP3 and Opus that throws the
    decoder's memory away, so that every block begins with a fault. Files that cannot seek are spared.
    """

    def seekable(self) -> bool:
        """Whether to seek around each read: never."""
        return False


def open_track(given: Input) -> Track:
    """Open a file; raises one of `REFUSALS` where libsndfile cannot, or finds no sound."""
    file = given.stack.enter_context(_opened(given))
    if file.format not in _FORMATS:
        raise soundfile.SoundFileError(f"{file.format} is not a format of sound")
    frames = None if _guessed_length(file, given) else int(file.frames)
    if truncated := _cut_off(given.name, file):
        given.damage.append(truncated)
    return Track(file.samplerate, file.channels, frames, _chunks(given, file, frames))


def _opened(given: Input) -> ForwardFile:
    """Open, and where libsndfile goes astray by the suffix, say in plain words what is wrong."""
    try:
        return ForwardFile(_offered(given))
    except soundfile.LibsndfileError as error:
        if error.code != _NO_MPEG_FRAME:
            raise
        raise soundfile.SoundFileError("Format not recognised") from error
    except TypeError as error:
        raise soundfile.SoundFileError("it has no header") from error


def _offered(given: Input) -> str | bytes | BinaryIO:
    """The file's path, which is fastest; but its content alone where the suffix would mislead."""
    if isinstance(given.source, bytes):
        return io.BytesIO(given.source)
    if given.source.suffix.lower() == ".mp3" and (
        ffmpeg.looks_familiar(given) or not _MPEG_FRAME.search(given.head(_SEARCHED_BYTES))
    ):
        # libsndfile would find MPEG frames in an M4A, or look for them in a text and complain of it.
        return given.stack.enter_context(given.open())
    # A name need not be text, and as bytes it may be anything; on Windows it always is text.
    return str(given.source) if sys.platform == "win32" else os.fsencode(given.source)


def _chunks(given: Input, file: soundfile.SoundFile, frames: int | None) -> Iterator[Sound]:
    done = 0
    problem = ""
    try:
        while len(chunk := file.read(_CHUNK_FRAMES, dtype="float32", always_2d=True)):
            done += len(chunk)
            yield chunk
    except soundfile.SoundFileError as error:
        problem = plain(error)
    # Where libsndfile has guessed the length it stops there, however much is left.
    stopped = frames is None and done >= file.frames
    if not problem and not stopped and done >= (frames or 0):
        return
    if stopped and not ffmpeg.installed():
        given.damage.append(
            f"{given.name} does not say how long it is, so perhaps only its first "
            f"{done / file.samplerate:.0f} s were used: install an extra, {ffmpeg.INSTALL}, for the rest."
        )
    # libsndfile 1.2.2 calls some valid Ogg files malformed, or stops early in them; and it gives up
    # at the first fault of a FLAC.
    if file.format == "OGG" or problem or stopped:
        for chunk in _resumed(given, file, done):
            done += len(chunk)
            yield chunk
    if not done:
        raise AudioDecodeError(
            f"{given.name} cannot be decoded ({problem or 'its sound is missing'}): "
            f"it is damaged or truncated; get a fresh copy."
        )
    if done < (frames or 0) - _SHORTFALL_S * file.samplerate or (problem and frames is None):
        given.damage.append(broken_off(given.name, done, file.samplerate, frames))


def _resumed(given: Input, file: soundfile.SoundFile, done: int) -> Iterator[Sound]:
    """Decode anew with FFmpeg, and deliver what libsndfile has not."""
    if not ffmpeg.installed():
        if file.format != "OGG":
            return
        raise AudioDecodeError(
            f"{given.name} breaks off after {done / file.samplerate:.2f} s: it is truncated, or one of the "
            f"Ogg files that need an extra; install it, {ffmpeg.INSTALL}, or convert the file to WAV."
        )
    skip = done
    try:
        track = ffmpeg.open_track(given, rate_hz=file.samplerate, channels=file.channels)
        for chunk in track.chunks:
            yield chunk[skip:]
            skip = max(0, skip - len(chunk))
    except (ffmpeg.refusals(), AudioDecodeError) as error:
        _LOG.debug("FFmpeg cannot go on in %s either: %s", given.name, error)


def _guessed_length(file: soundfile.SoundFile, given: Input) -> bool:
    """Whether libsndfile guessed the length: so in MP3 without a Xing or VBRI header, up to 6 times off."""
    if file.format != "MP3":
        return False
    start = 0
    head = given.head(10)
    if head.startswith(b"ID3") and len(head) == 10:
        start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    return not re.search(b"Xing|Info|VBRI", given.head(512, start=start))


def _cut_off(name: str, file: soundfile.SoundFile) -> str:
    """Sentence for a WAV file shorter than its header says: libsndfile corrects that without a word."""
    found = re.search(r"^data *: (\d+) \(should be (\d+)\)", file.extra_info, flags=re.MULTILINE)
    # Recorders that write to a pipe put 0 or about 2 or 4 GB there: those files are whole.
    if file.format not in {"WAV", "WAVEX"} or found is None or not 0 < int(found[1]) < 0x7FFF_0000:
        return ""
    says, has = int(found[1]), int(found[2])
    if has >= says:
        return ""
    return (
        f"{name} is truncated: {has / says:.0%} of its sound is there and was used; "
        f"get a fresh copy for the rest."
    )
