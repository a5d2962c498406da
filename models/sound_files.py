"""Sound files as such: what one holds, the same sound in another format, and one cut into segments."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import soxr

from core.errors import DataError
from core.files import replace_atomically, writing
from models.audio import AudioStream, open_stream
from models.decoders.track import Sound
from models.downmix import Downmix
from models.resample import MAX_RATE_HZ, MIN_RATE_HZ

FORMATS: Final = {"wav": "WAV", "flac": "FLAC", "ogg": "OGG"}
"""Suffix -> format that is written; .ogg is Vorbis."""

_SUBTYPES: Final = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS"}
_BLOCK_FRAMES: Final = 16_384
_CENTRE: Final = float(np.sqrt(0.5))
# Where each channel of a WAVE file is mixed to: left, right, both, or nowhere (low frequencies).
_STEREO: Final = {
    1: "C",
    3: "LRC",
    4: "LRLR",
    5: "LRCLR",
    6: "LRC-LR",
    7: "LRC-CLR",
    8: "LRC-LRLR",
}


@dataclass(frozen=True, slots=True)
class SoundInfo:
    """What a sound file holds."""

    name: str
    format: str  # such as "WAV, PCM_16"
    sample_rate: int  # Hz
    channels: int
    duration: float  # seconds
    size_bytes: int
    notices: tuple[str, ...]  # one sentence for each problem that was tolerated


def sound_info(path: Path, *, max_minutes: float = 240.0) -> SoundInfo:
    """Read what a file holds; it is decoded once, so that its length is true.

    Raises
    ------
    AudioDecodeError
        As in `models.audio.open_stream`.
    """
    with open_stream(path, max_minutes=max_minutes) as stream:
        frames = sum(len(block) for block in stream.blocks(_BLOCK_FRAMES))
        return SoundInfo(
            name=str(path),
            format=_format_of(path),
            sample_rate=stream.rate_hz,
            channels=stream.channels,
            duration=frames / stream.rate_hz,
            size_bytes=path.stat().st_size,
            notices=stream.notices,
        )


def _format_of(path: Path) -> str:
    """By libsndfile, else by FFmpeg where it is installed."""
    try:
        with path.open("rb") as file, soundfile.SoundFile(file) as sound:
            return f"{sound.format}, {sound.subtype}"
    except (OSError, RuntimeError):
        pass
    if importlib.util.find_spec("av") is None:
        return "unknown"
    av: Any = importlib.import_module("av")
    try:
        with av.open(str(path)) as container:
            codec = container.streams.audio[0].codec_context.name
            return f"{container.format.name}, {codec}"
    except (OSError, IndexError):  # FFmpeg's errors are OSErrors
        return "unknown"


def convert_audio(
    source: Path,
    target: Path,
    *,
    rate_hz: int | None = None,
    channels: int | None = None,
    overwrite: bool = False,
    max_minutes: float = 240.0,
) -> None:
    """Write the sound of any supported file as WAV, FLAC or Ogg Vorbis, in 16 bits, block by block.

    Parameters
    ----------
    source
        File to read.
    target
        File to write; its suffix, a key of `FORMATS`, says the format. Its folder is made.
    rate_hz
        Sample rate, 8 000 to 192 000 Hz; None keeps that of the source.
    channels
        1 or 2; None keeps those of the source. To one they are mixed as for all models, to two by their
        places in front of the listener.
    overwrite
        Whether a file that is there may be replaced.
    max_minutes
        As in `models.audio.open_stream`.

    Raises
    ------
    AudioDecodeError
        The source cannot be read.
    DataError
        The format, rate or number of channels cannot be written, the file is there already or is the source,
        or the disk refuses it.
    """
    if rate_hz is not None and not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise DataError(
            f"A sample rate of {rate_hz} Hz was asked for: give {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz."
        )
    if channels not in {None, 1, 2}:
        raise DataError(f"{channels} channels were asked for: give 1 or 2.")
    _check_target(source, target, overwrite=overwrite)
    with open_stream(source, max_minutes=max_minutes) as stream:
        blocks = _resampled(
            _mixed(stream, channels or stream.channels), stream.rate_hz, rate_hz or stream.rate_hz
        )
        with _writer(target, rate_hz or stream.rate_hz, channels or stream.channels) as file:
            for block in blocks:
                file.write(block)


def split_audio(
    source: Path,
    folder: Path,
    *,
    segment_s: float,
    overlap_s: float = 0.0,
    suffix: str = "wav",
    overwrite: bool = False,
    max_minutes: float = 240.0,
) -> tuple[Path, ...]:
    """Cut a sound into segments of equal length, `NAME_segment_000.wav` and so on, and return their paths.

    A rest shorter than half a segment is left out, unless it is all there is.

    Parameters
    ----------
    source
        File to read.
    folder
        Where the segments go; it is made.
    segment_s
        Length of a segment, at least 0.1 s.
    overlap_s
        What two neighbours share, in seconds: at least 0, less than a segment.
    suffix
        A key of `FORMATS`.
    overwrite, max_minutes
        As in `convert_audio`.

    Raises
    ------
    AudioDecodeError
        The source cannot be read.
    DataError
        A length cannot be used, a segment is there already, or the disk refuses it.
    """
    if not segment_s >= 0.1:
        raise DataError(f"Segments of {segment_s:g} s were asked for: give at least 0.1 s.")
    if not 0.0 <= overlap_s < segment_s:
        raise DataError(
            f"An overlap of {overlap_s:g} s was asked for: give 0 to less than the segment's {segment_s:g} s."
        )
    made: list[Path] = []
    with open_stream(source, max_minutes=max_minutes) as stream:
        length = max(1, round(segment_s * stream.rate_hz))
        hop = max(1, length - round(overlap_s * stream.rate_hz))
        for number, segment in enumerate(_segments(stream, length, hop)):
            target = folder / f"{source.stem}_segment_{number:03d}.{suffix}"
            _check_target(source, target, overwrite=overwrite)
            with _writer(target, stream.rate_hz, stream.channels) as file:
                for start in range(0, len(segment), _BLOCK_FRAMES):
                    file.write(segment[start : start + _BLOCK_FRAMES])
            made.append(target)
    return tuple(made)


def _segments(stream: AudioStream, length: int, hop: int) -> Iterator[Sound]:
    rest: Sound = np.zeros((0, stream.channels), dtype=np.float32)
    whole = 0
    for block in stream.blocks(length):
        rest = np.concatenate([rest, block])
        while len(rest) >= length:
            yield rest[:length]
            whole += 1
            rest = rest[hop:]
    # What the last segment shares with the rest is there already.
    new = len(rest) - (length - hop if whole else 0)
    if (not whole and new) or 2 * new >= length:
        yield rest


def _mixed(stream: AudioStream, channels: int) -> Iterator[Sound]:
    """Blocks of so many channels."""
    if channels == stream.channels:
        yield from stream.blocks(_BLOCK_FRAMES)
    elif channels == 1:
        downmix = Downmix(stream.rate_hz, stream.channels)
        for block in stream.blocks(_BLOCK_FRAMES):
            yield downmix.process(block)[:, np.newaxis]
    else:
        matrix = _stereo_matrix(stream.channels)
        for block in stream.blocks(_BLOCK_FRAMES):
            yield block @ matrix


def _stereo_matrix(channels: int) -> Sound:
    """Shares of left and right in each channel, (channels, 2); what was within full scale stays there."""
    gains = {"L": (1.0, 0.0), "R": (0.0, 1.0), "C": (_CENTRE, _CENTRE), "-": (0.0, 0.0)}
    matrix: Sound = np.array([gains[place] for place in _STEREO[channels]], dtype=np.float32)
    matrix /= matrix.sum(axis=0)
    return matrix


def _resampled(blocks: Iterator[Sound], from_hz: int, to_hz: int) -> Iterator[Sound]:
    if from_hz == to_hz:
        yield from blocks
        return
    resampler = None
    for block in blocks:
        resampler = resampler or soxr.ResampleStream(from_hz, to_hz, block.shape[1], dtype="float32")
        yield resampler.resample_chunk(block)
    if resampler is not None:
        yield resampler.resample_chunk(np.zeros((0, block.shape[1]), dtype=np.float32), last=True)


def _check_target(source: Path, target: Path, *, overwrite: bool) -> None:
    if target.suffix.lower().removeprefix(".") not in FORMATS:
        known = ", ".join(f".{suffix}" for suffix in FORMATS)
        raise DataError(f"The file {target} cannot be written: its name must end in one of {known}.")
    if target.exists() and source.exists() and target.samefile(source):
        raise DataError(f"{source} would be written over itself: name another file.")
    if target.exists() and not overwrite:
        raise DataError(f"The file {target} is there already: name another, or allow overwriting.")


@contextmanager
def _writer(target: Path, rate_hz: int, channels: int) -> Iterator[soundfile.SoundFile]:
    """A file that appears whole or not at all."""
    suffix = target.suffix.lower().removeprefix(".")
    with writing(f"The file {target}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        with replace_atomically(target) as part:
            try:
                with soundfile.SoundFile(
                    part, "w", rate_hz, channels, subtype=_SUBTYPES[suffix], format=FORMATS[suffix]
                ) as file:
                    yield file
            except soundfile.LibsndfileError as error:
                raise DataError(
                    f"The file {target} cannot be written at {rate_hz} Hz with {channels} channels "
                    f"({error}): choose another format, rate or number of channels."
                ) from error
