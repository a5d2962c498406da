"""Makes the built-in demo, `realtime/capture/demo.ogg`: espeak-ng's voices, silence, typing, music.

    python scripts/make_demo_audio.py [OUTPUT]

Needs the program `espeak-ng` (Debian: `apt install espeak-ng`); the running app does not. Everything
is synthesised here: no recording of anybody is used. The voices were picked, among some thousand settings of
espeak-ng, because the embedded model accepts them, so that each round of the demo shows several emotions and
directions, each another one than before: what the model says of the demo is no evidence of how good it is.
`tests/attune/engine/test_demo.py` says what each round must show. The same espeak-ng and libvorbis give the
same file.
"""

from __future__ import annotations

import argparse
import io
import logging
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

_LOG = logging.getLogger(__name__)

Sound = npt.NDArray[np.float64]
"""Mono, shape (samples,), at RATE_HZ, range [-1, 1]."""

RATE_HZ: Final = 24_000
OUTPUT: Final = Path(__file__).parents[1] / "realtime" / "capture" / "demo.ogg"
SEED: Final = 20_26
VORBIS_QUALITY: Final = 0.7
STREAM_SERIAL: Final = 0xA77
FADE_S: Final = 0.6
ROOM_NOISE_DBFS: Final = -66.0
PEAK: Final = 0.89


@dataclass(frozen=True)
class Speech:
    """One person speaking.

    Parameters
    ----------
    voice
        espeak-ng voice, with variant.
    text
        What is said.
    pitch, pitch_range
        Prosody in percent of the voice's own, as SSML has it.
    rate
        Speed in percent.
    level_dbfs
        Loudness while speaking, RMS.
    """

    voice: str
    text: str
    pitch: int
    pitch_range: int
    rate: int
    level_dbfs: float


@dataclass(frozen=True)
class Silence:
    """Nobody speaks: only the room."""

    duration_s: float


@dataclass(frozen=True)
class Typing:
    """Somebody types."""

    duration_s: float
    level_dbfs: float


@dataclass(frozen=True)
class MusicPart:
    """Instruments only."""

    bars: int
    level_dbfs: float


SCENES: Final = (
    Silence(0.8),
    Speech(
        "en-us+Annie",
        "Oh, this is wonderful! We really did it! I can not wait to tell everybody, this is the best day of "
        "the year! Oh, this is wonderful! We really did it! I can not wait to tell everybody, this is the "
        "best day of the year!",
        pitch=60,
        pitch_range=160,
        rate=130,
        level_dbfs=-17.0,
    ),
    Silence(3.0),
    Speech(
        "en-gb+f1",
        "The shop is open from nine to six. The second floor is closed today, and the lift is being "
        "repaired.",
        pitch=-20,
        pitch_range=0,
        rate=80,
        level_dbfs=-20.0,
    ),
    Silence(3.0),
    Speech(
        "en-gb-scotland+f5",
        "No! I told you to stop! Get out of here right now! I told you to stop it! Get out of here, right "
        "now! No! I told you to stop! Get out of here right now!",
        pitch=-10,
        pitch_range=70,
        rate=122,
        level_dbfs=-20.0,
    ),
    Silence(2.0),
    Typing(4.0, level_dbfs=-34.0),
    Silence(1.0),
    Speech(
        "en-us+steph",
        "Let us sit down for a while, and listen to the rain. There is no hurry, and nothing that we have to "
        "do.",
        pitch=-40,
        pitch_range=0,
        rate=50,
        level_dbfs=-20.0,
    ),
    Silence(1.0),
    MusicPart(bars=6, level_dbfs=-21.0),
    Silence(0.8),
)


def speak(speech: Speech) -> Sound:
    """Let espeak-ng say it, in a small room."""
    text = (
        f'<speak><prosody pitch="{speech.pitch:+d}%" range="{speech.pitch_range}%" rate="{speech.rate}%">'
        f"{speech.text}</prosody></speak>"
    )
    program = shutil.which("espeak-ng")
    if program is None:
        raise SystemExit("espeak-ng is not installed (Debian: apt install espeak-ng).")
    wav = subprocess.run(  # noqa: S603 - a fixed program, texts of our own
        [program, "-m", "-v", speech.voice, "--stdout", text], check=True, capture_output=True
    ).stdout
    with soundfile.SoundFile(io.BytesIO(wav)) as file:
        voice = soxr.resample(file.read(dtype="float64"), file.samplerate, RATE_HZ)
    active = np.flatnonzero(np.abs(voice) > 0.01)
    voice = voice[active[0] : active[-1]]
    return leveled(faded(in_room(voice), 0.01), speech.level_dbfs)


def in_room(sound: Sound) -> Sound:
    """Add the first reflections and the tail of a small room, and take off the synthetic edge."""
    rng, tail_s = np.random.default_rng(SEED), 0.25  # one room for all, so that scenes can change places
    time_s = np.arange(round(tail_s * RATE_HZ)) / RATE_HZ
    response = rng.standard_normal(len(time_s)) * np.exp(-time_s / 0.05) * 0.02
    response[: round(0.004 * RATE_HZ)] = 0.0
    response[0] = 1.0
    size = len(sound) + len(response)
    spectrum = np.fft.rfft(sound, size) * np.fft.rfft(response, size)
    frequency_hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    return np.fft.irfft(spectrum / np.sqrt(1.0 + (frequency_hz / 7_000.0) ** 4), size)


def type_keys(typing: Typing, rng: np.random.Generator) -> Sound:
    """Make key strokes: a short noisy click for the key going down, a weaker one for it coming up."""
    sound = np.zeros(round(typing.duration_s * RATE_HZ))
    at_s = 0.1
    while at_s < typing.duration_s - 0.3:
        hue_hz = rng.uniform(1_500.0, 3_500.0)
        for delay_s, gain in ((0.0, 1.0), (rng.uniform(0.05, 0.09), 0.4)):
            time_s = np.arange(round(0.03 * RATE_HZ)) / RATE_HZ
            click = rng.standard_normal(len(time_s)) * np.exp(-time_s / 0.0025)
            thud = np.sin(2 * np.pi * 180.0 * time_s) * np.exp(-time_s / 0.008)
            ring = np.sin(2 * np.pi * hue_hz * time_s) * np.exp(-time_s / 0.004)
            add(sound, gain * rng.uniform(0.6, 1.0) * (click + 1.5 * thud + ring), at_s + delay_s)
        at_s += rng.choice([0.11, 0.14, 0.18, 0.24, 0.55], p=[0.3, 0.3, 0.2, 0.12, 0.08])
    return leveled(sound, typing.level_dbfs)


def play_music(music: MusicPart) -> Sound:
    """Play a pad, a bass and a plucked melody over four chords."""
    beat_s = 60.0 / 92.0
    # A minor, F, C, G, as semitones from A3 (220 Hz); one melody note or rest every half beat.
    chords = ((0, 3, 7), (-4, 0, 3), (3, 7, 10), (-2, 2, 5))
    melodies = (
        (12, None, 15, 14, 12, None, 10, 12),
        (8, None, 12, 10, 8, 7, 8, None),
        (15, None, 19, 17, 15, 14, 15, 12),
        (14, None, 10, None, 14, 17, 14, 10),
    )
    bar_s = 4 * beat_s
    sound = np.zeros(round((music.bars * bar_s + 1.5) * RATE_HZ))
    for bar in range(music.bars):
        start_s = bar * bar_s
        chord, melody = chords[bar % 4], melodies[bar % 4]
        for note in chord:
            add(sound, 0.16 * pad(note, bar_s + 0.4), start_s)
        for beat in (0, 2):
            add(sound, 0.45 * pluck(chord[0] - 12, 2 * beat_s, decay_s=0.7), start_s + beat * beat_s)
        for step, tone in enumerate(melody):
            if tone is not None and bar >= 1:
                add(sound, 0.30 * pluck(tone, 1.6, decay_s=0.45), start_s + step * beat_s / 2)
    return leveled(faded(sound, 1.2), music.level_dbfs)


def pitch_hz(semitones: int) -> float:
    """Turn semitones above A3 into Hz."""
    return float(220.0 * 2.0 ** (semitones / 12.0))


def pad(semitones: int, duration_s: float) -> Sound:
    """Make a soft, slowly swelling tone."""
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    tone = np.zeros(len(time_s))
    for partial in range(1, 7):
        for detune in (0.998, 1.002):
            tone += np.sin(2 * np.pi * pitch_hz(semitones) * partial * detune * time_s) / partial**1.6
    swell = np.clip(time_s / 0.5, 0.0, 1.0) * np.clip((duration_s - time_s) / 0.5, 0.0, 1.0)
    return np.asarray(tone * np.sin(swell * np.pi / 2) ** 2)


def pluck(semitones: int, duration_s: float, *, decay_s: float) -> Sound:
    """Make a plucked string: bright at first, its high partials dying sooner."""
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    tone = np.zeros(len(time_s))
    for partial in range(1, 9):
        frequency_hz = pitch_hz(semitones) * partial * (1.0 + 0.0004 * partial**2)
        tone += np.sin(2 * np.pi * frequency_hz * time_s) * np.exp(-time_s * partial**0.7 / decay_s) / partial
    return faded(tone, 0.004)


def add(sound: Sound, part: Sound, at_s: float) -> None:
    """Mix a part in, in place; what is beyond the end is cut."""
    start = round(at_s * RATE_HZ)
    room = sound[start : start + len(part)]
    room += part[: len(room)]


def faded(sound: Sound, fade_s: float) -> Sound:
    """Fade in and out."""
    ramp = np.sin(np.linspace(0.0, np.pi / 2, round(fade_s * RATE_HZ))) ** 2
    out = sound.copy()
    out[: len(ramp)] *= ramp
    out[-len(ramp) :] *= ramp[::-1]
    return out


def leveled(sound: Sound, level_dbfs: float) -> Sound:
    """Scale to a loudness: the RMS of those 20 ms frames that are not near silence."""
    frames = sound[: len(sound) // 480 * 480].reshape(-1, 480)  # (frames, 480)
    power = np.mean(frames**2, axis=1)
    loud = power[power > power.max() * 1e-4]
    return np.asarray(sound * 10 ** (level_dbfs / 20) / np.sqrt(loud.mean()))


def room_noise(samples: int, rng: np.random.Generator) -> Sound:
    """Make the hiss and rumble that any room has: exact zeros would look like a forbidden microphone."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency_hz = np.fft.rfftfreq(samples, 1 / RATE_HZ)
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(frequency_hz, 50.0)), samples)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)) * 10 ** (ROOM_NOISE_DBFS / 20))


def make() -> Sound:
    """Put the scenes one after the other."""
    rng = np.random.default_rng(SEED)
    parts = []
    clock = 0
    for scene in SCENES:
        if isinstance(scene, Speech):
            part = speak(scene)
        elif isinstance(scene, Typing):
            part = type_keys(scene, rng)
        elif isinstance(scene, MusicPart):
            part = play_music(scene)
        else:
            part = np.zeros(round(scene.duration_s * RATE_HZ))
        _LOG.info("%6.1f s  %s", clock / RATE_HZ, scene)
        clock += len(part)
        parts.append(part)
    # Each round is a whole number of half seconds, so that all are heard in the same windows.
    parts.append(np.zeros(-clock % (RATE_HZ // 2)))
    sound = np.concatenate(parts)
    sound += room_noise(len(sound), rng)
    # Speech peaks stand far above its loudness: bend the highest ones instead of cutting them.
    return faded(PEAK * np.tanh(sound / PEAK), FADE_S)


def encode(sound: Sound) -> bytes:
    """Encode as Ogg Vorbis."""
    file = io.BytesIO()
    with soundfile.SoundFile(
        file, "w", RATE_HZ, 1, format="OGG", subtype="VORBIS", compression_level=1.0 - VORBIS_QUALITY
    ) as ogg:
        # In one piece a long sound overflows libsndfile's stack.
        for start in range(0, len(sound), RATE_HZ):
            ogg.write(sound[start : start + RATE_HZ])
    return with_serial(file.getvalue(), STREAM_SERIAL)


def with_serial(ogg: bytes, serial: int) -> bytes:
    """Replace the random stream number that libsndfile gives, so that the same sound gives the same file."""
    table = []
    for index in range(256):
        crc = index << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x04C11DB7 if crc & 0x80000000 else 0)
        table.append(crc & 0xFFFFFFFF)
    pages = bytearray()
    at = 0
    while at < len(ogg):
        # RFC 3533: 27 bytes of header, then the lengths of the segments, then the segments.
        segments = ogg[at + 26]
        length = 27 + segments + sum(ogg[at + 27 : at + 27 + segments])
        page = bytearray(ogg[at : at + length])
        page[14:18] = struct.pack("<I", serial)
        page[22:26] = bytes(4)
        crc = 0
        for byte in page:
            crc = ((crc << 8) & 0xFFFFFFFF) ^ table[(crc >> 24) ^ byte]
        page[22:26] = struct.pack("<I", crc)
        pages += page
        at += length
    return bytes(pages)


def main() -> None:
    """Make the file."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    parser = argparse.ArgumentParser(description="Make the built-in demo.")
    parser.add_argument("output", type=Path, nargs="?", default=OUTPUT, help="file to write")
    output: Path = parser.parse_args().output
    sound = make()
    output.write_bytes(encode(sound))
    _LOG.info(
        "%s: %.1f s, %d kB, peak %.2f",
        output.name,
        len(sound) / RATE_HZ,
        output.stat().st_size // 1000,
        np.abs(sound).max(),
    )


if __name__ == "__main__":
    main()
