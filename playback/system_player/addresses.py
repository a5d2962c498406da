"""Addresses of playlists for the player that is open: ``system:`` and the link that it opens. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Final
from urllib.parse import unquote, unquote_to_bytes, urlsplit
from urllib.request import url2pathname

from core.text import printable
from playback.player import PlayerKind

PREFIX: Final = f"{PlayerKind.SYSTEM}:"
WEB: Final = ("http", "https")
SPOTIFY_KINDS: Final = ("playlist", "album", "artist", "show")
SPOTIFY_ID: Final = re.compile(r"[A-Za-z0-9]{22}")

_SPOTIFY: Final = re.compile(rf"spotify:(?:{'|'.join(SPOTIFY_KINDS)}):{SPOTIFY_ID.pattern}")
_MAX_LENGTH: Final = 8000


def is_link_address(uri: str) -> bool:
    """Whether an address is one that can be kept; whether anything is there is not looked at."""
    if not uri.startswith(PREFIX) or printable(uri) != uri or len(uri) > _MAX_LENGTH:
        return False
    link = link_of(uri)
    if link.startswith("spotify:"):
        return _SPOTIFY.fullmatch(link) is not None
    try:
        parts = urlsplit(link)
        if parts.scheme == "file":
            return parts.netloc == "" and parts.path.startswith("/")
        return parts.scheme in WEB and bool(parts.hostname)
    except ValueError:
        return False


def link_of(uri: str) -> str:
    """What a player is asked to open, for the address of a playlist."""
    return uri.removeprefix(PREFIX)


def scheme_of(link: str) -> str:
    """What kind of link it is: ``spotify``, ``file``, ``http`` or ``https``."""
    return link.partition(":")[0].lower()


def local_path(link: str) -> Path | None:
    """Where a file or folder of music lies; None for what is not on this machine."""
    parts = urlsplit(link)
    if parts.scheme != "file":
        return None
    if os.name == "nt":
        return Path(url2pathname(parts.path))
    return Path(os.fsdecode(unquote_to_bytes(parts.path)))  # a name need not be UTF-8


def holds(link: str, track: str, listed: Collection[str] = ()) -> bool:
    """Whether a track can come from a link; True where that cannot be told.

    Parameters
    ----------
    link
        What was opened.
    track
        Address of the track, as its player tells it; may be empty.
    listed
        The addresses in a file that lists tracks, without escapes; empty where it is none.
    """
    if scheme_of(link) == "spotify" or not track:
        return True
    if scheme_of(link) != "file":
        return scheme_of(track) != "file"
    opened, track = unquote(link).rstrip("/"), unquote(track)
    return track == opened or track.startswith(f"{opened}/") or track in listed
