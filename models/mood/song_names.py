"""What a sound file calls itself: title and artist, through libsndfile, else through PyAV where installed."""

from __future__ import annotations

import importlib.util
import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import soundfile

_LOG = logging.getLogger(__name__)
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class SongNames:
    """What a file says of its song; empty where it does not."""

    title: str = ""
    artist: str = ""


def read_song_names(source: Path | bytes) -> SongNames:
    """Read title and artist; empty where the file does not say, or cannot be read.

    Parameters
    ----------
    source
        Its path or its content.
    """
    found = SongNames()
    for read in (_of_sndfile, _of_ffmpeg):
        try:
            tags = read(source)
        except Exception as error:  # noqa: BLE001 - a name is never a reason to stop
            _LOG.debug("no names were read: %s", error)
            continue
        found = SongNames(
            found.title or _plain(tags.get("title", "")), found.artist or _plain(tags.get("artist", ""))
        )
        if found.title and found.artist:
            break
    return found


def _plain(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]


def _of_sndfile(source: Path | bytes) -> Mapping[str, str]:
    with soundfile.SoundFile(_opened(source)) as file:
        tags: dict[str, str] = file.copy_metadata()
        return tags


def _of_ffmpeg(source: Path | bytes) -> Mapping[str, str]:
    if importlib.util.find_spec("av") is None:
        return {}
    av: Any = importlib.import_module("av")
    with av.open(_opened(source)) as file:
        found = (file.metadata, *(stream.metadata for stream in file.streams))
        return {name.lower(): str(value) for tags in found for name, value in tags.items()}


def _opened(source: Path | bytes) -> Any:
    return io.BytesIO(source) if isinstance(source, bytes) else str(source)
