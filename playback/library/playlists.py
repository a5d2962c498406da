"""The playlists of a music library: one for each style, and one for each folder of some tracks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from core.errors import MusicError
from core.text import encodable
from playback.library.plane_path import PlanePath, parse_place, path_length_problem, path_rows
from playback.library.tracks import Library, TrackRow
from playback.mapping.style_scores import playlist_for, style_scores
from playback.mapping.styles import Style
from playback.player import PlayerKind, Playlist

_FOLDER_TRACKS: Final = 3
_PATH: Final = f"{PlayerKind.LOCAL.value}:path:"


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """The playlists of a library as it was read."""

    library: Library = field(default_factory=Library)  # all that is known
    # By their addresses: styles first, then folders in the order of their paths.
    playlists: Mapping[str, Playlist] = field(default_factory=dict)
    folders: Mapping[str, Sequence[TrackRow]] = field(default_factory=dict)
    with_mood: Sequence[TrackRow] = ()
    scores: npt.NDArray[np.float64] | None = None

    def playlist(self, uri: str) -> Playlist | None:
        """The playlist of an address, that of a path over the plane too; None where there is none."""
        if (listed := self.playlists.get(uri)) is not None:
            return listed
        path = path_of(uri)
        rows = [] if path is None else path_rows(self.library.playable, path, round_number=0, seed=0)
        return None if path is None or not rows else Playlist(uri, path.name, tracks=len(rows))

    def rows(self, playlist: Playlist, *, seed: int, round_number: int = 0) -> Sequence[TrackRow]:
        """Tracks of a playlist: of a style made anew for each seed, of a folder in the order of its files.

        Of a path over the plane they are the path in the first round, and then tracks around its end.
        """
        if (path := path_of(playlist.uri)) is not None:
            return path_rows(self.library.playable, path, round_number=round_number, seed=seed)
        if playlist.style is None:
            return self.folders.get(playlist.uri, ())
        return playlist_for(playlist.style, self.with_mood, seed=seed, scores=self.scores)


def path_address(path: PlanePath) -> str:
    """Address by which the local player plays a path: ``local:path:sad:0.50,0.20:12``."""
    return f"{_PATH}{path.start}:{path.end}:{path.length}"


def path_of(uri: str) -> PlanePath | None:
    """The path of an address; None for any other address."""
    try:
        start, end, length = uri.removeprefix(_PATH).split(":")
        if not uri.startswith(_PATH) or path_length_problem(int(length)):
            return None
        for place in (start, end):
            parse_place(place)
        return PlanePath(start, end, int(length))
    except (ValueError, MusicError):
        return None


def lists_of(library: Library) -> Lists:
    """Find the playlists of a library."""
    with_mood = library.with_mood
    scores = (
        style_scores(np.stack([row.moods for row in with_mood if row.moods is not None]))
        if with_mood
        else None
    )
    folders = _folders(library)
    leaves = Counter(place.name for place in folders)
    playlists = []
    by_uri = {}
    if with_mood:
        playlists = [
            Playlist(
                f"{PlayerKind.LOCAL.value}:style:{style.value}",
                style.value.capitalize(),
                tracks=len(playlist_for(style, with_mood, scores=scores)),
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
    return Lists(library, {playlist.uri: playlist for playlist in playlists}, by_uri, with_mood, scores)


def _folders(library: Library) -> dict[Path, list[TrackRow]]:
    """Folders, seen from the library's own, that hold some tracks themselves."""
    found: dict[Path, list[TrackRow]] = {}
    for row in library.playable:
        if library.folder is not None and row.path.is_relative_to(library.folder):
            found.setdefault(row.path.parent.relative_to(library.folder), []).append(row)
    return {place: rows for place, rows in sorted(found.items()) if len(rows) >= _FOLDER_TRACKS}


def _text(place: Path) -> str:
    """A path as text that any file can hold, whatever its bytes are."""
    return encodable(place.as_posix())
