"""libsndfile decoder: WAV, FLAC, MP3, Ogg and the like, with workarounds for its bugs."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import soundfile

from core.errors import AudioDecodeError
from core.extras import install_command
from models.decoders import ffmpeg
from models.decoders.track import (
    DecodedTrack,
    DecoderInput,
    Sound,
    damage_notice,
    short_reason,
    truncation_notice,
)

_LOG = logging.getLogger(__name__)

SUFFIXES: Final = (
    *(".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus"),
    *(".rf64", ".sph", ".voc", ".w64", ".wav"),
)

OPEN_ERRORS: Final = (soundfile.SoundFileError, ValueError, OSError)  # what `open_track` raises

# Sound only: libsndfile also opens MATLAB matrices, sampler dumps and the like, some by mistake.
_FORMATS: Final = frozenset(
    {"AIFF", "AU", "CAF", "FLAC", "IRCAM", "MP3", "NIST", "OGG", "RF64", "VOC", "W64", "WAV", "WAVEX"}
)
_CHUNK_FRAMES: Final = 8_192
_UNKNOWN_FRAMES: Final = 2**62  # libsndfile gives 2^63 - 1, or a sum with it
_MPEG_FRAME: Final = re.compile(rb"\xff[\xe0-\xff]")
_SEARCHED_BYTES: Final = 65_536
_NO_MPEG_FRAME: Final = 7
"""libsndfile's code, with the text "File does not exist", for an MP3 file without a single frame."""


class ForwardFile(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A sound file that is only read forward.

    The base class seeks to the current position after every read. That resets the decoder of MP3 and Opus, so
    that every block begins with an artefact. Files that cannot seek are spared.
    """

    def seekable(self) -> bool:
        """Whether to seek around each read: never."""
        return False


def open_track(source: DecoderInput) -> DecodedTrack:
    """Open a file; raises one of `OPEN_ERRORS` where libsndfile cannot, or finds no sound.

    Parameters
    ----------
    source
        The file.
    """
    file = source.stack.enter_context(_opened(source))
    if file.format not in _FORMATS:
        raise soundfile.SoundFileError(f"{file.format} is not a format of sound")
    frames = source.stated_frames or int(file.frames)
    known = frames if 0 <= frames < _UNKNOWN_FRAMES else None
    return DecodedTrack(file.samplerate, file.channels, known, _chunks(source, file, known))


def _opened(source: DecoderInput) -> ForwardFile:
    """Open, and replace the errors of libsndfile that mislead."""
    try:
        return ForwardFile(_argument(source))
    except soundfile.LibsndfileError as error:
        if error.code != _NO_MPEG_FRAME:
            raise
        raise soundfile.SoundFileError("Format not recognised") from error
    except TypeError as error:
        raise soundfile.SoundFileError("it has no header") from error


def _argument(source: DecoderInput) -> str | bytes | BinaryIO:
    """The file's path, which is fastest, or only its content where the suffix would mislead libsndfile."""
    if not isinstance(source.content, Path) or (
        # libsndfile would find MPEG frames in an M4A, or miss them in a text and report the wrong error.
        source.content.suffix.lower() == ".mp3"
        and (ffmpeg.has_known_signature(source) or not _MPEG_FRAME.search(source.head(_SEARCHED_BYTES)))
    ):
        return source.stack.enter_context(source.open())
    # A name need not be text, and as bytes it may be anything; on Windows it always is text.
    path = source.content.absolute()  # libsndfile takes a file called - for standard input
    return str(path) if sys.platform == "win32" else os.fsencode(path)


def _chunks(source: DecoderInput, file: soundfile.SoundFile, frames: int | None) -> Iterator[Sound]:
    done = 0
    problem = ""
    try:
        while len(chunk := file.read(_CHUNK_FRAMES, dtype="float32", always_2d=True)):
            done += len(chunk)
            yield chunk
    except soundfile.SoundFileError as error:
        problem = short_reason(error)
    if not problem and done >= (frames or 0):
        return
    stopped = done
    # libsndfile 1.2.2 takes some valid Ogg files for malformed, or stops early in them, and gives up at the
    # first error of a FLAC or MP3.
    if file.format in {"OGG", "MP3"} or problem:
        for chunk in _rest_by_ffmpeg(source, file, done):
            done += len(chunk)
            yield chunk
    if not done:
        raise AudioDecodeError(
            f"{source.name} cannot be decoded ({problem or 'its sound is missing'}): "
            f"it is damaged or truncated; get a fresh copy."
        )
    if problem and done > stopped and file.format != "OGG":
        source.notices.append(damage_notice(source.name))
    elif problem and frames is None:
        source.notices.append(truncation_notice(source.name, done / file.samplerate, None))


def _rest_by_ffmpeg(source: DecoderInput, file: soundfile.SoundFile, done: int) -> Iterator[Sound]:
    """Decode again with FFmpeg, and yield what libsndfile did not."""
    if not ffmpeg.installed():
        if file.format != "OGG" or source.damaged:
            return
        raise AudioDecodeError(
            f"{source.name} breaks off after {done / file.samplerate:.2f} s: it is truncated, or one of the "
            f"Ogg files that need an extra: run `{install_command('media')}`, or convert it to WAV."
        )
    skip = done
    try:
        track = ffmpeg.open_track(source, rate_hz=file.samplerate, channels=file.channels)
        for chunk in track.chunks:
            yield chunk[skip:]
            skip = max(0, skip - len(chunk))
    except (ffmpeg.open_errors(), AudioDecodeError) as error:
        _LOG.debug("FFmpeg cannot go on in %s either: %s", source.name, error)
