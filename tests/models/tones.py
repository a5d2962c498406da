"""Synthetic sound for tests of decoding: tones of known pitch and level, in any format."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.audio import open_stream
from models.resample import SAMPLE_RATE_HZ

PITCH_HZ = 440.0
PEAK = 0.5


def sine(*, rate_hz: int, duration_s: float = 1.0, channels: int = 1) -> np.ndarray:
    """A tone of known pitch and level, the same in every channel: shape (frames, channels)."""
    time_s = np.arange(round(rate_hz * duration_s)) / rate_hz
    tone = PEAK * np.sin(2 * np.pi * PITCH_HZ * time_s)
    return np.repeat(tone[:, np.newaxis], channels, axis=1).astype(np.float32)


def encoded(sound: np.ndarray, rate_hz: int, *, format: str = "WAV", subtype: str | None = None) -> bytes:  # noqa: A002
    """The bytes of a file in a format that libsndfile writes."""
    file = io.BytesIO()
    soundfile.write(file, sound, rate_hz, format=format, subtype=subtype)
    return file.getvalue()


def av_encoded(
    sound: np.ndarray,
    rate_hz: int,
    path: Path,
    codec: str,
    options: dict[str, str] | None = None,
    *,
    quality: int | None = None,
) -> Path:
    """A file in a format that only FFmpeg writes; with `quality`, of a bit rate that changes."""
    av = pytest.importorskip("av")
    layout = {1: "mono", 2: "stereo"}[sound.shape[1]]
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        if quality is not None:
            stream.codec_context.flags |= av.codec.context.Flags.qscale
            stream.codec_context.global_quality = 118 * quality  # FF_QP2LAMBDA
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound.reshape(1, -1)), format="flt", layout=layout
        )
        frame.sample_rate = rate_hz
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=rate_hz)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def read_all(source: Path | bytes, *, frames: int = 1_000) -> np.ndarray:
    with open_stream(source) as stream:
        return np.concatenate(list(stream.blocks(frames)))


def assert_is_the_tone(audio: np.ndarray, *, duration_s: float = 1.0, level_db: float = 0.2) -> None:
    """Pitch within 1 Hz, level within `level_db`, length within 90 ms (lossy codecs pad)."""
    assert audio.dtype == np.float32
    assert audio.ndim == 1
    assert len(audio) == pytest.approx(duration_s * SAMPLE_RATE_HZ, abs=0.09 * SAMPLE_RATE_HZ)
    middle = audio[2_000 : int(duration_s * SAMPLE_RATE_HZ) - 2_000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), n=1 << 18))
    assert spectrum.argmax() * SAMPLE_RATE_HZ / (1 << 18) == pytest.approx(PITCH_HZ, abs=1.0)
    level = 20 * np.log10(np.sqrt(np.mean(middle.astype(np.float64) ** 2)) / (PEAK / np.sqrt(2)))
    assert level == pytest.approx(0.0, abs=level_db)
