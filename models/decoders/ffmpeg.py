"""FFmpeg decoder (extra `media`): M4A, WebM, films, and the rest of files that libsndfile breaks off."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from typing import Any, Final

from core.errors import AudioDecodeError
from models.decoders.track import (
    DecodedTrack,
    DecoderInput,
    Sound,
    damage_notice,
    no_samples_error,
    truncation_notice,
)

SUFFIXES: Final = (".aac", ".ac3", ".amr", ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp4", ".webm", ".wma")

# Containers only: a playlist or concatenation script could make FFmpeg open other files and addresses.
_OPTIONS: Final = {
    "format_whitelist": (
        "aac,ac3,aiff,amr,asf,au,caf,eac3,flac,loas,matroska,webm,mov,mp3,mpegts,ogg,tta,wav,wv"
    ),
    "protocol_whitelist": "",
}
_MAGIC: Final = (
    (0, b"OggS"),
    (0, b"\x1aE\xdf\xa3"),
    (0, b"\x30\x26\xb2\x75"),
    (0, b"\xff\xf1"),
    (0, b"\xff\xf9"),
    (0, b"#!AMR"),
    (0, b"\x0b\x77"),
    (0, b"wvpk"),
    (4, b"ftyp"),
)
_PROTECTED: Final = frozenset({"aavd", "drms", "enca"})
"""Codec tags of encrypted sound: Audible, FairPlay, Common Encryption."""
_WITHOUT_LENGTH: Final = frozenset({"aac", "ac3", "amr", "eac3", "loas", "mp3", "mpegts"})
"""Formats whose length FFmpeg guesses from the bit rate."""
_LAYOUTS: Final = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


def installed() -> bool:
    """Whether the extra is installed."""
    return importlib.util.find_spec("av") is not None


def has_known_signature(source: DecoderInput) -> bool:
    """Whether a file begins with a signature of a format that FFmpeg reads."""
    head = source.head(16)
    return any(head.startswith(magic, start) for start, magic in _MAGIC)


def open_errors() -> type[Exception]:
    """Exceptions of `open_track` and its chunks where FFmpeg cannot read a file."""
    error: type[Exception] = _av().error.FFmpegError
    return error


def open_track(
    source: DecoderInput, *, rate_hz: int | None = None, channels: int | None = None
) -> DecodedTrack:
    """Open a file.

    Parameters
    ----------
    source
        The file.
    rate_hz, channels
        To convert to; None keeps the file's own.

    Raises
    ------
    AudioDecodeError
        It has no sound track, an unknown codec, or copy protection.
    """
    container, stream = _opened(source, _OPTIONS)
    if stream.codec_context is None:
        raise AudioDecodeError(f"{source.name} holds sound in a format that FFmpeg lacks: convert it to WAV.")
    if _codec_tag(stream) in _PROTECTED:  # decoded all the same, it would be noise
        raise AudioDecodeError(
            f"{source.name} is protected against copying (DRM), so it cannot be decoded: choose a file "
            f"without protection."
        )
    decoded = _frames(source, container, stream)
    first = next(decoded, None)
    if first is None:  # as with an edit list of no length, which a broken header can hold
        container, stream = _opened(source, _OPTIONS | {"ignore_editlist": "1"})
        decoded = _frames(source, container, stream)
        first = next(decoded, None)
        source.notices.append(f"{source.name} says that it lasts 0 s: all of its sound was used.")
    if first is None:
        raise no_samples_error(source.name)
    if len(container.streams.audio) > 1:
        source.notices.append(f"{source.name} holds several tracks of sound: the first was used.")
    # The first frame has the true rate, the header of HE-AAC half of it.
    rate_hz = rate_hz or first.sample_rate
    channels = channels or first.layout.nb_channels
    layout = first.layout if first.layout.nb_channels == channels else _LAYOUTS[channels]
    length_s = _length_s(container, stream)
    frames = None if length_s is None else round(length_s * rate_hz)
    chunks = _resampled(chain([first], decoded), rate_hz, layout)
    estimated = container.format.name in _WITHOUT_LENGTH
    return DecodedTrack(rate_hz, channels, frames, chunks, estimated=estimated)


def _opened(source: DecoderInput, options: dict[str, str]) -> tuple[Any, Any]:
    """The container and its first track of sound."""
    # An open file, never a path: FFmpeg interprets names such as "http:" or "concat:".
    file = source.stack.enter_context(source.open())
    container = source.stack.enter_context(_av().open(file, options=options, metadata_errors="ignore"))
    if not container.streams.audio:
        raise AudioDecodeError(f"{source.name} has no sound track: choose a file that holds sound.")
    return container, container.streams.audio[0]


def _codec_tag(stream: Any) -> str:
    try:
        return str(stream.codec_context.codec_tag)
    except UnicodeDecodeError:  # in a broken file it may be no text
        return ""


def _av() -> Any:
    """PyAV is an extra, imported when a file first needs it."""
    return importlib.import_module("av")


def _length_s(container: Any, stream: Any) -> float | None:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / _av().time_base if container.duration else None


def _frames(source: DecoderInput, container: Any, stream: Any) -> Iterator[Any]:
    """Decode frame by frame and skip damage; raises only where nothing can be decoded."""
    errors = _av().error
    done = 0
    try:
        for packet in container.demux(stream):
            try:
                for frame in packet.decode():
                    done += frame.samples
                    yield frame
            except errors.InvalidDataError:
                source.notices.append(damage_notice(source.name))
    except errors.FFmpegError:
        if not done:
            raise
        source.notices.append(truncation_notice(source.name, done / stream.rate, None))


def _resampled(frames: Iterable[Any], rate_hz: int, layout: Any) -> Iterator[Sound]:
    """Convert to one rate and layout, which may change within a stream."""
    for _, alike in groupby(frames, lambda frame: (frame.format.name, frame.layout.name, frame.sample_rate)):
        resampler = _av().AudioResampler(format="flt", layout=layout, rate=rate_hz)
        for frame in chain(alike, [None]):  # None flushes it
            for out in resampler.resample(frame):
                if out.samples:
                    yield out.to_ndarray().reshape(out.samples, -1)
