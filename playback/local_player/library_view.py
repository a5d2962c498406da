"""What the local player can play: the library as it was last read, and why nothing is to be had."""

from __future__ import annotations

from pathlib import Path

from core.errors import MusicError
from playback.library.database import WHERE_TO_SCAN
from playback.library.playlists import Lists, lists_of
from playback.library.tracks import library_mark, read_library
from playback.player import ConnectionState, PlayerConnection


class LibraryView:
    """Reads a library, and again where it has changed; one thread alone may use it.

    Parameters
    ----------
    database
        Its file.
    """

    def __init__(self, database: Path) -> None:
        self.lists = Lists()
        self.problem = ""  # one sentence on why it cannot be read; else empty
        self._database = database
        self._mark: object = None

    def read(self, *, anew: bool = False) -> None:
        """Read the library where it has changed, or `anew`."""
        mark = library_mark(self._database)
        if mark == self._mark and not anew:
            return
        try:
            self.lists = lists_of(read_library(self._database))
        except MusicError as error:
            self._mark, self.problem = None, str(error)
        else:
            self._mark, self.problem = mark, ""

    @property
    def folder_problem(self) -> str:
        """One sentence where the music folder is not there; else empty."""
        folder = self.lists.library.folder
        if folder is None or folder.is_dir():
            return ""
        gone = f"The music folder {folder} is not there any more"
        return f"{gone}: connect its disk, or scan another ({WHERE_TO_SCAN})."

    def connection(self, *, sound_problem: str, skipped: str) -> PlayerConnection:
        """Whether there is something to play.

        Parameters
        ----------
        sound_problem
            One sentence on why nothing comes out of the loudspeaker; else empty.
        skipped
            One sentence on a track that could not be played; else empty.
        """
        library = self.lists.library
        if not self.lists.playlists:
            unplayable = f"None of the {len(library.rows)} files of {library.folder} can be played"
            nothing = (
                f"No music folder was scanned yet: scan yours ({WHERE_TO_SCAN})."
                if library.folder is None
                else f"{unplayable}: scan another folder ({WHERE_TO_SCAN})."
            )
            message, needs_music = self.problem or nothing, not self.problem
            return PlayerConnection(ConnectionState.DISCONNECTED, message, needs_music=needs_music)
        if problem := self.problem or sound_problem or self.folder_problem:
            return PlayerConnection(ConnectionState.DEGRADED, problem)
        ready = f"{len(library.playable)} tracks of {library.folder} are ready."
        return PlayerConnection(ConnectionState.CONNECTED, f"{ready} {skipped}".strip())
