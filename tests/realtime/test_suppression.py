"""Suppression: what sounds between the words goes, the words stay."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.suppression import suppress_music

WINDOW = 48_000
TIME_S = np.arange(WINDOW) / 16_000
SPEECH = np.zeros(93, dtype=bool)
SPEECH[35:65] = True
SPOKEN = slice(36 * 512 + 384, 64 * 512 + 384)  # frames are counted from the window's end
PAUSE = slice(0, 25 * 512)


def chord(level: float = 0.02) -> np.ndarray:
    notes = sum(np.sin(2 * np.pi * hz * TIME_S) for hz in (220.0, 277.2, 329.6))
    return (level * np.asarray(notes)).astype(np.float32)


def voice(level: float = 0.3) -> np.ndarray:
    sound = np.zeros(WINDOW)
    sound[SPOKEN] = level * np.sin(2 * np.pi * 150.0 * TIME_S[SPOKEN])
    return sound.astype(np.float32)


def power(sound: np.ndarray) -> float:
    return float(np.mean(np.square(sound)))


def test_music_goes_from_the_pauses_and_from_the_words() -> None:
    cleaned = suppress_music(voice() + chord(), SPEECH)
    assert cleaned.shape == (WINDOW,)
    assert cleaned.dtype == np.float32
    assert power(cleaned[PAUSE]) < 2e-3 * power(chord()[PAUSE])
    inner = slice(SPOKEN.start + 2_000, SPOKEN.stop - 2_000)
    left, before = cleaned[inner] - voice()[inner], chord()[inner]
    assert power(left) < 0.4 * power(before)


def test_the_voice_stays() -> None:
    cleaned = suppress_music(voice() + chord(), SPEECH)
    inner = slice(SPOKEN.start + 2_000, SPOKEN.stop - 2_000)
    assert power(cleaned[inner]) == pytest.approx(power(voice()[inner]), rel=0.05)


def test_a_voice_in_silence_is_left_as_it_is() -> None:
    cleaned = suppress_music(voice(), SPEECH)
    inner = slice(SPOKEN.start, SPOKEN.stop)
    np.testing.assert_allclose(cleaned[inner], voice()[inner], atol=1e-3)


@pytest.mark.parametrize("speech", [np.zeros(93, dtype=bool), np.ones(93, dtype=bool)])
def test_without_a_pause_or_without_a_word_nothing_is_changed(speech: np.ndarray) -> None:
    sound = voice() + chord()
    np.testing.assert_array_equal(suppress_music(sound, speech), sound)


def test_digital_silence_gives_no_nan() -> None:
    assert np.isfinite(suppress_music(np.zeros(WINDOW, dtype=np.float32), SPEECH)).all()
