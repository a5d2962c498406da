"""Recordings that are no corpus: noise and music, from a folder or a tar archive."""

from __future__ import annotations

import hashlib
import logging
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import AudioDecodeError, DataError
from models.audio import SUPPORTED_SUFFIXES, decode
from models.resample import SAMPLE_RATE_HZ, Audio

_LOG = logging.getLogger(__name__)
_RECORDINGS_LIMIT_S: Final = 3600.0
_LONGEST_MEMBER_BYTES: Final = 256 * 2**20
_ESC_FOLDS: Final = ("1-", "2-")
_MUSIC_SHARE: Final = 8


def read_recordings(
    path: Path,
    *,
    limit_s: float = _RECORDINGS_LIMIT_S,
    wanted: Callable[[str], bool] = lambda _: True,
) -> list[Audio]:
    """As `named_recordings`, until so many seconds of sound have come together.

    Raises
    ------
    DataError
        As there.
    """
    recordings: list[Audio] = []
    read_s = 0.0
    for _, audio in named_recordings(path, wanted=wanted):
        recordings.append(audio)
        read_s += len(audio) / SAMPLE_RATE_HZ
        if read_s >= limit_s:
            break
    return recordings


def named_recordings(
    path: Path, *, wanted: Callable[[str], bool] = lambda _: True
) -> Iterator[tuple[str, Audio]]:
    """Audio files of a folder or a tar archive, in random order, as float32 ``(samples,)`` at 16 kHz.

    Files that cannot be decoded or hold nothing but silence are passed over and logged. Names begin with the
    folder's, as in ``emotify/301_pop.ogg``.

    Raises
    ------
    DataError
        There is no such place, the archive is damaged, or nothing in it can be read.
    """
    if not path.exists():
        raise DataError(f"No recordings lie in {path}: name a folder or a tar archive of audio files.")
    found, unwanted = False, 0
    try:
        for name, source in _members(path):
            if not wanted(name):
                unwanted += 1
                continue
            try:
                audio = decode(source, name=name)
            except AudioDecodeError as error:
                _LOG.warning("passed over: %s", error)
                continue
            if np.abs(audio).max(initial=0.0) > 0.0:
                found = True
                yield name, audio
    except (tarfile.TarError, OSError) as error:
        raise DataError(
            f"The recordings in {path} cannot be read ({error}): name a folder or an undamaged tar archive."
        ) from error
    if not found and unwanted:
        raise DataError(
            f"All {unwanted} recordings in {path} are heard in training: name others, or leave --unheard out."
        )
    if not found:
        raise DataError(f"Nothing in {path} can be read as sound: name a folder or tar of audio files.")


def sounds_digest(recordings: Sequence[Audio]) -> str:
    """SHA-256 of the samples of some recordings, one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for sound in recordings:
        digest.update(np.ascontiguousarray(sound).data)
    return digest.hexdigest()


def _members(path: Path) -> Iterator[tuple[str, Path | bytes]]:
    rng = np.random.default_rng(0)
    if path.is_dir():
        root = path.resolve()  # its own name is part of the recordings' names, as in the tar of it
        files = sorted(file for file in root.rglob("*") if file.suffix.lower() in SUPPORTED_SUFFIXES)
        for index in rng.permutation(len(files)):
            yield files[index].relative_to(root.parent).as_posix(), files[index]
        return
    with tarfile.open(path) as tar:
        members = [
            member
            for member in tar.getmembers()
            if member.isfile()
            and member.size <= _LONGEST_MEMBER_BYTES
            and Path(member.name).suffix.lower() in SUPPORTED_SUFFIXES
        ]
        for index in rng.permutation(len(members)):
            handle = tar.extractfile(members[index])
            if handle is not None:
                yield members[index].name, handle.read()


def is_training_recording(name: str) -> bool:
    """Whether a recording of ESC-10 or Emotify is used in training; what lies elsewhere is not.

    Names are those within the archive, such as ``esc10/rain/1-17367-A.ogg``.
    """
    if name.startswith("esc10/"):
        return Path(name).name.startswith(_ESC_FOLDS) and "crying" not in name
    return name.startswith("emotify/") and zlib.crc32(name.encode()) % _MUSIC_SHARE == 0


def noise_recordings(folder: Path) -> tuple[NDArray[np.float32], ...]:
    """Two folds of ESC-10 without its crying babies, and one in eight tracks of Emotify, float32 at 16 kHz.

    The other recordings are kept for the count of false alarms. The folder holds ``esc10.tar`` (Piczak, ACM
    Multimedia 2015) and ``emotify.tar`` (Aljanaki et al., 2016).

    Raises
    ------
    DataError
        An archive is missing or damaged.
    """
    archives = [folder / name for name in ("esc10.tar", "emotify.tar")]
    for archive in archives:
        if not archive.is_file():
            raise DataError(f"There is no {archive}: give the folder of the noise archives.")
    return tuple(
        sound for archive in archives for sound in read_recordings(archive, wanted=is_training_recording)
    )
