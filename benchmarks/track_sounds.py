"""Sound whose tempo or key is known: pulses, drums, and progressions of chords, made by arithmetic."""

from __future__ import annotations

from enum import StrEnum
from itertools import cycle
from typing import Final

import numpy as np
import numpy.typing as npt

from models.resample import SAMPLE_RATE_HZ, Audio

Samples = npt.NDArray[np.float64]  # shape (samples,)

BEATS_PER_BAR: Final = 4


class Hit(StrEnum):
    """What a drummer hits."""

    KICK = "kick"
    SNARE = "snare"
    HAT = "hat"


class Drums(StrEnum):
    """How a drummer fills a bar of four: kick on the first and third beat, snare on the others."""

    ROCK = "rock"  # hi-hat on eighths
    SLOW_HATS = "slow-hats"  # hi-hat on quarters
    SIXTEENTHS = "sixteenths"  # hi-hat on sixteenths
    FOUR_ON_THE_FLOOR = "four-on-the-floor"  # kick on every beat, hi-hat between them
    SYNCOPATED = "syncopated"  # a kick more, before the third beat


_HATS: Final = {
    Drums.ROCK: (0.0, 0.5),
    Drums.SLOW_HATS: (0.0,),
    Drums.SIXTEENTHS: (0.0, 0.25, 0.5, 0.75),
    Drums.FOUR_ON_THE_FLOOR: (0.5,),
    Drums.SYNCOPATED: (0.0, 0.5),
}


def hits(drums: Drums, place: int) -> list[tuple[float, Hit]]:
    """What is hit in one beat of a bar, 0 to 3, and when, in beats."""
    played = [(offset, Hit.HAT) for offset in _HATS[drums]]
    if place % 2 == 0 or drums is Drums.FOUR_ON_THE_FLOOR:
        played.append((0.0, Hit.KICK))
    if place % 2 == 1:
        played.append((0.0, Hit.SNARE))
    if place == 1 and drums is Drums.SYNCOPATED:
        played.append((0.5, Hit.KICK))
    return played


def pulse_track(bpm: float, seconds: float, *, seed: int = 0) -> Audio:
    """A click on every beat, the first after 0.2 s, over faint noise."""
    dice = np.random.default_rng(seed)
    sound = 1e-4 * dice.standard_normal(round(seconds * SAMPLE_RATE_HZ))
    for start_s in beat_times(bpm, seconds):
        _add(sound, start_s, 0.7 * _tone(1_500.0, 0.04) * _decay(0.04, 0.008))
    return sound.astype(np.float32)


def drum_track(bpm: float, seconds: float, *, drums: Drums = Drums.ROCK, seed: int = 0) -> Audio:
    """Kick, snare and hi-hat, played with small errors of time (4 ms) and of strength."""
    dice = np.random.default_rng(seed)
    sound = 1e-4 * dice.standard_normal(round(seconds * SAMPLE_RATE_HZ))
    beat_s = 60.0 / bpm
    for place, start_s in zip(cycle(range(BEATS_PER_BAR)), beat_times(bpm, seconds), strict=False):
        for offset, hit in hits(drums, place):
            late_s = float(dice.normal(0.0, 0.004))
            _add(sound, start_s + offset * beat_s + late_s, dice.uniform(0.7, 1.0) * _drum(hit, dice))
    return np.clip(0.6 * sound, -1.0, 1.0).astype(np.float32)


def beat_times(bpm: float, seconds: float) -> Samples:
    """When the beats of both kinds of track are, seconds."""
    return np.arange(0.2, seconds - 0.2, 60.0 / bpm)


def chord_progression(tonic: int, *, minor: bool, seconds: float, seed: int = 0) -> Audio:
    """Chords, a bass and a melody of one key.

    Parameters
    ----------
    tonic
        Pitch class, 0 for C to 11 for B.
    minor
        Which mode: I vi IV V in major, i VI iv v with the raised leading tone in minor.
    seconds
        How long; a chord lasts 1.2 s.
    seed
        Draws the melody.
    """
    dice = np.random.default_rng(seed)
    chords = (
        ((0, 3, 7), (8, 12, 15), (5, 8, 12), (7, 11, 14))
        if minor
        else ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))
    )
    sound = np.zeros(round(seconds * SAMPLE_RATE_HZ))
    for start_s, chord in zip(np.arange(0.0, seconds, 1.2), cycle(chords), strict=False):
        _add(sound, start_s, 0.15 * _note(36 + tonic + chord[0], 1.2))
        for step in chord:
            _add(sound, start_s, 0.08 * _note(48 + tonic + step, 1.2))
        for half in range(2):
            step = int(dice.choice(chord))
            _add(sound, start_s + 0.6 * half, 0.1 * _note(60 + tonic + step, 0.6))
    return np.clip(sound, -1.0, 1.0).astype(np.float32)


def _add(sound: Samples, start_s: float, hit: Samples) -> None:
    first = max(0, round(start_s * SAMPLE_RATE_HZ))
    room = sound[first : first + len(hit)]
    room += hit[: len(room)]


def _times(seconds: float) -> Samples:
    return np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ


def _tone(pitch_hz: float, seconds: float) -> Samples:
    return np.sin(2.0 * np.pi * pitch_hz * _times(seconds))


def _decay(seconds: float, constant_s: float) -> Samples:
    return np.exp(-_times(seconds) / constant_s)


def _drum(hit: Hit, dice: np.random.Generator) -> Samples:
    match hit:
        case Hit.KICK:
            falling_hz = 50.0 + 100.0 * _decay(0.2, 0.02)
            return np.sin(2.0 * np.pi * np.cumsum(falling_hz) / SAMPLE_RATE_HZ) * _decay(0.2, 0.06)
        case Hit.SNARE:
            noise = dice.standard_normal(round(0.15 * SAMPLE_RATE_HZ))
            return (0.25 * noise + 0.4 * _tone(190.0, 0.15)) * _decay(0.15, 0.04)
        case Hit.HAT:
            noise = dice.standard_normal(round(0.05 * SAMPLE_RATE_HZ) + 1)
            return 0.08 * np.diff(noise) * _decay(0.05, 0.015)


def _note(midi: int, seconds: float) -> Samples:
    pitch_hz = 440.0 * 2.0 ** ((midi - 69) / 12.0)
    harmonics = sum(_tone(order * pitch_hz, seconds) / order**1.5 for order in range(1, 6))
    attack = np.minimum(1.0, _times(seconds) / 0.01)
    return np.asarray(harmonics) * attack * _decay(seconds, 0.6)
