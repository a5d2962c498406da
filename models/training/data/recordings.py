"""Owns the reading of recordings that are no corpus: noise and music, from a folder or a tar archive."""

from __future__ import annotations

import hashlib
import logging
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import AudioDecodeError, DataError
from models.audio import SUPPORTED_SUFFIXES, decode
from models.resample import SAMPLE_RATE_HZ, Audio

__all__ = ["read_recordings", "sounds_digest"]

_LOG = logging.getLogger(__name__)
_RECORDINGS_LIMIT_S: Final = 3600.0
_LONGEST_MEMBER_BYTES: Final = 256 * 2**20


def read_recordings(
    path: Path,
    *,
    limit_s: float = _RECORDINGS_LIMIT_S,
    seed: int = 0,
    wanted: Callable[[str], bool] = lambda _: True,
) -> list[Audio]:
    """Read audio files of a folder or a tar archive, in an order drawn by chance.

    Files that cannot be decoded or hold nothing but silence are passed over and logged.

    Parameters
    ----------
    path
        A folder (with all below it) or a tar archive.
    limit_s
        Reading stops when so much sound has come together, seconds.
    seed
        Of the order.
    wanted
        Whether a file of this name is read; it begins with the folder's, as in ``emotify/301_pop.ogg``.

    Returns
    -------
    list of ndarray
        float32, ``(samples,)`` each, 16 kHz.

    Raises
    ------
    DataError
        There is no such place, the archive is damaged, or nothing in it can be read.
    """
    if not path.exists():
        raise DataError(f"No recordings lie in {path}: name a folder or a tar archive of audio files.")
    recordings: list[Audio] = []
    heard_s, unwanted = 0.0, 0
    try:
        for name, source in _members(path, seed):
            if not wanted(name):
                unwanted += 1
                continue
            try:
                audio = decode(source, name=name)
            except AudioDecodeError as error:
                _LOG.warning("passed over: %s", error)
                continue
            if np.abs(audio).max(initial=0.0) > 0.0:
                recordings.append(audio)
                heard_s += len(audio) / SAMPLE_RATE_HZ
            if heard_s >= limit_s:
                break
    except (tarfile.TarError, OSError) as error:
        raise DataError(
            f"The recordings in {path} cannot be read ({error}): name a folder or an undamaged tar archive."
        ) from error
    if not recordings and unwanted:
        raise DataError(
            f"All {unwanted} recordings in {path} are heard in training: name others, or leave --unheard out."
        )
    if not recordings:
        raise DataError(f"Nothing in {path} can be read as sound: name a folder or tar of audio files.")
    return recordings


def sounds_digest(recordings: Sequence[Audio]) -> str:
    """SHA-256 of the samples of some recordings, one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for sound in recordings:
        digest.update(np.ascontiguousarray(sound).data)
    return digest.hexdigest()


def _members(path: Path, seed: int) -> Iterator[tuple[str, Path | bytes]]:
    rng = np.random.default_rng(seed)
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
