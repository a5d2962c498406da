"""Owns what a student of the whole YAMNet hears, and the recordings that it never hears."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import AudioDecodeError, DataError
from models.training.data.recordings import read_recordings
from models.training.data.speech import open_clips
from models.training.data.splits import Split
from models.training.yamnet.agreement import ESC_CLASSES
from models.training.yamnet.synthesis import programs, sing_midi, songs_of

__all__ = ["kept_out", "kept_out_music", "kept_out_sounds", "student_recordings"]

_LOG = logging.getLogger(__name__)
Audio = NDArray[np.float32]
_KEPT_OUT_SHARE: Final = 5
_KEPT_OUT_FOLD: Final = "5-"
"""Of ESC-10."""
_LIMIT_S: Final = 1e9
_SONGS: Final = 400
_SONG_S: Final = 45.0
_SPEECH_SHARE: Final = 4


def kept_out(name: str) -> bool:
    """Whether no student hears a recording or song of this name: one in five tracks, ESC-10's fold 5.

    Parameters
    ----------
    name
        Within its archive, such as ``emotify/301_pop.ogg`` or ``POP909/001/001.mid``.
    """
    if name.startswith("esc10/"):
        return Path(name).name.startswith(_KEPT_OUT_FOLD)
    return name.startswith("librosa_examples/") or zlib.crc32(name.encode()) % _KEPT_OUT_SHARE == 1


def student_recordings(
    music: Path,
    speech: Path | None,
    kept: Path,
    *,
    n_songs: int = _SONGS,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Audio]:
    """Everything a student hears: recorded music, sounds, songs made from MIDI, speech.

    Parameters
    ----------
    music
        Folder of ``emotify.tar``, ``esc10.tar`` and ``pop909_midi.tar.gz``.
    speech
        As `open_clips` opens it; one in four of its training speakers' clips is heard. None: no speech.
    kept
        Folder of the synthesised songs.
    n_songs
        How many are synthesised.
    on_progress
        Called with songs done and songs in all.

    Returns
    -------
    list of ndarray
        float32 at 16 kHz, in an order that depends on the files alone.

    Raises
    ------
    DataError
        Something is missing or damaged.
    """
    recordings: list[Audio] = []
    for archive in ("emotify.tar", "esc10.tar"):
        recordings += read_recordings(
            music / archive, limit_s=_LIMIT_S, wanted=lambda name: not kept_out(name)
        )
    spoken: list[Audio] = []
    if speech is not None:  # before the songs, which take long: what is missing is said at once
        cache = open_clips(speech)
        clips = [clip for clip in cache.clips if clip.split is Split.TRAIN]
        spoken = [cache.audio(clip) for clip in clips[::_SPEECH_SHARE]]
    recordings += _songs(music, kept, n_songs, heard=True, on_progress=on_progress)
    recordings += spoken
    order = np.random.default_rng(0).permutation(len(recordings))
    return [recordings[row] for row in order]


def kept_out_music(
    music: Path,
    kept: Path,
    *,
    n_songs: int = 40,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, list[Audio]]:
    """Music that no student hears, by where it comes from.

    Parameters
    ----------
    music
        Folder of ``emotify.tar``, ``librosa_examples.tar`` and ``pop909_midi.tar.gz``.
    kept, n_songs, on_progress
        As for `student_recordings`.

    Raises
    ------
    DataError
        Something is missing or damaged.
    """
    found = {
        name: read_recordings(music / f"{name}.tar", limit_s=_LIMIT_S, wanted=wanted)
        for name, wanted in (("emotify", kept_out), ("librosa_examples", _is_music))
    }
    found["pop909"] = _songs(music, kept, n_songs, heard=False, on_progress=on_progress)
    return found


def kept_out_sounds(music: Path) -> tuple[list[Audio], list[str]]:
    """ESC-10's fold that no student hears, and the class of each recording, such as ``dog_bark``.

    Raises
    ------
    DataError
        The archive is missing or damaged, holds nothing of that fold, or has another class.
    """
    names: list[str] = []

    def wanted(name: str) -> bool:
        if kept_out(name):
            names.append(Path(name).parent.name)
        return kept_out(name)

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
    heard: bool,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Audio]:
    archive = music / "pop909_midi.tar.gz"
    chosen = [item for item in songs_of(archive).items() if kept_out(item[0]) != heard][:n_songs]
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
        side = "a student may hear" if heard else "no student hears"
        raise DataError(f"None of the songs in {archive} that {side} can be made: give the whole POP909.")
    return found
