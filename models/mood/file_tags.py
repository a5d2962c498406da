"""Moods, tempo, key and genre written into the tags of sound files, through mutagen (extra `tags`)."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.errors import AttuneError, TagsError
from core.extras import missing_library
from core.files import replace_atomically, writing
from models.audio import open_stream


class TagField(StrEnum):
    """A field of a file's tags, by its name in FLAC, Ogg Vorbis and Opus."""

    MOOD = "MOOD"
    BPM = "BPM"
    KEY = "INITIALKEY"
    GENRE = "GENRE"


FIELD: Final = str(TagField.MOOD)
"""Field of moods in FLAC, Ogg Vorbis, Opus and M4A; in MP3 it is the frame TMOO, or TXXX:MOOD in ID3v2.3."""

_BLOCK_FRAMES: Final = 65_536
# The frames of ID3v2.4 (id3.org), and the atoms of M4A as iTunes and mutagen name them.
_ID3_FRAMES: Final = {
    TagField.MOOD: "TMOO",
    TagField.BPM: "TBPM",
    TagField.KEY: "TKEY",
    TagField.GENRE: "TCON",
}
_MP4_KEYS: Final = {
    TagField.MOOD: "----:com.apple.iTunes:MOOD",
    TagField.BPM: "tmpo",
    TagField.KEY: "----:com.apple.iTunes:initialkey",
    TagField.GENRE: "\xa9gen",
}

TagValues = Mapping[TagField, Sequence[str]]


def write_moods(path: Path, moods: Sequence[str]) -> list[str]:
    """Write moods into a file's tags, change nothing else, and return the moods that it had before.

    Earlier moods are replaced.

    Parameters
    ----------
    path
        As in `write_tags`.
    moods
        At least one, the strongest first.

    Raises
    ------
    TagsError
        As in `write_tags`.
    """
    return list(write_tags(path, {TagField.MOOD: moods}, overwrite=True).get(TagField.MOOD, ()))


def write_tags(path: Path, values: TagValues, *, overwrite: bool) -> dict[TagField, list[str]]:
    """Write fields into a file's tags, change nothing else, and return what they held before.

    The tags are written into a copy, which replaces the file only after all its samples were found equal.

    Parameters
    ----------
    path
        An MP3, FLAC, Ogg Vorbis, Opus or M4A file; a symbolic link stays one.
    values
        At least one for each field; a tempo is a whole number.
    overwrite
        Replace what a field holds already; else it is left as it is.

    Returns
    -------
    before
        What each of the fields held, empty lists left out: without `overwrite` those that were not written.

    Raises
    ------
    TagsError
        The extra `tags` is not installed, the file cannot hold tags or may not be changed, the disk is full,
        or the copy does not sound the same. The file is then unchanged.
    """
    real = path.resolve()
    if not os.access(real, os.W_OK):
        raise TagsError(f"{path} may not be changed: change its permissions, or leave --write-tags out.")
    before = _read(real, str(path), tuple(values))
    wanted = {field: list(given) for field, given in values.items() if overwrite or field not in before}
    if not wanted:
        return before
    advice = "change the folder's permissions, or close what holds the file open"
    with writing(f"Tags of {path}", error_type=TagsError, advice=advice), replace_atomically(real) as copy:
        shutil.copy2(real, copy)
        _write(copy, str(path), wanted)
        if not _sound_alike(real, copy):
            raise TagsError(
                f"{path} would sound different with tags, so it was left as it was: get a fresh copy."
            )
    return before


def _read(file: Path, name: str, fields: Sequence[TagField]) -> dict[TagField, list[str]]:
    with _described(name):
        tags = _opened(file, name)
        held = {field: _values_in(tags, field) for field in fields}
    return {field: values for field, values in held.items() if values}


def _write(copy: Path, name: str, values: TagValues) -> None:
    with _described(name):
        file = _opened(copy, name)
        if file.tags is None:
            file.add_tags()
        _SAVE.get(type(file).__name__, _save_comments)(file, values)


@contextmanager
def _described(name: str) -> Iterator[None]:
    if importlib.util.find_spec("mutagen") is None:
        raise TagsError(missing_library("tags", "mutagen"))
    refusal: type[Exception] = _mutagen().MutagenError
    try:
        yield
    except refusal as error:
        raise TagsError(
            f"The tags of {name} cannot be read or written ({error}): repair them first."
        ) from error


def _opened(path: Path, name: str) -> Any:
    file = _mutagen().File(path, options=[getattr(_mutagen(kind.lower()), kind) for kind in _KINDS])
    if file is None:
        raise TagsError(
            f"{name} cannot hold tags: only MP3, FLAC, Ogg Vorbis, Opus and M4A files can; convert it, "
            "or leave --write-tags out."
        )
    return file


def _values_in(file: Any, field: TagField) -> list[str]:
    if file.tags is None:
        return []
    match type(file).__name__:
        case "MP3":
            frames = file.tags.getall(_ID3_FRAMES[field])
            if field is TagField.MOOD:
                frames += file.tags.getall(f"TXXX:{FIELD}")
            texts = [str(text) for frame in frames for text in getattr(frame, "genres", frame.text)]
        case "MP4":
            held = file.tags.get(_MP4_KEYS[field], [])
            texts = [
                bytes(value).decode(errors="replace") if isinstance(value, bytes) else str(value)
                for value in held
            ]
        case _:
            texts = [str(text) for text in file.tags.get(field, [])]
    return [text for text in texts if text.strip() and text != "0"]


def _save_comments(file: Any, values: TagValues) -> None:
    for field, given in values.items():
        file.tags[field] = list(given)
    file.save()


def _save_mp4(file: Any, values: TagValues) -> None:
    freeform = _mutagen("mp4").MP4FreeForm
    for field, given in values.items():
        match field:
            case TagField.BPM:
                held: list[Any] = [int(value) for value in given]
            case TagField.GENRE:
                held = list(given)
            case _:
                held = [freeform(value.encode()) for value in given]
        file.tags[_MP4_KEYS[field]] = held
    file.save()


def _save_id3(file: Any, values: TagValues) -> None:
    """In the file's own version: many players read only ID3v2.3, which has no frame for moods."""
    id3 = _mutagen("id3")
    third = file.tags.version[:2] == (2, 3)
    if third:
        file.tags.update_to_v23()
    for field, given in values.items():
        file.tags.delall(_ID3_FRAMES[field])
        if field is TagField.MOOD:
            file.tags.delall(f"TXXX:{FIELD}")
            if third:
                file.tags.add(id3.TXXX(encoding=1, desc=FIELD, text=list(given)))
                continue
        file.tags.add(getattr(id3, _ID3_FRAMES[field])(encoding=1 if third else 3, text=list(given)))
    file.save(v2_version=3 if third else 4)


_KINDS: Final = ("MP3", "FLAC", "OggVorbis", "OggOpus", "OggFLAC", "MP4")
_SAVE: Final = {"MP3": _save_id3, "MP4": _save_mp4}


def _mutagen(module: str = "") -> Any:
    """The library is an extra, imported with the first tag."""
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
