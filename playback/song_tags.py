"""Owns what a music file says of itself: title, artist and album, from its tags, else from its name."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import soundfile

__all__ = ["SongTags", "read_song_tags"]

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
    with soundfile.SoundFile(path) as file:
        tags: dict[str, str] = file.copy_metadata()
        return tags


def _plain(text: str) -> str:
    """On one line, without signs that order a terminal about, of bounded length."""
    signs = (" " if unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"} else sign for sign in text)
    return " ".join("".join(signs).split())[:_LONGEST]
