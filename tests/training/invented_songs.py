"""Short synthetic songs whose genre, mood, tempo and key are known, as sound files and a table of labels."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16_000
GENRES = ("ambient", "house", "rock")
MOODS = ("happy", "sad")
TONICS = ("C", "D", "E", "F", "G", "A")
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9}
_STEPS = {"happy": (0, 5, 7, 0), "sad": (0, 8, 3, 10)}  # roots of the chords
_THIRD = {"happy": 4, "sad": 3}


def write_songs(folder: Path, count: int, *, seconds: float = 6.0) -> Path:
    """Write ``song_000.wav`` and so on into a folder, and their table of labels beside it."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    rows = []
    for number in range(count):
        genre, mood = GENRES[number % 3], MOODS[number // 3 % 2]
        tonic, bpm = TONICS[int(rng.integers(len(TONICS)))], float(rng.integers(70, 160))
        name = f"song_{number:03d}.wav"
        soundfile.write(folder / name, song(genre, mood, tonic, bpm, seconds, rng), RATE_HZ)
        rows.append([name, genre, mood, bpm, tonic, f"artist {number // 2}"])
    labels = folder.with_suffix(".csv")
    with labels.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([["filename", "genre", "mood", "bpm", "key", "artist"], *rows])
    return labels


def song(
    genre: str, mood: str, tonic: str, bpm: float, seconds: float, rng: np.random.Generator
) -> np.ndarray:
    """Chords, and drums where the genre has them; float64 ``(samples,)``, within -1 to 1."""
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    beat = time * bpm / 60.0
    chord = np.array(_STEPS[mood])[(beat // 4).astype(int) % 4]
    sound = np.zeros_like(time)
    for step in (0, _THIRD[mood], 7):
        pitch_hz = 261.63 * 2.0 ** ((_SEMITONES[tonic] + chord + step) / 12.0)
        sound += np.sin(2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ)
    within = beat % 1.0
    if genre == "ambient":
        sound *= 0.6 + 0.4 * np.sin(np.pi * within)
    if genre == "rock":
        sound = np.tanh(6.0 * sound)
    if genre != "ambient":
        kick = np.sin(2 * np.pi * 60.0 * time) * np.exp(-12.0 * within)
        half = (beat + 0.5) % 1.0
        noise = rng.standard_normal(len(time))
        snare_on = (beat.astype(int) % 2 == 1) if genre == "rock" else np.zeros(len(time), dtype=bool)
        sound = 0.5 * sound + 3.0 * kick + noise * np.where(snare_on, np.exp(-14.0 * within), 0.0)
        sound += 0.4 * noise * np.exp(-40.0 * half)
    sound += 0.01 * rng.standard_normal(len(time))
    return 0.8 * sound / np.abs(sound).max()
