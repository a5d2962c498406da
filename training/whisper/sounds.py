"""The training sounds of the compact encoder: no emotion labels, any speed, any room and band."""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from core.errors import DataError
from models.resample import SAMPLE_RATE_HZ, Audio
from training.channel import add_noise, reverberate, telephone
from training.data import ordinary
from training.data.recordings import is_training_recording, read_recordings
from training.data.splits import Split
from training.emotion.effects import place, some_noise

_LOG = logging.getLogger(__name__)
_WINDOW_SAMPLES: Final = 3 * SAMPLE_RATE_HZ
_LIMIT_S: Final = 1e9
_SHORTEST_S: Final = 0.4
TRAINING_PROMPTS: Final = ("fr_CA_f_June", "it_IT_m_Carlo", "ru_RU_f_IvrvoiceRU")
"""Voices of Asterisk's prompts to train on; the other two voices, of one woman, are kept for tests."""
_VOICES: Final = "en-us en-gb de es fr-fr it pl ru pt nl sv tr ko cmn hi".split()  # noqa: SIM905
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
_SYNTHETIC_SENTENCES: Final = 400
"""Sentences that espeak-ng says."""
_SPEECH_SHARE: Final = 0.72
_MUSIC_SHARE: Final = 0.16


@dataclass(frozen=True)
class UnlabelledSounds:
    """Recordings by kind, float32 at 16 kHz."""

    # None of them of an emotion corpus.
    speech: tuple[Audio, ...]
    music: tuple[Audio, ...]
    sounds: tuple[Audio, ...]

    @property
    def hours(self) -> float:
        """Of all."""
        return sum(len(a) for a in (*self.speech, *self.music, *self.sounds)) / SAMPLE_RATE_HZ / 3600


def open_sounds(data: Path, prompts: Path | None) -> UnlabelledSounds:
    """Read all that is trained on: no test speaker of ordinary talk, no noise of the false-alarm tests.

    Parameters
    ----------
    data
        Folder with ``speech/librispeech_ordinary.tar``, ``music/esc10.tar`` and ``music/emotify.tar``.
    prompts
        Folder of Asterisk's voice prompts, one folder a voice, as Debian's packages
        ``asterisk-core-sounds-*-g722`` lay it out; None: there are none.

    Raises
    ------
    DataError
        Something is missing or cannot be read.
    """

    def is_training_speaker(name: str) -> bool:
        return ordinary.ordinary_split(ordinary.speaker_of(name)) is Split.TRAIN

    def read(archive: str, wanted: Callable[[str], bool]) -> list[Audio]:
        return read_recordings(data / archive, limit_s=_LIMIT_S, wanted=wanted)

    speech = read(f"speech/{ordinary.ARCHIVE}", is_training_speaker)
    if prompts is not None:
        for voice in TRAINING_PROMPTS:
            speech += read_prompts(prompts / voice)
    speech += _synthetic_speech()
    music = read("music/emotify.tar", is_training_recording)
    sounds = read("music/esc10.tar", is_training_recording)
    found = UnlabelledSounds(tuple(speech), tuple(music), tuple(sounds))
    _LOG.info("%.2f hours of sound", found.hours)
    return found


def read_prompts(folder: Path) -> list[Audio]:
    """All prompts of a voice that last 0.4 s or more, in order of their names.

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
    options = "-v error -f g722 -i pipe:0 -f f32le -ac 1 -ar 16000 pipe:1".split()  # noqa: SIM905
    content = b"".join(file.read_bytes() for file in files)
    done = subprocess.run(  # noqa: S603 - a fixed command on bytes that it reads from its input
        [ffmpeg, *options], input=content, capture_output=True, check=False
    )
    sound = np.frombuffer(done.stdout[: len(done.stdout) // 4 * 4], dtype="<f4")
    if done.returncode or sound.size < sum(lengths) - SAMPLE_RATE_HZ:
        raise DataError(
            f"ffmpeg cannot read the prompts in {folder}: {done.stderr.decode(errors='replace')[:200]}"
        )
    pieces = np.split(sound.astype(np.float32), np.cumsum(lengths)[:-1])
    shortest = int(_SHORTEST_S * SAMPLE_RATE_HZ)
    return [piece for piece in pieces if piece.size >= shortest and np.abs(piece).max() > 1e-3]


def draw_windows(sounds: UnlabelledSounds, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Windows of 3 s, ``(count, 48000)``; see `_draw_window`."""
    return np.stack([_draw_window(sounds, rng) for _ in range(count)])


def _draw_window(sounds: UnlabelledSounds, rng: np.random.Generator) -> Audio:
    """One window ``(48000,)`` of any level: a piece of a recording, at some pace, alone or over another."""
    kind = rng.random()
    if kind < _SPEECH_SHARE:
        pool: Sequence[Audio] = sounds.speech
    else:
        pool = sounds.music if kind < _SPEECH_SHARE + _MUSIC_SHARE else sounds.sounds
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
        others = sounds.sounds if rng.random() < 0.5 else (*sounds.speech[:50], *sounds.music)
        window = add_noise(window, some_noise(rng, others, _WINDOW_SAMPLES), float(rng.uniform(0, 35)))
    if rng.random() < 0.06:
        window = telephone(window)
    if rng.random() < 0.3:
        window = window + rng.standard_normal(_WINDOW_SAMPLES, dtype=np.float32) * np.float32(
            np.abs(window).max() * 10 ** rng.uniform(-4.0, -1.5)
        )
    return window.astype(np.float32)


def _synthetic_speech() -> list[Audio]:
    """Sentences said by espeak-ng in many voices, fast and slow, high and low."""
    espeak = shutil.which("espeak-ng")
    if espeak is None:
        raise DataError("Some of the speech is said by espeak-ng, which is not installed: install it.")
    rng, found = np.random.default_rng(0), []
    for _ in range(_SYNTHETIC_SENTENCES):
        voice = _VOICES[int(rng.integers(len(_VOICES)))] + _VARIANTS[int(rng.integers(len(_VARIANTS)))]
        pitch, words_per_minute = str(rng.integers(5, 95)), str(rng.integers(110, 260))
        command = [espeak, "-v", voice, "-p", pitch, "-s", words_per_minute, "--stdout"]
        sentence = _SENTENCES[int(rng.integers(len(_SENTENCES)))]
        done = subprocess.run([*command, sentence], capture_output=True, check=False)  # noqa: S603 - fixed words
        if done.returncode == 0 and len(done.stdout) > 1000:
            found.append(_from_espeak(done.stdout))
    if not found:
        raise DataError("espeak-ng says nothing: install its voices (package espeak-ng-data).")
    return found


def _from_espeak(wav: bytes) -> Audio:
    """A WAV from a pipe: 16 bits, 22 050 Hz, its header says no true length."""
    samples = np.frombuffer(wav[44 : 44 + (len(wav) - 44) // 2 * 2], dtype="<i2").astype(np.float32) / 32768
    audio: Audio = soxr.resample(samples, 22_050, SAMPLE_RATE_HZ).astype(np.float32)
    return audio
