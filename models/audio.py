"""Sound of any supported file: decoded as a stream, limited in length, cleaned, and never trusted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np

from core.errors import AudioDecodeError
from models.decoders import ffmpeg, sndfile
from models.decoders.dispatch import open_track
from models.decoders.track import DecodedTrack, DecoderInput, Sound, no_samples_error
from models.resample import MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ, SAMPLE_RATE_HZ, Audio, MonoResampler

_LOG = logging.getLogger(__name__)

SUPPORTED_SUFFIXES: Final = tuple(sorted(sndfile.SUFFIXES + ffmpeg.SUFFIXES))
"""Suffixes for a file picker. The format is decided by the content, never by the suffix."""

_BLOCK_FRAMES: Final = 8_192
_FULL_SCALE_MARGIN: Final = 2.0
_LENGTH_MARGIN: Final = 1.001  # tolerance of the allowed length: encoders add a fraction of a second


class AudioStream:
    """Sound of one file, read forward block by block; a context manager.

    Made by `open_stream`. Memory does not grow with the length of the file.
    """

    def __init__(self, decoder_input: DecoderInput, track: DecodedTrack, *, max_minutes: float) -> None:
        self.name = decoder_input.name  # the file's name, for messages
        self.rate_hz = track.rate_hz  # native sample rate, 8 000 to 192 000
        self.channels = track.channels  # native channel count, 1 to 8
        # Length by the header, in frames at `rate_hz`; None where it does not say. The true length differs
        # where the file is truncated or its header estimates.
        self.frames = track.frames
        self.position = 0  # frames delivered so far
        self.bad_samples = 0  # NaN and infinite samples that were replaced by 0 so far
        self._max_minutes = max_minutes
        self._stack = decoder_input.stack
        self._decoder_notices = decoder_input.notices
        self._peak = 0.0
        self._resampler: MonoResampler | None = None
        _check_shape(self.name, self.rate_hz, self.channels)
        self._chunks = self._bounded(track.chunks)
        if self.frames is not None:
            self._check_length(self.frames)
        # Read ahead, so that a file which cannot be decoded is known when it is opened.
        first = next(self._chunks, None)
        if first is None:
            raise no_samples_error(self.name)
        self._rest: Sound = first

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. May be called more than once; nothing is delivered afterwards."""
        self._chunks = iter(())
        self._rest = self._rest[:0]
        self._stack.close()

    @property
    def duration_s(self) -> float | None:
        """Length by the header, in seconds; None where it does not say."""
        return None if self.frames is None else self.frames / self.rate_hz

    def resampler(self) -> MonoResampler:
        """Make a resampler for this stream; what it does about the channels is among the notices."""
        self._resampler = MonoResampler(self.rate_hz, self.channels)
        return self._resampler

    @property
    def notices(self) -> tuple[str, ...]:
        """One sentence for each problem that was tolerated; complete once all is read."""
        notices = list(dict.fromkeys(self._decoder_notices))
        if self.bad_samples:
            notices.append(
                f"{self.name} holds {self.bad_samples} samples that are not numbers (NaN or infinite): "
                f"they were made silent; export the file anew if it sounds wrong."
            )
        if self._peak > _FULL_SCALE_MARGIN:
            notices.append(
                f"{self.name} is not scaled to full scale (its peak is {self._peak:.6g}, 1 is full scale): "
                f"it was clipped; export it as 16-bit, or as floats within -1 to 1."
            )
        if self._resampler is not None and self._resampler.notice:
            notices.append(f"{self.name}: {self._resampler.notice}")
        return tuple(notices)

    def blocks(self, frames: int) -> Iterator[Sound]:
        """Go on reading, `frames` at a time.

        Parameters
        ----------
        frames
            Length of a block, at least 1; only the last one may be shorter.

        Yields
        ------
        block
            float32, shape (frames, channels), finite, range [-1, 1]; the caller may keep it.

        Raises
        ------
        AudioDecodeError
            The file turns out longer than allowed, or unreadable from some point on.
        """
        if frames < 1:
            raise ValueError(f"A block must hold at least 1 frame, not {frames}.")
        while len(block := self._take(frames)):
            self.position += len(block)
            yield block

    def _take(self, frames: int) -> Sound:
        parts = [self._rest[:frames]]
        self._rest = self._rest[frames:]
        missing = frames - len(parts[0])
        while missing and (chunk := next(self._chunks, None)) is not None:
            parts.append(chunk[:missing])
            self._rest = chunk[missing:]
            missing -= len(parts[-1])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _bounded(self, chunks: Iterator[Sound]) -> Iterator[Sound]:
        """Clean each chunk, and stop where the file is longer than its header says and than is allowed."""
        decoded = 0
        for chunk in chunks:
            decoded += len(chunk)
            self._check_length(decoded, at_least="at least ")
            if len(chunk):
                yield self._clean(chunk)

    def _clean(self, chunk: Sound) -> Sound:
        finite = np.isfinite(chunk)
        if not finite.all():
            self.bad_samples += int(chunk.size - np.count_nonzero(finite))
            chunk = np.where(finite, chunk, np.float32(0.0))
        # Lossy codecs overshoot full scale a little: only far more is worth a notice.
        self._peak = max(self._peak, float(np.abs(chunk).max()))
        return np.clip(chunk, -1.0, 1.0)

    def _check_length(self, frames: int, *, at_least: str = "") -> None:
        minutes = frames / self.rate_hz / 60.0
        if minutes > self._max_minutes * _LENGTH_MARGIN:
            raise AudioDecodeError(
                f"{self.name} lasts {at_least}{minutes:.1f} minutes, more than the {self._max_minutes:g} "
                f"allowed: cut it, or raise the setting max_file_minutes."
            )


def open_stream(source: Path | bytes, *, max_minutes: float = 240.0, name: str = "") -> AudioStream:
    """Open a file, or the bytes of one, to read its sound block by block in a `with` statement.

    libsndfile decodes; FFmpeg (extra `media`) takes over where it cannot, or breaks off. The format is
    decided by the content. Header and first chunk are checked here.

    Parameters
    ----------
    source
        The file, or its content, which is then parsed in memory.
    max_minutes
        Longest allowed sound, in minutes; checked against the header, and again while decoding.
    name
        For messages; empty takes the file's name, or "The upload".

    Raises
    ------
    AudioDecodeError
        The file is missing, a folder, unreadable, empty, without samples, no sound, damaged from the start,
        too long, of more than 8 channels, or of a rate below 8 000 Hz (too little of a voice) or above 192
        000 Hz.

    Examples
    --------
    >>> with open_stream(Path("speech.wav")) as stream:
    ...     for block in stream.blocks(1024):  # (1024, channels)
    ...         sink.write(block)
    """
    if not name:
        name = "The upload" if isinstance(source, bytes) else source.name or str(source)
    decoder_input = DecoderInput(content=source, name=name, stack=ExitStack(), notices=[])
    try:
        return AudioStream(decoder_input, open_track(decoder_input), max_minutes=max_minutes)
    except BaseException:
        decoder_input.stack.close()
        raise


def decode(source: Path | bytes, *, max_minutes: float = 240.0, name: str = "") -> Audio:
    """Decode a whole file to audio, with the same samples as the live path.

    Parameters
    ----------
    source, max_minutes, name
        As in `open_stream`.

    Returns
    -------
    audio
        Mono float32, shape (samples,), 16 000 Hz. Tolerated problems (NaN, truncation) are logged as
        warnings.

    Raises
    ------
    AudioDecodeError
        As in `open_stream`, and where the file turns out too long while it is read.
    """
    with open_stream(source, max_minutes=max_minutes, name=name) as stream:
        resampler = stream.resampler()
        # Filled in place: joining a list of parts would need twice the memory.
        audio: Audio = np.empty(int((stream.duration_s or 60.0) * SAMPLE_RATE_HZ) + 1, dtype=np.float32)
        filled = 0
        for block in stream.blocks(_BLOCK_FRAMES):
            audio, filled = _append(audio, filled, resampler.process(block))
        audio, filled = _append(audio, filled, resampler.finish())
        for notice in stream.notices:
            _LOG.warning("%s", notice)
    if not filled:
        raise AudioDecodeError(f"{stream.name} holds too little sound to use: choose a longer one.")
    return audio[:filled]


def _append(audio: Audio, filled: int, part: Audio) -> tuple[Audio, int]:
    end = filled + len(part)
    if end > len(audio):
        audio = np.concatenate([audio[:filled], np.empty(max(end, len(audio)), dtype=np.float32)])
    audio[filled:end] = part
    return audio, end


def _check_shape(name: str, rate_hz: int, channels: int) -> None:
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise AudioDecodeError(
            f"{name} has a sample rate of {rate_hz} Hz: convert it to a rate from "
            f"{MIN_RATE_HZ} to {MAX_RATE_HZ} Hz."
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioDecodeError(f"{name} has {channels} channels: mix it down to at most {MAX_CHANNELS}.")
