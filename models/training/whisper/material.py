"""What the compact encoder hears: sound without emotion labels, at any speed, in any room and band."""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from models.resample import SAMPLE_RATE_HZ, Audio
from models.training.channel import add_noise, reverberate, telephone
from models.training.data import ordinary
from models.training.data.recordings import read_recordings
from models.training.data.splits import Split
from models.training.emotion.effects import place, some_noise
from models.training.emotion.noise import heard

__all__ = [
    "HEARD_PROMPTS",
    "UnlabelledSounds",
    "draw_window",
    "draw_windows",
    "open_material",
    "read_prompts",
]

_LOG = logging.getLogger(__name__)
_WINDOW_SAMPLES: Final = 3 * SAMPLE_RATE_HZ
_LIMIT_S: Final = 1e9
_SHORTEST_S: Final = 0.4
HEARD_PROMPTS: Final = ("fr_CA_f_June", "it_IT_m_Carlo", "ru_RU_f_IvrvoiceRU")
"""Voices of Asterisk's prompts that are heard; the other two voices, of one woman, are kept for tests."""
_VOICES: Final = (
    "en-us",
    "en-gb",
    "de",
    "es",
    "fr-fr",
    "it",
    "pl",
    "ru",
    "pt",
    "nl",
    "sv",
    "tr",
    "ko",
    "cmn",
    "hi",
)
_VARIANTS: Final = ("", "+f2", "+f4", "+m3", "+m7", "+croak", "+whisper")
_SENTENCES: Final = (
    "The train to the coast leaves at nine, and we should be there an hour early.",
    "I have put the keys on the table next to the blue cup.",
    "Wait! There is somebody at the door, can you hear it?",
    "Heute Abend kommen die Nachbarn, und es gibt Suppe mit Brot.",
    "Mañana por la tarde vamos a caminar junto al río.",
    "Il a plu toute la nuit, mais le jardin est magnifique ce matin.",
    "Zostaw to na stole, wrócimy po obiedzie.",
    "Allora, che cosa facciamo domenica prossima?",
)
_SPOKEN: Final = 400
"""Sentences that espeak-ng says."""
_SPEECH_SHARE: Final = 0.72
_MUSIC_SHARE: Final = 0.16


@dataclass(frozen=True)
class UnlabelledSounds:
    """Recordings by kind, float32 at 16 kHz.

    Attributes
    ----------
    speech, music, sounds
        None of them of an emotion corpus.
    """

    speech: tuple[Audio, ...]
    music: tuple[Audio, ...]
    sounds: tuple[Audio, ...]

    @property
    def hours(self) -> float:
        """Of all."""
        return sum(len(a) for a in (*self.speech, *self.music, *self.sounds)) / SAMPLE_RATE_HZ / 3600


def open_material(data: Path, prompts: Path | None) -> UnlabelledSounds:
    """Read all that is heard; who is tested on ordinary talk, and the noise of the false-alarm tests, is not.

    Parameters
    ----------
    data
        Folder with ``speech/librispeech_ordinary.tar``, ``music/esc10.tar`` and ``music/emotify.tar``.
    prompts
        Folder of Asterisk's voice prompts, one folder a voice, as Debian's packages
        ``asterisk-core-sounds-*-g722`` lay it out; None: none are heard.

    Raises
    ------
    DataError
        Something is missing or cannot be read.
    """

    def trained_on(name: str) -> bool:
        return ordinary.ordinary_split(ordinary.speaker_of(name)) is Split.TRAIN

    speech = read_recordings(data / "speech" / ordinary.ARCHIVE, limit_s=_LIMIT_S, wanted=trained_on)
    if prompts is not None:
        for voice in HEARD_PROMPTS:
            speech += read_prompts(prompts / voice)
    speech += _spoken()
    music = read_recordings(data / "music" / "emotify.tar", limit_s=_LIMIT_S, wanted=heard)
    sounds = read_recordings(data / "music" / "esc10.tar", limit_s=_LIMIT_S, wanted=heard)
    material = UnlabelledSounds(tuple(speech), tuple(music), tuple(sounds))
    _LOG.info("%.2f hours of sound", material.hours)
    return material


def read_prompts(folder: Path) -> list[Audio]:
    """All prompts of a voice that last 0.4 s or more, in order of their names.

    Parameters
    ----------
    folder
        Of one voice; files end in ``.g722`` (ITU-T G.722 at 64 kbit/s: 16 kHz).

    Raises
    ------
    DataError
        There are none, ffmpeg is not installed, or it cannot read them.
    """
    files = sorted(folder.rglob("*.g722"))
    if not files:
        raise DataError(f"There are no .g722 files in {folder}: install asterisk-core-sounds-*-g722.")
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise DataError("Voice prompts are decoded by ffmpeg, which is not installed: install it.")
    # The format has no header: the files' bytes, one after the other, are one recording.
    lengths = [2 * file.stat().st_size for file in files]  # samples: 8 bits for two
    done = subprocess.run(  # noqa: S603 - a fixed command on bytes that it reads from its input
        [
            ffmpeg,
            "-v",
            "error",
            "-f",
            "g722",
            "-i",
            "pipe:0",
            "-f",
            "f32le",
            "-ac",
            "1",
            "-ar",
            "16000",
            "pipe:1",
        ],
        input=b"".join(file.read_bytes() for file in files),
        capture_output=True,
        check=False,
    )
    sound = np.frombuffer(done.stdout[: len(done.stdout) // 4 * 4], dtype="<f4")
    if done.returncode or sound.size < sum(lengths) - SAMPLE_RATE_HZ:
        raise DataError(
            f"ffmpeg cannot read the prompts in {folder}: {done.stderr.decode(errors='replace')[:200]}"
        )
    pieces = np.split(sound.astype(np.float32), np.cumsum(lengths)[:-1])
    shortest = int(_SHORTEST_S * SAMPLE_RATE_HZ)
    return [piece for piece in pieces if piece.size >= shortest and np.abs(piece).max() > 1e-3]


def draw_windows(material: UnlabelledSounds, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Windows of 3 s, ``(count, 48000)``; see `draw_window`."""
    return np.stack([draw_window(material, rng) for _ in range(count)])


def draw_window(material: UnlabelledSounds, rng: np.random.Generator) -> Audio:
    """One window: a piece of a recording, faster or slower, alone or over another, near or far.

    Parameters
    ----------
    material
        What may be heard.
    rng
        Source of every choice.

    Returns
    -------
    ndarray
        float32, ``(48000,)``, at any level.
    """
    kind = rng.random()
    if kind < _SPEECH_SHARE:
        pool: Sequence[Audio] = material.speech
    else:
        pool = material.music if kind < _SPEECH_SHARE + _MUSIC_SHARE else material.sounds
    recording = pool[int(rng.integers(len(pool)))]
    pace = float(np.exp(rng.uniform(np.log(0.75), np.log(1.33)))) if rng.random() < 0.6 else 1.0
    length = min(len(recording), int(_WINDOW_SAMPLES * pace) + 1)
    if rng.random() < 0.4:  # a short utterance: clips are seldom as long as a window
        length = min(length, int(rng.uniform(0.8, 2.8) * SAMPLE_RATE_HZ * pace))
    start = int(rng.integers(0, len(recording) - length + 1))
    piece = recording[start : start + length]
    if pace != 1.0:
        piece = np.interp(np.arange(0, len(piece) - 1, pace), np.arange(len(piece)), piece).astype(np.float32)
    piece = piece[:_WINDOW_SAMPLES]
    window = place(rng, piece, (0, len(piece)), _WINDOW_SAMPLES, over_edge=False, keep=len(piece))
    if not np.abs(window).max() > 1e-4:
        return window
    if rng.random() < 0.2:
        window = reverberate(window, float(rng.uniform(0.15, 0.8)), rng)
    if rng.random() < 0.35:
        others = material.sounds if rng.random() < 0.5 else (*material.speech[:50], *material.music)
        window = add_noise(window, some_noise(rng, others, _WINDOW_SAMPLES), float(rng.uniform(0, 35)))
    if rng.random() < 0.06:
        window = telephone(window)
    if rng.random() < 0.3:
        window = window + rng.standard_normal(_WINDOW_SAMPLES, dtype=np.float32) * np.float32(
            np.abs(window).max() * 10 ** rng.uniform(-4.0, -1.5)
        )
    return window.astype(np.float32)


def _spoken() -> list[Audio]:
    """Sentences said by espeak-ng in many voices, fast and slow, high and low.

    Raises
    ------
    DataError
        It is not installed.
    """
    espeak = shutil.which("espeak-ng")
    if espeak is None:
        raise DataError("Some of the speech is said by espeak-ng, which is not installed: install it.")
    rng, found = np.random.default_rng(0), []
    for _ in range(_SPOKEN):
        voice = _VOICES[int(rng.integers(len(_VOICES)))] + _VARIANTS[int(rng.integers(len(_VARIANTS)))]
        command = [
            espeak,
            "-v",
            voice,
            "-p",
            str(rng.integers(5, 95)),
            "-s",
            str(rng.integers(110, 260)),
            "--stdout",
        ]
        sentence = _SENTENCES[int(rng.integers(len(_SENTENCES)))]
        done = subprocess.run([*command, sentence], capture_output=True, check=False)  # noqa: S603 - fixed words
        if done.returncode == 0 and len(done.stdout) > 1000:
            found.append(_from_espeak(done.stdout))
    if not found:
        raise DataError("espeak-ng says nothing: install its voices (package espeak-ng-data).")
    return found


def _from_espeak(wav: bytes) -> Audio:
    """A WAV from a pipe: 16 bits, 22 050 Hz, its header says no true length."""
    import soxr  # noqa: PLC0415 - beside the one place that needs it

    samples = np.frombuffer(wav[44 : 44 + (len(wav) - 44) // 2 * 2], dtype="<i2").astype(np.float32) / 32768
    audio: Audio = soxr.resample(samples, 22_050, SAMPLE_RATE_HZ).astype(np.float32)
    return audio
