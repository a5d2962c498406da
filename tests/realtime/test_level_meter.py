"""The meter: known signals read as they should."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.level_meter import LevelMeter
from realtime.snapshot import SILENT_DBFS

RATE_HZ = 48_000


def tone(seconds: float, amplitude: float, channels: int = 1) -> np.ndarray:
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    wave = amplitude * np.sin(2 * np.pi * 1_000 * time_s)
    return np.repeat(wave[:, np.newaxis], channels, axis=1).astype(np.float32)


def feed(gauge: LevelMeter, block: np.ndarray) -> None:
    gauge.feed(block, np.nan_to_num(block[:, 0], nan=0.0, posinf=0.0))


def meter() -> LevelMeter:
    return LevelMeter(RATE_HZ, digital_silence_s=5.0)


@pytest.mark.parametrize("channels", [1, 2, 8])
def test_sine_at_half_scale_has_the_textbook_level(channels: int) -> None:
    gauge = meter()
    feed(gauge, tone(1.0, 0.5, channels))
    level = gauge.level()
    assert level.rms_dbfs == pytest.approx(-9.03, abs=0.05)
    assert level.peak_dbfs == pytest.approx(-6.02, abs=0.05)
    assert not level.clipping


def test_level_starts_anew_at_each_reading() -> None:
    gauge = meter()
    feed(gauge, tone(0.1, 0.5))
    gauge.level()
    feed(gauge, np.zeros((480, 1), dtype=np.float32))
    assert gauge.level().rms_dbfs == SILENT_DBFS


def test_clipping_is_held_for_a_second() -> None:
    gauge = meter()
    feed(gauge, np.ones((10, 1), dtype=np.float32))
    assert gauge.level().clipping
    feed(gauge, tone(0.9, 0.1))
    assert gauge.level().clipping
    feed(gauge, tone(0.2, 0.1))
    assert not gauge.level().clipping


def test_digital_silence_is_told_from_a_quiet_room() -> None:
    gauge = meter()
    feed(gauge, np.zeros((5 * RATE_HZ - 1, 2), dtype=np.float32))
    assert not gauge.level().digital_silence
    feed(gauge, np.zeros((1, 2), dtype=np.float32))
    assert gauge.level().digital_silence
    feed(gauge, np.full((1, 2), 1e-6, dtype=np.float32))
    assert not gauge.level().digital_silence


def test_rubbish_does_not_break_the_meter() -> None:
    gauge = meter()
    feed(gauge, np.array([[np.nan], [np.inf], [0.0]], dtype=np.float32))
    assert gauge.level().clipping
    feed(gauge, np.zeros((0, 1), dtype=np.float32))
    assert gauge.level().rms_dbfs == SILENT_DBFS


def test_level_is_of_what_is_heard_and_clipping_of_what_came_in() -> None:
    gauge = meter()
    offset = np.ones((4_800, 2), dtype=np.float32)
    gauge.feed(offset, np.zeros(1_600, dtype=np.float32))
    level = gauge.level()
    assert (level.rms_dbfs, level.peak_dbfs, level.clipping) == (SILENT_DBFS, SILENT_DBFS, True)
