"""Mixtures for the separator: voices in rooms, with songs over or under them, and each alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.emotion.recogniser import WINDOW_SAMPLES
from models.resample import Audio
from training.channel import add_noise, pink_noise, reverberate, sounding_rms
from training.data.cache import Clip, SpeechCache
from training.emotion.effects import place


@dataclass(frozen=True)
class MixtureSettings:
    """Settings of the mixtures; shares are of windows, [0, 1]."""

    under_db: tuple[float, float] = (-2.0, 22.0)  # range of the level of the song under the voice, dB
    # Share of windows without a song, and without a voice.
    alone_share: float = 0.1
    music_share: float = 0.1
    two_songs_share: float = 0.15  # share of the songs with another one beside
    # Share of the voices in a room, and the range of its reverberation time, seconds.
    room_share: float = 0.3
    rt60_s: tuple[float, float] = (0.15, 0.6)
    # Share with a quiet noise that belongs to the voice's room, and its level under the voice, dB.
    noise_share: float = 0.4
    noise_db: tuple[float, float] = (20.0, 50.0)
    fastest: float = 1.25  # songs are played up to so many times as fast, or as slow
    tilt_db: float = 9.0  # largest change of a song's treble against its bass
    # Share of the voices that may run over the window's edge, and the seconds that stay inside.
    edge_share: float = 0.4
    keep_s: float = 1.0


@dataclass(frozen=True)
class Mixtures:
    """Some windows."""

    mixture: Audio  # voice and song together, float32, ``(n, 48000)``
    voice: Audio  # the voice alone, as it is within, ``(n, 48000)``; silence where there is none


def mixtures(
    rng: np.random.Generator,
    cache: SpeechCache,
    clips: Sequence[Clip],
    songs: Sequence[Audio],
    count: int,
    settings: MixtureSettings,
) -> Mixtures:
    """Windows drawn by chance from voices and songs (float32 at 16 kHz, each longer than a window)."""
    mixed = np.empty((count, WINDOW_SAMPLES), dtype=np.float32)
    voices = np.zeros((count, WINDOW_SAMPLES), dtype=np.float32)
    for row in range(count):
        chance = rng.random()
        clip = clips[int(rng.integers(len(clips)))]
        if chance >= settings.music_share:
            voices[row] = _voice(rng, cache.audio(clip), clip.active, settings)
        song = _song(rng, songs, settings)
        if rng.random() < settings.two_songs_share:
            song += 10.0 ** (-rng.uniform(0.0, 12.0) / 20.0) * _song(rng, songs, settings)
        under = 10.0 ** (-rng.uniform(*settings.under_db) / 20.0)
        if settings.music_share <= chance < settings.music_share + settings.alone_share:
            under = 0.0
        level = sounding_rms(voices[row]) if voices[row].any() else 0.05
        mixed[row] = voices[row] + np.float32(under * level / sounding_rms(song)) * song
        peak = float(np.abs(mixed[row]).max(initial=1e-6))
        gain = np.float32(rng.uniform(0.05, 1.0) / peak)
        mixed[row] *= gain
        voices[row] *= gain
    return Mixtures(mixed, voices)


def _voice(
    rng: np.random.Generator, audio: Audio, active: tuple[int, int], settings: MixtureSettings
) -> Audio:
    window = place(
        rng,
        audio / max(float(np.abs(audio).max(initial=0.0)), 1e-6),
        active,
        WINDOW_SAMPLES,
        over_edge=bool(rng.random() < settings.edge_share),
        keep=round(settings.keep_s * 16_000),
    )
    if rng.random() < settings.room_share:
        window = reverberate(window, float(rng.uniform(*settings.rt60_s)), rng)
    if rng.random() < settings.noise_share:
        window = add_noise(window, pink_noise(window.size, rng), float(rng.uniform(*settings.noise_db)))
    return window


def _song(rng: np.random.Generator, songs: Sequence[Audio], settings: MixtureSettings) -> Audio:
    """A stretch of a song, faster or slower, brighter or darker."""
    song = songs[int(rng.integers(len(songs)))]
    speed = float(settings.fastest ** rng.uniform(-1.0, 1.0))
    length = int(WINDOW_SAMPLES * speed) + 2
    first = int(rng.integers(max(1, song.size - length)))
    cut = np.resize(song[first : first + length], length)
    played = np.interp(np.arange(WINDOW_SAMPLES) * speed, np.arange(length), cut)
    slope = rng.uniform(-1.0, 1.0) * settings.tilt_db / 20.0
    spectrum = np.fft.rfft(played)
    spectrum *= 10.0 ** (slope * np.linspace(-1.0, 1.0, spectrum.size))
    tilted: Audio = np.fft.irfft(spectrum, WINDOW_SAMPLES).astype(np.float32)
    return tilted
