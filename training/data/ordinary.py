"""Ordinary talk: read speech of people who act nothing, and which of them train, calibrate and test."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import AudioDecodeError, DataError
from models.audio import decode
from models.resample import SAMPLE_RATE_HZ, Audio
from training.data.cache import Clip, SpeechCache
from training.data.manifest import OTHER
from training.data.recordings import sounds_digest
from training.data.splits import Split
from training.data.window import active_range

CORPUS: Final = "librispeech_ordinary"
ARCHIVE: Final = "librispeech_ordinary.tar"
ORDINARY: Final = OTHER + "ordinary"
"""Label of a window of ordinary talk: there is nothing to claim; neutral may be said."""
_WINDOW_SAMPLES: Final = 3 * SAMPLE_RATE_HZ
_HOP_SAMPLES: Final = _WINDOW_SAMPLES // 2
_SHORTEST_SAMPLES: Final = 2 * SAMPLE_RATE_HZ
_OF_TEN: Final = (
    Split.TEST,
    Split.TEST,
    Split.TEST,
    Split.CALIBRATION,
    Split.CALIBRATION,
    *(Split.TRAIN,) * 5,
)


def speaker_of(name: str) -> str:
    """The speaker of a clip of LibriSpeech, as in ``librispeech_ordinary/1034-121119-0000.ogg``."""
    return name.rsplit("/", 1)[-1].split("-", 1)[0]


def ordinary_split(speaker: str) -> Split:
    """What a speaker's talk is for: three in ten test, two calibrate, five train; by the speaker alone."""
    return _OF_TEN[zlib.crc32(speaker.encode()) % 10]


def read_talk(archive: Path, wanted: Callable[[Split], bool] = lambda _: True) -> list[tuple[str, Audio]]:
    """Speaker and recording (float32 at 16 kHz) of ordinary talk, in order of their names.

    The archive is ``librispeech_ordinary.tar`` (Panayotov et al., "LibriSpeech", ICASSP 2015).

    Raises
    ------
    DataError
        The archive is missing or damaged, or holds nothing that is wanted.
    """
    found: list[tuple[str, Audio]] = []
    try:
        with tarfile.open(archive) as tar:
            members = sorted((member for member in tar if member.isfile()), key=lambda member: member.name)
            for member in members:
                speaker = speaker_of(member.name)
                if wanted(ordinary_split(speaker)) and (handle := tar.extractfile(member)) is not None:
                    found.append((speaker, decode(handle.read(), name=member.name)))
    except (OSError, tarfile.TarError, AudioDecodeError) as error:
        raise DataError(f"The ordinary talk in {archive} cannot be read ({error}): fetch it anew.") from error
    if not found:
        raise DataError(f"Nobody who is asked for speaks in {archive}: give the whole archive.")
    return found


def open_talk(archive: Path) -> SpeechCache:
    """Ordinary talk cut into windows of 3 s, 1.5 s apart, in memory.

    Each window is a clip with the label `ORDINARY`; what is shorter than 2 s is left out.
    """
    talk = read_talk(archive)
    clips, at = [], 0
    for number, (speaker, audio) in enumerate(talk):
        for start in range(0, max(1, audio.size - _SHORTEST_SAMPLES), _HOP_SAMPLES):
            piece = audio[start : start + _WINDOW_SAMPLES]
            if piece.size < _SHORTEST_SAMPLES:
                continue
            first, stop = active_range(piece)
            clips.append(
                Clip(
                    path=f"{CORPUS}/{speaker}-{number}-{start}",
                    corpus=CORPUS,
                    speaker=speaker,
                    emotion=ORDINARY,
                    language="en",
                    licence="CC BY 4.0",
                    split=ordinary_split(speaker),
                    start=at + start,
                    n_samples=piece.size,
                    active_start=first,
                    active_stop=stop,
                )
            )
        at += audio.size
    waveforms = np.concatenate([audio for _, audio in talk])
    return SpeechCache(
        clips=tuple(clips),
        waveforms=np.rint(np.clip(waveforms, -1.0, 1.0) * 32767).astype(np.int16),
        problems=(),
        fingerprint=sounds_digest([audio for _, audio in talk]),
    )
