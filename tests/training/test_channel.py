"""What happens to a voice on its way: levels, bands and tails that are known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from training.channel import add_noise, opus, pink_noise, reverberate, telephone

RATE_HZ = 16_000
WINDOW = 48_000


def tone(pitch_hz: float, level: float = 0.2) -> np.ndarray:
    return (level * np.sin(2 * np.pi * pitch_hz * np.arange(WINDOW) / RATE_HZ)).astype(np.float32)


def power(audio: np.ndarray) -> float:
    return float(np.mean(np.square(audio, dtype=np.float64)))


@pytest.mark.parametrize("snr_db", [20.0, 5.0])
def test_noise_has_the_asked_level_below_the_voice_and_not_below_its_pauses(snr_db: float) -> None:
    voice = tone(200.0)
    voice[: WINDOW // 2] = 0.0
    noise = pink_noise(WINDOW, np.random.default_rng(0))
    added = add_noise(voice, noise, snr_db) - voice
    assert 10 * np.log10(power(voice[WINDOW // 2 :]) / power(added)) == pytest.approx(snr_db, abs=0.1)


def test_pink_noise_has_equal_power_in_each_octave() -> None:
    spectrum = np.abs(np.fft.rfft(pink_noise(2**18, np.random.default_rng(0)))) ** 2
    frequency_hz = np.fft.rfftfreq(2**18, 1 / RATE_HZ)
    octaves = [spectrum[(frequency_hz >= low) & (frequency_hz < 2 * low)].sum() for low in (200, 800, 3200)]
    assert max(octaves) / min(octaves) < 1.1


@pytest.mark.parametrize(
    ("pitch_hz", "passes"), [(100.0, False), (1000.0, True), (3900.0, False), (6000.0, False)]
)
def test_telephone_passes_its_band_alone(pitch_hz: float, passes: bool) -> None:
    share = power(telephone(tone(pitch_hz))) / power(tone(pitch_hz))
    assert share > 0.98 if passes else share < 1e-3


def test_opus_keeps_length_and_pitch() -> None:
    coded = opus(tone(440.0))
    assert coded.shape == (WINDOW,)
    assert np.abs(np.fft.rfft(coded)).argmax() * RATE_HZ / WINDOW == pytest.approx(440.0, abs=2.0)
    assert not np.array_equal(coded, tone(440.0))


def test_room_decays_by_60_db_in_its_time() -> None:
    click = np.zeros(WINDOW, dtype=np.float32)
    click[0] = 0.5
    wet = reverberate(click, 0.8, np.random.default_rng(0)).astype(np.float64) ** 2
    tail = wet[1 : round(0.8 * RATE_HZ)]
    assert tail.sum() / wet[0] == pytest.approx(1.0, rel=0.01)
    early, late = tail[:1600].mean(), tail[4800:6400].mean()  # 0.3 s apart: 22.5 dB
    assert 10 * np.log10(early / late) == pytest.approx(22.5, abs=1.5)
    assert not wet[round(0.8 * RATE_HZ) :].max() > 1e-12
