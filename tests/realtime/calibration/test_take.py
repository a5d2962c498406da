"""One sentence: when it is over, whether it will do, and which windows are cut from it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.calibration.take import MAX_TAKE_S, Take, check_take, is_complete, windows_of
from realtime.voice_activity import FRAME_SAMPLES

FRAMES_A_SECOND = 16_000 / FRAME_SAMPLES


def take(speech_s: float, *, amplitude: float = 0.1, silence_s: float = 1.0) -> Take:
    """Noise for speech, then silence."""
    spoken, quiet = (round(seconds * FRAMES_A_SECOND) for seconds in (speech_s, silence_s))
    noise = amplitude * np.random.default_rng(0).uniform(-1, 1, spoken * FRAME_SAMPLES)
    audio = np.concatenate([noise, np.full(quiet * FRAME_SAMPLES, 1e-5)]).astype(np.float32)
    return Take(audio, np.arange(spoken + quiet) < spoken)


def test_a_good_take_is_good() -> None:
    check = check_take(take(2.0))
    assert check.good
    assert check.speech_s == pytest.approx(2.0, abs=0.05)
    assert check.level_dbfs == pytest.approx(-24.8, abs=0.5)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (take(0.5), r"Only 0\.\d s of speech were heard, 1\.2 s are needed"),
        (take(2.0, amplitude=0.002), "too quiet"),
        (Take(np.clip(take(2.0).audio * 30, -1, 1), take(2.0).speech), "clipped"),
        (Take(np.zeros(32_000, np.float32), np.zeros(62, bool)), "Nothing but zeros"),
        (Take(np.zeros(0, np.float32), np.zeros(0, bool)), "Nothing but zeros"),
    ],
)
def test_a_bad_take_says_what_to_do(bad: Take, words: str) -> None:
    check = check_take(bad)
    assert not check.good
    assert re.search(words, check.sentence)


def test_a_take_ends_with_a_pause_after_speech_or_when_time_is_up() -> None:
    def frames(*parts: tuple[float, bool]) -> np.ndarray:
        return np.concatenate([np.full(round(s * FRAMES_A_SECOND), on) for s, on in parts])

    assert not is_complete(frames((5.0, False)))
    assert not is_complete(frames((2.0, True)))
    assert not is_complete(frames((2.0, True), (0.5, False)))
    assert is_complete(frames((2.0, True), (1.1, False)))
    assert not is_complete(frames((0.5, True), (2.0, False)))
    assert is_complete(frames((MAX_TAKE_S, True)))
    assert not is_complete(frames((0.0, True)))


@given(speech_s=st.floats(0.0, 8.0), silence_s=st.floats(0.0, 4.0))
def test_windows_are_whole_and_hold_speech(speech_s: float, silence_s: float) -> None:
    windows = windows_of(take(speech_s, silence_s=silence_s))
    assert windows.ndim == 2
    assert windows.shape[1] == 48_000
    assert len(windows) >= 1
    if speech_s > 0.1:
        assert all(np.abs(window).max() > 1e-3 for window in windows)


def test_an_offset_is_no_loudness_and_no_part_of_a_window() -> None:
    plain = take(2.0, amplitude=0.05)
    moved = Take(plain.audio + np.float32(0.3), plain.speech)
    assert check_take(moved).level_dbfs == pytest.approx(check_take(plain).level_dbfs, abs=0.2)
    np.testing.assert_allclose(windows_of(moved), windows_of(plain), atol=1e-4)
