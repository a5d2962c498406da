"""Owns the writing of moods into sound files: into a copy, which then takes the file's place."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.errors import AttuneError, TagsError
from models.audio import open_stream

__all__ = ["FIELD", "INSTALL", "write_moods"]

FIELD: Final = "MOOD"
"""Name of the field in FLAC, Ogg Vorbis, Opus and M4A; in MP3 it is the frame TMOO, in ID3v2.3 TXXX:MOOD."""

INSTALL: Final = "pip install -e '.[tags]'"

_BLOCK_FRAMES: Final = 65_536
_MP4_KEY: Final = f"----:com.apple.iTunes:{FIELD}"


def write_moods(path: Path, moods: Sequence[str]) -> list[str]:
    """Write moods into a file's own tags; every other tag and the sound stay as they are.

    The tags go into a copy beside the file, which takes its place only after every sample was found to be the
    same. Moods that the file had before are replaced.

    Parameters
    ----------
    path
        An MP3, FLAC, Ogg Vorbis, Opus or M4A file; a link stays one.
    moods
        Words, the strongest first; at least one.

    Returns
    -------
    list of str
        Moods that the file had before.

    Raises
    ------
    TagsError
        The extra `tags` is not installed, the file cannot hold moods or may not be changed, the folder has no
        room, or the copy does not sound the same. The file is then as it was.
    """
    real = path.resolve()
    if not os.access(real, os.W_OK):
        raise TagsError(f"{path} may not be changed: change its permissions, or leave --write-tags out.")
    try:
        handle, made = tempfile.mkstemp(prefix=".attune-", suffix=real.suffix, dir=real.parent)
        os.close(handle)
    except OSError as error:
        raise TagsError(
            f"Nothing can be written beside {path} ({error.strerror}): change the folder's permissions."
        ) from error
    copy = Path(made)
    try:
        shutil.copy2(real, copy)
        replaced = _write(copy, str(path), moods)
        if not _sound_alike(real, copy):
            raise TagsError(
                f"{path} would sound different with tags, so it was left as it was: get a fresh copy."
            )
        copy.replace(real)
    except OSError as error:
        raise TagsError(
            f"Tags could not be written into {path} ({error.strerror}), which is as it was: make room, or "
            "close what holds it open."
        ) from error
    finally:
        copy.unlink(missing_ok=True)
    return replaced


def _write(copy: Path, name: str, moods: Sequence[str]) -> list[str]:
    if importlib.util.find_spec("mutagen") is None:
        raise TagsError(f"Tags need an extra: install it, {INSTALL}, or leave --write-tags out.")
    refusal: type[Exception] = _mutagen().MutagenError
    try:
        file = _mutagen().File(copy, options=[getattr(_mutagen(kind.lower()), kind) for kind in _KINDS])
        if file is None:
            raise TagsError(
                f"{name} cannot hold moods: only MP3, FLAC, Ogg Vorbis, Opus and M4A files can; convert it, "
                "or leave --write-tags out."
            )
        if file.tags is None:
            file.add_tags()
        replaced = _moods_in(file)
        _SAVE.get(type(file).__name__, _save_comments)(file, moods)
    except refusal as error:
        raise TagsError(
            f"The tags of {name} cannot be read or written ({error}): repair them first."
        ) from error
    return replaced


def _moods_in(file: Any) -> list[str]:
    match type(file).__name__:
        case "MP3":
            frames = file.tags.getall("TMOO") + file.tags.getall(f"TXXX:{FIELD}")
            return [str(text) for frame in frames for text in frame.text]
        case "MP4":
            return [bytes(value).decode(errors="replace") for value in file.tags.get(_MP4_KEY, [])]
        case _:
            return [str(text) for text in file.tags.get(FIELD, [])]


def _save_comments(file: Any, moods: Sequence[str]) -> None:
    file.tags[FIELD] = list(moods)
    file.save()


def _save_mp4(file: Any, moods: Sequence[str]) -> None:
    file.tags[_MP4_KEY] = [_mutagen("mp4").MP4FreeForm(mood.encode()) for mood in moods]
    file.save()


def _save_id3(file: Any, moods: Sequence[str]) -> None:
    """In the version that the file has: many players know ID3v2.3 alone, which has no frame for moods."""
    id3 = _mutagen("id3")
    for earlier in ("TMOO", f"TXXX:{FIELD}"):
        file.tags.delall(earlier)
    if file.tags.version[:2] == (2, 3):
        file.tags.update_to_v23()
        file.tags.add(id3.TXXX(encoding=1, desc=FIELD, text=list(moods)))
        file.save(v2_version=3)
    else:
        file.tags.add(id3.TMOO(encoding=3, text=list(moods)))
        file.save()


_KINDS: Final = ("MP3", "FLAC", "OggVorbis", "OggOpus", "OggFLAC", "MP4")
_SAVE: Final = {"MP3": _save_id3, "MP4": _save_mp4}


def _mutagen(module: str = "") -> Any:
    """The library, an extra: imported when the first tag is written."""
    return importlib.import_module(f"mutagen.{module}" if module else "mutagen")


def _sound_alike(first: Path, second: Path) -> bool:
    """Whether two files decode to the same samples."""
    try:
        with (
            open_stream(first, max_minutes=float("inf")) as one,
            open_stream(second, max_minutes=float("inf")) as two,
        ):
            shapes = one.rate_hz, one.channels, two.rate_hz, two.channels
            blocks = zip_longest(one.blocks(_BLOCK_FRAMES), two.blocks(_BLOCK_FRAMES))
            return shapes[:2] == shapes[2:] and all(
                a is not None and b is not None and np.array_equal(a, b) for a, b in blocks
            )
    except AttuneError:
        return False
