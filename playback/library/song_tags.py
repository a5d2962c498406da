"""Title, artist and album of a music file, from its tags, else from its name."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import soundfile

from core.text import encodable

_LOG = logging.getLogger(__name__)
_LONGEST: Final = 200
_WORDS: Final = ("title", "artist", "album")


@dataclass(frozen=True, slots=True)
class SongTags:
    """What people call a track; artist and album may be empty."""

    title: str
    artist: str = ""
    album: str = ""


def read_song_tags(path: Path) -> SongTags:
    """Read the tags of a file; never raises, whatever the file holds.

    mutagen (the extra `tags`) knows most kinds of tags, libsndfile some. Where there is no title the file's
    name is it, and in ``Artist - Title.mp3`` the artist, too, where none is known.
    """
    found = dict.fromkeys(_WORDS, "")
    for read in (_by_mutagen, _by_sndfile):
        try:
            given = read(path)
        except Exception as error:  # noqa: BLE001 - tags of strangers: what they break is not worth a track
            _LOG.info("the tags of %s cannot be read: %s", path.name, error)
            continue
        found = {word: found[word] or _plain(given.get(word, "")) for word in _WORDS}
    stem = _plain(path.stem)
    if not found["title"]:
        artist, separator, title = stem.partition(" - ")
        if separator and title and not artist.strip().isdigit():
            return SongTags(title, found["artist"] or artist, found["album"])
    return SongTags(found["title"] or stem, found["artist"], found["album"])


def _by_mutagen(path: Path) -> dict[str, str]:
    if importlib.util.find_spec("mutagen") is None:
        return {}
    file = importlib.import_module("mutagen").File(path, easy=True)
    tags = getattr(file, "tags", None) or {}
    return {word: str(tags[word][0]) for word in _WORDS if tags.get(word)}


def _by_sndfile(path: Path) -> dict[str, str]:
    if path.suffix.lower() == ".mp3" and importlib.util.find_spec("mutagen") is not None:
        return {}  # it would print warnings on damaged ones, and knows no more than mutagen
    # A name need not be text, and as bytes it may be anything; on Windows it always is text.
    path = path.absolute()  # libsndfile takes a file called - for standard input
    with soundfile.SoundFile(path if sys.platform == "win32" else os.fsencode(path)) as file:
        tags: dict[str, str] = file.copy_metadata()
        return tags


def _plain(text: str) -> str:
    """On one line, without control characters, of bounded length."""
    plain = (" " if unicodedata.category(one) in {"Cc", "Zl", "Zp"} else one for one in encodable(text))
    return " ".join("".join(plain).split())[:_LONGEST]
