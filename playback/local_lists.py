"""Owns which playlists a music library gives: one for each style, and one for each folder of some tracks."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from playback.library import Library, TrackRow
from playback.player import PlayerKind, Playlist
from playback.style_scores import playlist_for, style_scores
from playback.styles import Style

__all__ = ["Lists", "lists_of"]

_FOLDER_TRACKS: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """The playlists of a library as it was read.

    Parameters
    ----------
    library
        All that is known.
    playlists
        By their addresses: styles first, then folders in the order of their paths.
    """

    library: Library = field(default_factory=Library)
    playlists: Mapping[str, Playlist] = field(default_factory=dict)
    folders: Mapping[str, Sequence[TrackRow]] = field(default_factory=dict)
    heard: Sequence[TrackRow] = ()
    scores: npt.NDArray[np.float64] | None = None

    def rows(self, playlist: Playlist, *, seed: int) -> Sequence[TrackRow]:
        """Tracks of a playlist: of a style made anew for each seed, of a folder in the order of its files."""
        if playlist.style is None:
            return self.folders.get(playlist.uri, ())
        return playlist_for(playlist.style, self.heard, seed=seed, scores=self.scores)


def lists_of(library: Library) -> Lists:
    """Find the playlists of a library."""
    heard = library.with_mood
    scores = style_scores(np.stack([row.moods for row in heard if row.moods is not None])) if heard else None
    folders = _folders(library)
    leaves = Counter(place.name for place in folders)
    playlists = []
    by_uri = {}
    if heard:
        playlists = [
            Playlist(
                f"{PlayerKind.LOCAL.value}:style:{style.value}",
                style.value.capitalize(),
                tracks=len(playlist_for(style, heard, scores=scores)),
                style=style,
            )
            for style in Style
        ]
    for place, rows in folders.items():
        text = _text(place)
        name = text if leaves[place.name] > 1 else _text(Path(place.name))
        if place == Path():
            name = _text(Path(library.folder.name)) if library.folder else text
        playlists.append(Playlist(f"{PlayerKind.LOCAL.value}:folder:{text}", name, tracks=len(rows)))
        by_uri[playlists[-1].uri] = rows
    return Lists(library, {playlist.uri: playlist for playlist in playlists}, by_uri, heard, scores)


def _folders(library: Library) -> dict[Path, list[TrackRow]]:
    """Folders, seen from the library's own, that hold some tracks themselves."""
    found: dict[Path, list[TrackRow]] = {}
    for row in library.playable:
        if library.folder is not None and row.path.is_relative_to(library.folder):
            found.setdefault(row.path.parent.relative_to(library.folder), []).append(row)
    return {place: rows for place, rows in sorted(found.items()) if len(rows) >= _FOLDER_TRACKS}


def _text(place: Path) -> str:
    """A path as text that any file can hold, whatever its bytes are."""
    return os.fsencode(place.as_posix()).decode(errors="replace")
