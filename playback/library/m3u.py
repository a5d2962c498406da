"""Playlists as M3U files, which other players open."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from core.errors import MusicError
from core.files import replace_atomically, writing
from core.text import encodable
from playback.library.tracks import TrackRow


def m3u_content(rows: Sequence[TrackRow]) -> bytes:
    """Write tracks as extended M3U in UTF-8; paths are the file system's bytes, whatever they are.

    A path that holds a line break cannot be written, and is left out.
    """
    lines = [b"#EXTM3U"]
    for row in rows:
        path = os.fsencode(row.path)
        if b"\n" in path or b"\r" in path:
            continue
        seconds = -1 if row.duration_s is None else round(row.duration_s)
        name = " - ".join(filter(None, (row.artist, row.title)))
        lines += [encodable(f"#EXTINF:{seconds},{' '.join(name.split())}").encode(), path]
    return b"\n".join(lines) + b"\n"


def write_m3u(rows: Sequence[TrackRow], path: Path) -> None:
    """Write a playlist, in place of a file of that name.

    Raises
    ------
    MusicError
        It cannot be written.
    """
    advice = "name another place"
    with (
        writing(f"The playlist {path}", error_type=MusicError, advice=advice),
        replace_atomically(path) as part,
    ):
        part.write_bytes(m3u_content(rows))
