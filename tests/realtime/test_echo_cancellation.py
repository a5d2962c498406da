"""Echo: what the program plays is found in a window and taken out; voices and other sounds stay."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.echo_cancellation import SLACK_SAMPLES, EchoReference, cancel_echo

SECONDS = 3
SAMPLES = SECONDS * 16_000


def music(seed: int = 0) -> np.ndarray:
    """Chords with noise, about as wide-band as music is; long enough for a reference."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(SAMPLES + 2 * SLACK_SAMPLES) / 16_000
    notes = np.zeros(time_s.size)
    for beat in range(12):
        inside = (time_s >= 0.4 * beat) & (time_s < 0.4 * beat + 0.4)
        for hz in rng.uniform(100, 3_000, 6):
            notes[inside] += np.sin(2 * np.pi * hz * time_s[inside] + rng.uniform(0, 6))
    return (0.03 * notes + 0.01 * rng.standard_normal(time_s.size)).astype(np.float32)


def room(seed: int = 1, rt60_s: float = 0.25) -> np.ndarray:
    rng = np.random.default_rng(seed)
    length = round(rt60_s * 16_000)
    tail = 0.05 * rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    tail[0] = 1.0
    return tail


def echo_of(reference: np.ndarray, delay: int, level: float = 0.5) -> np.ndarray:
    """What a microphone hears of it, so many samples after the window's beginning."""
    wet = np.convolve(reference, room())[: reference.size]
    begin = SLACK_SAMPLES - delay
    return (level * wet[begin : begin + SAMPLES]).astype(np.float32)


def speech(seed: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    time_s = np.arange(SAMPLES) / 16_000
    loud = np.clip(np.sin(2 * np.pi * 3.1 * time_s), 0, 1)
    voice = sum(np.sin(2 * np.pi * 140.0 * k * time_s + 0.3 * np.sin(5 * time_s)) / k for k in range(1, 20))
    return (0.05 * loud * np.asarray(voice) + 1e-4 * rng.standard_normal(SAMPLES)).astype(np.float32)


def db(part: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(part)) + 1e-15))


@pytest.mark.parametrize("delay", [-8_000, -37, 0, 1_234, 11_000])
def test_an_echo_is_taken_out_wherever_it_lies(delay: int) -> None:
    reference = music()
    heard = echo_of(reference, delay)
    assert db(cancel_echo(heard, reference)) < db(heard) - 12.0


def test_the_voice_stays() -> None:
    reference, voice = music(), speech()
    heard = echo_of(reference, 600) + voice
    left = cancel_echo(heard, reference)
    assert db(left - voice) < db(heard - voice) - 8.0
    gain = float(left @ voice / (voice @ voice))
    assert gain == pytest.approx(1.0, abs=0.1)


def test_without_an_echo_the_window_is_the_same() -> None:
    voice = speech()
    assert cancel_echo(voice, music()) is voice


def test_silence_on_either_side_does_no_harm() -> None:
    silence = np.zeros(SAMPLES, dtype=np.float32)
    assert np.isfinite(cancel_echo(silence, music())).all()
    nothing = np.zeros(SAMPLES + 2 * SLACK_SAMPLES, dtype=np.float32)
    np.testing.assert_array_equal(cancel_echo(speech(), nothing), speech())


@pytest.mark.parametrize("block", [160, 441, 4_800])
def test_what_was_fed_is_found_by_the_clock(block: int) -> None:
    played = np.concatenate([music(), music(3)])[: 6 * 16_000]
    reference, at_s = EchoReference(), 100.0
    for first in range(0, played.size - block + 1, block):
        reference.feed(played[first : first + block], 16_000, at_s + (first + block) / 16_000)
    fed = played.size // block * block
    around = reference.around(SAMPLES, at_s + fed / 16_000 - 0.7)
    assert around is not None
    assert around.size == SAMPLES + 2 * SLACK_SAMPLES
    wanted = played[fed - around.size : fed]
    place = int(np.correlate(around, wanted[8_000:-8_000]).argmax())
    assert place == pytest.approx(8_000, abs=block + 400)


def test_nothing_played_is_no_reference() -> None:
    reference = EchoReference()
    assert reference.around(SAMPLES, 10.0) is None
    reference.feed(np.zeros((480, 2), dtype=np.float32), 48_000, 10.0)
    assert reference.around(SAMPLES, 10.0) is None
    reference.feed(np.ones((480, 2), dtype=np.float32), 48_000, 10.1)
    assert reference.around(SAMPLES, 60.0) is None
