"""Downmix: the plain mean for ordinary sound, and the voice where channels cancel, are dead or only hiss."""

from __future__ import annotations

import numpy as np
import pytest

from models.downmix import Downmix
from models.resample import MonoResampler
from tests.realtime.sources import voice

RATE_HZ = 16_000


def speech(seconds: float = 4.0) -> np.ndarray:
    """A voice with a pause in the middle, shape (samples,)."""
    sound = voice(seconds)[:, 0]
    third = len(sound) // 3
    sound[third : third + RATE_HZ // 2] = 0.0
    return sound


def stereo(*channels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.stack(channels, axis=1).astype(np.float32))


def mix(sound: np.ndarray, block: int = 320, rate_hz: int = RATE_HZ) -> tuple[np.ndarray, str]:
    downmix = Downmix(rate_hz, sound.shape[1])
    parts = [downmix.process(sound[start : start + block]) for start in range(0, len(sound), block)]
    return np.concatenate(parts), downmix.notice


def level_db(sound: np.ndarray) -> float:
    return 20.0 * float(np.log10(sound.std() + 1e-9))


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(samples)


V = speech()
N = noise(len(V))
Z = np.zeros(len(V))
SPECTRUM = np.fft.rfft(V)

ORDINARY = {
    "both alike": stereo(V, V),
    "panned": stereo(V, 0.4 * V),
    "noise of its own in each": stereo(V + 0.002 * N, V + 0.002 * noise(len(V), 1)),
    "unrelated voices": stereo(V, np.roll(V, 20_000)),
    "late by 20 ms": stereo(V, np.roll(V, 320)),
    "a quarter turn": stereo(V, np.fft.irfft(1j * SPECTRUM, len(V))),
    "silence": stereo(Z, Z),
    "steady in both": stereo(0.1 * N, 0.1 * noise(len(V), 1)),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_stereo_gets_the_mean_to_the_bit(name: str) -> None:
    sound = ORDINARY[name]
    mixed, notice = mix(sound)
    np.testing.assert_array_equal(mixed, (sound[:, 0] + sound[:, 1]) / np.float32(2))
    assert notice == ""


CANCELLING = {
    "inverted": stereo(V, -V),
    "inverted and very quiet": stereo(0.007 * V, -0.007 * V),
    "inverted and quieter": stereo(V, -0.6 * V),
    "inverted, with noise of its own in each": stereo(V + 0.003 * N, -0.9 * V + 0.003 * noise(len(V), 1)),
    "inverted and late by 0.2 ms": stereo(V, -np.roll(V, 3)),
    "three eighths of a turn": stereo(V, np.fft.irfft(np.exp(2.4j) * SPECTRUM, len(V))),
    "two of four inverted": stereo(V, -V, V, -V),
    "inverted in front, nothing behind": stereo(V, -V, Z, Z),
}


@pytest.mark.parametrize("name", CANCELLING)
def test_channels_that_cancel_leave_the_loudest(name: str) -> None:
    sound = CANCELLING[name]
    mixed, notice = mix(sound)
    np.testing.assert_array_equal(mixed[RATE_HZ // 2 :], sound[RATE_HZ // 2 :, 0])
    assert level_db(mixed[: RATE_HZ // 2]) == pytest.approx(level_db(sound[: RATE_HZ // 2, 0]), abs=5.0)
    assert "cancel each other out" in notice


LEFT_OUT = {
    "a dead channel": stereo(V, Z),
    "the first is dead": stereo(Z, V),
    "a channel that is only an offset": stereo(V, Z + 0.3),
    "a channel of faint noise": stereo(V, 1e-4 * N),
    "5.1 with the voice in the centre": stereo(Z, Z, V, Z, Z, Z),
    "one microphone of eight inputs": stereo(V, *(1e-5 * noise(len(V), seed) for seed in range(7))),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_dead_channels_do_not_weaken_the_voice(name: str) -> None:
    sound = LEFT_OUT[name]
    mixed, notice = mix(sound)
    assert level_db(mixed[2 * RATE_HZ :]) == pytest.approx(level_db(V[2 * RATE_HZ :]), abs=0.1)
    assert notice == ""


@pytest.mark.parametrize("hiss", [0.03, 0.3])
def test_a_channel_of_steady_noise_beside_a_voice_is_left_out(hiss: float) -> None:
    mixed, notice = mix(stereo(V, hiss * N))
    np.testing.assert_array_equal(mixed[-RATE_HZ:], stereo(V)[-RATE_HZ:, 0])
    assert "steady noise" in notice


def test_a_channel_that_wakes_up_is_heard_at_once() -> None:
    mixed, _ = mix(stereo(np.concatenate([V, Z]), np.concatenate([Z, V])))
    awake = slice(len(V) + RATE_HZ // 10, len(V) + RATE_HZ)
    assert level_db(mixed[awake]) > level_db(V[: RATE_HZ - RATE_HZ // 10]) - 7.0


def test_a_pause_with_unrelated_noise_does_not_end_the_choice() -> None:
    pause = 0.001 * noise(3 * RATE_HZ), 0.001 * noise(3 * RATE_HZ, 1)
    sound = stereo(np.concatenate([V, pause[0], V]), np.concatenate([-V, pause[1], -V]))
    mixed, _ = mix(sound)
    np.testing.assert_array_equal(mixed[RATE_HZ:], sound[RATE_HZ:, 0])


def test_what_adds_up_again_is_mixed_again() -> None:
    sound = stereo(np.concatenate([V, V]), np.concatenate([-V, 0.8 * V]))
    mixed, _ = mix(sound)
    np.testing.assert_array_equal(mixed[-RATE_HZ:], sound[-RATE_HZ:].mean(axis=1))


@pytest.mark.parametrize("block", [7, 799, 800, 801, 30_000, 10**6])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 192_000])
def test_block_size_does_not_change_a_bit(block: int, rate_hz: int) -> None:
    sound = stereo(np.concatenate([V, V, Z, V]), np.concatenate([-V, V, 0.1 * N, Z]))[: 4 * RATE_HZ : 2]
    np.testing.assert_array_equal(mix(sound, block, rate_hz)[0], mix(sound, 333, rate_hz)[0])


def test_a_while_that_cancels_is_no_fault_of_the_channels() -> None:
    wide = stereo(np.concatenate([V, V, V]), np.concatenate([-V, V, V]))
    mixed, notice = mix(wide)
    assert level_db(mixed[: len(V)]) > -30.0
    assert notice == ""


def test_the_choice_survives_a_gap() -> None:
    resampler = MonoResampler(RATE_HZ, 2)
    sound = stereo(V, -V)
    resampler.process(sound)
    resampler.finish()
    np.testing.assert_array_equal(resampler.process(sound), sound[:, 0])
