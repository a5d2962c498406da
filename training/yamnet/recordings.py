"""The training recordings of YAMNet's student, windows drawn from them, and recordings held out."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import AudioDecodeError, DataError
from models.resample import Audio
from training.data.cache import open_clips
from training.data.recordings import is_training_recording, read_recordings
from training.data.splits import Split
from training.progress import StepProgress, no_progress
from training.yamnet.agreement import ESC_CLASSES
from training.yamnet.network import LEAST_PEAK
from training.yamnet.synthesis import programs, sing_midi, songs_of

_LOG = logging.getLogger(__name__)
_HELD_OUT_SHARE: Final = 5
_HELD_OUT_FOLD: Final = "5-"
"""Of ESC-10."""
_LIMIT_S: Final = 1e9
_SONGS: Final = 400
_HELD_OUT_SONGS: Final = 40
_SONG_S: Final = 45.0
_SPEECH_SHARE: Final = 4


def is_held_out(name: str) -> bool:
    """Whether no student is trained on a recording or song: one in five tracks, ESC-10's fold 5.

    Names are those within the archive, such as ``emotify/301_pop.ogg`` or ``POP909/001/001.mid``.
    """
    if name.startswith("esc10/"):
        return Path(name).name.startswith(_HELD_OUT_FOLD)
    return name.startswith("librosa_examples/") or zlib.crc32(name.encode()) % _HELD_OUT_SHARE == 1


def is_unheard(name: str) -> bool:
    """Whether no network of this project is trained on a recording."""
    return is_held_out(name) and not is_training_recording(name)


def student_recordings(
    music: Path,
    speech: Path | None,
    kept: Path,
    *,
    n_songs: int = _SONGS,
    on_progress: StepProgress = no_progress,
) -> list[Audio]:
    """Everything a student is trained on: recorded music, sounds, songs made from MIDI, speech.

    It is float32 at 16 kHz, in an order that depends on the files alone. The music folder has
    ``emotify.tar``, ``esc10.tar`` and ``pop909_midi.tar.gz``; of speech one in four of the training speakers'
    clips is used.

    Raises
    ------
    DataError
        Something is missing or damaged.
    """
    recordings: list[Audio] = []
    for archive in ("emotify.tar", "esc10.tar"):
        recordings += read_recordings(
            music / archive, limit_s=_LIMIT_S, wanted=lambda name: not is_held_out(name)
        )
    spoken: list[Audio] = []
    if speech is not None:  # before the songs, which take long: what is missing is said at once
        cache = open_clips(speech)
        clips = [clip for clip in cache.clips if clip.split is Split.TRAIN]
        spoken = [cache.audio(clip) for clip in clips[::_SPEECH_SHARE]]
    recordings += _songs(music, kept, n_songs, held_out=False, on_progress=on_progress)
    recordings += spoken
    order = np.random.default_rng(0).permutation(len(recordings))
    return [recordings[row] for row in order]


def held_out_music(
    music: Path,
    kept: Path,
    *,
    on_progress: StepProgress = no_progress,
) -> dict[str, list[Audio]]:
    """Music that no student is trained on, by where it comes from.

    The folder has ``emotify.tar``, ``librosa_examples.tar`` and ``pop909_midi.tar.gz``.

    Raises
    ------
    DataError
        Something is missing or damaged.
    """
    found = {
        name: read_recordings(music / f"{name}.tar", limit_s=_LIMIT_S, wanted=wanted)
        for name, wanted in (("emotify", is_held_out), ("librosa_examples", _is_music))
    }
    found["pop909"] = _songs(music, kept, _HELD_OUT_SONGS, held_out=True, on_progress=on_progress)
    return found


def held_out_sounds(music: Path) -> tuple[list[Audio], list[str]]:
    """ESC-10's held-out fold, and the class of each recording, such as ``dog_bark``.

    Raises
    ------
    DataError
        The archive is missing or damaged, holds nothing of that fold, or has another class.
    """
    names: list[str] = []

    def wanted(name: str) -> bool:
        if is_held_out(name):
            names.append(Path(name).parent.name)
        return is_held_out(name)

    recordings = read_recordings(music / "esc10.tar", limit_s=_LIMIT_S, wanted=wanted)
    if len(recordings) != len(names):
        raise DataError(f"Not every recording of {music / 'esc10.tar'} can be decoded: fetch it anew.")
    if other := sorted(set(names) - set(ESC_CLASSES)):
        raise DataError(f"ESC-10 has no class {other[0]!r}, as {music / 'esc10.tar'} has: fetch it anew.")
    return recordings, names


def _is_music(name: str) -> bool:
    """Not the birds, whales, dogs and readers among librosa's examples."""
    other = ("bird", "whale", "humpback", "pibble", "0000.ogg")
    return not any(word in name for word in other)


def _songs(
    music: Path,
    kept: Path,
    n_songs: int,
    *,
    held_out: bool,
    on_progress: StepProgress = no_progress,
) -> list[Audio]:
    archive = music / "pop909_midi.tar.gz"
    chosen = [item for item in songs_of(archive).items() if is_held_out(item[0]) == held_out][:n_songs]
    found: list[Audio] = []
    for done, (name, midi) in enumerate(chosen):
        on_progress(done, len(chosen))
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        try:
            others = programs(midi, rng.integers(0, 112, size=16))  # from 112 on they are noises
            found.append(sing_midi(others, kept, seconds=_SONG_S, start_s=float(rng.uniform(0, 120))))
        except AudioDecodeError as error:
            _LOG.warning("passed over %s: %s", name, error)
    if not found:
        side = "no student hears" if held_out else "a student may hear"
        raise DataError(f"None of the songs in {archive} that {side} can be made: give the whole POP909.")
    return found


@dataclass(frozen=True)
class PieceSettings:
    """Settings of the windows."""

    # Recordings are played up to so many times as fast, or as slow, >= 1: other voices, other rooms.
    fastest: float = 1.4
    # Share of windows with a second recording, and the range of its level under the first, dB.
    mixed_share: float = 0.5
    under_db: tuple[float, float] = (0.0, 30.0)
    # Share of windows below full level, and the lowest peak of those relative to it, (0, 1].
    quiet_share: float = 0.15
    quietest: float = 0.05


def random_windows(
    rng: np.random.Generator,
    recordings: Sequence[Audio],
    count: int,
    samples: int,
    *,
    peak: float,
    settings: PieceSettings | None = None,
) -> Audio:
    """Windows drawn by chance from recordings, float32 ``(count, samples)``.

    Each recording is as likely as any other. What is shorter than a window lies somewhere in it, in silence.
    """
    settings = settings or PieceSettings()
    windows = np.empty((count, samples), dtype=np.float32)
    for row in range(count):
        window = _piece(rng, recordings, samples, settings)
        if rng.random() < settings.mixed_share:
            under = 10.0 ** (-rng.uniform(*settings.under_db) / 20.0)
            window = window + under * _piece(rng, recordings, samples, settings)
        level = rng.uniform(settings.quietest, 1.0) if rng.random() < settings.quiet_share else 1.0
        windows[row] = window * (peak * level / max(LEAST_PEAK, float(np.abs(window).max())))
    return windows


def _piece(
    rng: np.random.Generator, recordings: Sequence[Audio], samples: int, settings: PieceSettings
) -> Audio:
    """A stretch of one recording at peak 1, played faster or slower, somewhere in the window."""
    sound = recordings[int(rng.integers(len(recordings)))]
    speed = float(settings.fastest ** rng.uniform(-1.0, 1.0))
    first = int(rng.integers(max(1, sound.size - int(samples * speed) + 1)))
    cut = sound[first : first + int(samples * speed) + 1]
    window = np.zeros(samples, dtype=np.float32)
    if not cut.size:
        return window
    played = np.interp(np.arange(0.0, max(1, cut.size - 1), speed), np.arange(cut.size), cut)[:samples]
    begin = int(rng.integers(samples - played.size + 1))
    window[begin : begin + played.size] = played / max(LEAST_PEAK, float(np.abs(played).max()))
    return window
