"""Loudness in LUFS, beside what FFmpeg measures of the same sound."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.resample import SAMPLE_RATE_HZ
from models.track.loudness import integrated_loudness


def sine(pitch_hz: float, peak: float, seconds: float) -> np.ndarray:
    time_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (peak * np.sin(2 * np.pi * pitch_hz * time_s)).astype(np.float32)


def noise(seconds: float) -> np.ndarray:
    return (0.05 * np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE_HZ))).astype(
        np.float32
    )


# ffmpeg -i sound.wav -af ebur128=dualmono=true -f null - : it gives one digit, in steps of 0.1.
FFMPEG_LUFS = {
    "the standard's own tone": (sine(997.0, 0.1, 20.0), -20.0),
    "a low hum": (sine(50.0, 0.3, 20.0), -15.0),
    "a high tone": (sine(6_000.0, 0.1, 20.0), -16.6),
    "white noise": (noise(20.0), -20.2),
    "seconds that are no multiple of a block": (sine(440.0, 0.1, 7.35), -20.6),
    "a quiet half, which is gated": (
        np.concatenate((sine(997.0, 0.1, 10.0), sine(997.0, 0.001, 10.0))),
        -20.0,
    ),
}


@pytest.mark.parametrize("name", FFMPEG_LUFS)
def test_loudness_is_that_of_ffmpeg(name: str) -> None:
    audio, lufs = FFMPEG_LUFS[name]
    assert integrated_loudness(audio) == pytest.approx(lufs, abs=0.15)


def test_loudness_is_that_of_the_filter_in_ffmpeg_s_library() -> None:
    av = pytest.importorskip("av")
    dice = np.random.default_rng(1)
    swelling = np.repeat(dice.uniform(0.001, 0.3, size=48), SAMPLE_RATE_HZ // 4)
    audio = (swelling * dice.standard_normal(len(swelling))).astype(np.float32)
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=SAMPLE_RATE_HZ, format="flt", layout="mono", time_base=None)
    meter = graph.add("ebur128", "dualmono=true:metadata=1")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(audio[np.newaxis], format="flt", layout="mono")
    frame.sample_rate = SAMPLE_RATE_HZ
    graph.push(frame)
    graph.push(None)
    last = math.nan
    while True:
        try:
            last = float(graph.pull().metadata.get("lavfi.r128.I", last))
        except (av.error.EOFError, av.error.BlockingIOError):
            break
    assert integrated_loudness(audio) == pytest.approx(last, abs=0.15)


def test_ten_times_the_amplitude_is_twenty_units_more() -> None:
    quiet = sine(700.0, 0.05, 25.0)  # longer than what is filtered at once
    assert integrated_loudness(10 * quiet) == pytest.approx(integrated_loudness(quiet) + 20.0, abs=1e-3)


def test_parts_are_joined_without_a_seam() -> None:
    tone = sine(997.0, 0.1, 31.0)
    assert integrated_loudness(tone) == pytest.approx(
        integrated_loudness(tone[: 5 * SAMPLE_RATE_HZ]), abs=1e-3
    )


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros(0, dtype=np.float32),
        np.zeros(60_000, dtype=np.float32),
        sine(997.0, 0.1, 0.39),
        sine(997.0, 1e-4, 5.0),
    ],
    ids=["nothing", "silence", "less than a block", "below the gate"],
)
def test_what_cannot_be_heard_has_no_loudness(audio: np.ndarray) -> None:
    assert integrated_loudness(audio) is None
