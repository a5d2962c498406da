"""FFmpeg, through the extra `media`: M4A, WebM, films, and what libsndfile breaks off."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from typing import Any, Final

from core.errors import AudioDecodeError
from models.decoders.track import Input, Sound, Track, broken_off, empty

__all__ = ["INSTALL", "SUFFIXES", "installed", "looks_familiar", "open_track", "refusals"]

SUFFIXES: Final = (".aac", ".ac3", ".amr", ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp4", ".webm", ".wma")
INSTALL: Final = "pip install -e '.[media]'"

# A playlist or concatenation script could make FFmpeg open other files and addresses: containers only.
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
"""What stands in the codec's place where the sound is scrambled: Audible, FairPlay, Common Encryption."""
_LAYOUTS: Final = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


def installed() -> bool:
    """Whether the extra is there."""
    return importlib.util.find_spec("av") is not None


def looks_familiar(given: Input) -> bool:
    """Whether a file begins like one that FFmpeg can read, as far as that is known without it."""
    head = given.head(16)
    return any(head.startswith(magic, start) for start, magic in _MAGIC)


def refusals() -> type[Exception]:
    """What `open_track` and its chunks raise where FFmpeg cannot read a file."""
    error: type[Exception] = _av().error.FFmpegError
    return error


def open_track(given: Input, *, rate_hz: int | None = None, channels: int | None = None) -> Track:
    """Open a file; `rate_hz` and `channels` are kept as they come unless given."""
    # An open file, never a path: FFmpeg takes names such as "http:" or "concat:" for orders.
    file = given.stack.enter_context(given.open())
    container = given.stack.enter_context(_av().open(file, options=_OPTIONS, metadata_errors="ignore"))
    if not container.streams.audio:
        raise AudioDecodeError(f"{given.name} has no sound track: choose a file that holds sound.")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise AudioDecodeError(f"{given.name} holds sound in a format that FFmpeg lacks: convert it to WAV.")
    if stream.codec_context.codec_tag in _PROTECTED:  # decoded all the same, it would be noise
        raise AudioDecodeError(
            f"{given.name} is protected against copying (DRM), so it cannot be decoded: choose a file "
            f"without protection."
        )
    decoded = _frames(given, container, stream)
    first = next(decoded, None)
    if first is None:
        raise empty(given.name)
    # The first frame knows the true rate, the header not always: that of HE-AAC has half of it.
    rate_hz = rate_hz or first.sample_rate
    channels = channels or first.layout.nb_channels
    layout = first.layout if first.layout.nb_channels == channels else _LAYOUTS[channels]
    length_s = _length_s(container, stream)
    frames = None if length_s is None else round(length_s * rate_hz)
    return Track(rate_hz, channels, frames, _resampled(chain([first], decoded), rate_hz, layout))


def _av() -> Any:
    """PyAV, an extra: imported when a file first needs it."""
    return importlib.import_module("av")


def _length_s(container: Any, stream: Any) -> float | None:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / _av().time_base if container.duration else None


def _frames(given: Input, container: Any, stream: Any) -> Iterator[Any]:
    """Decode frame by frame, over what is damaged; raise only where nothing at all can be decoded."""
    errors = _av().error
    done = 0
    try:
        for packet in container.demux(stream):
            try:
                for frame in packet.decode():
                    done += frame.samples
                    yield frame
            except errors.InvalidDataError:
                given.damage.append(
                    f"{given.name} is damaged in places, which were left out: get a fresh copy."
                )
    except errors.FFmpegError:
        if not done:
            raise
        given.damage.append(broken_off(given.name, done, stream.rate, None))


def _resampled(frames: Iterable[Any], rate_hz: int, layout: Any) -> Iterator[Sound]:
    """Convert to one rate and layout: a stream may change on the way."""
    for _, alike in groupby(frames, lambda frame: (frame.format.name, frame.layout.name, frame.sample_rate)):
        resampler = _av().AudioResampler(format="flt", layout=layout, rate=rate_hz)
        for frame in chain(alike, [None]):  # None has it give what it still holds
            for out in resampler.resample(frame):
                if out.samples:
                    yield out.to_ndarray().reshape(out.samples, -1)
