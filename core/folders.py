"""Files in a folder and all in it, found by one rule wherever folders are looked through."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from core.errors import AnalysisCancelledError

_MOST_FILES: Final = 200_000
_DEEPEST: Final = 40


class Obstacle(StrEnum):
    """Why something in a folder was left out."""

    UNREADABLE = "unreadable"
    DEAD_LINK = "dead link"
    TOO_DEEP = "too deep"
    TOO_MANY = "too many"


_SENTENCES: Final = {
    Obstacle.UNREADABLE: (
        "{path} may not be read, so it was left out: change its permissions.",
        "{count} places may not be read, so they were left out: change their permissions; "
        "{path} is one of them.",
    ),
    Obstacle.DEAD_LINK: (
        "The link {path} leads nowhere, so it was left out: connect the disk it leads to, or remove it.",
        "{count} links lead nowhere, so they were left out: connect the disks they lead to, or remove them; "
        "{path} is one of them.",
    ),
    Obstacle.TOO_DEEP: (
        f"{{path}} lies more than {_DEEPEST} folders deep, so it was left out: name it by itself.",
        f"{{count}} folders lie more than {_DEEPEST} deep, so they were left out: name them by themselves; "
        "{path} is one of them.",
    ),
    Obstacle.TOO_MANY: ("{path} holds too many files, so the rest was left out: name its folders.", ""),
}
"""For one place, and for several."""


@dataclass(frozen=True, slots=True)
class FolderContents:
    """What a folder and all in it hold."""

    # Each file once, by name; those of a folder before those of the folders in it.
    files: Mapping[Path, os.stat_result]
    left_out: Mapping[Path, Obstacle]  # what could not be looked at, in the order it was met

    @property
    def notices(self) -> tuple[str, ...]:
        """One sentence for each kind of thing that was left out."""
        return tuple(
            (one if len(paths) == 1 else several).format(path=paths[0], count=len(paths))
            for why, (one, several) in _SENTENCES.items()
            if (paths := [path for path, met in self.left_out.items() if met is why])
        )


def find_files(
    folder: Path,
    suffixes: Collection[str],
    *,
    most: int = _MOST_FILES,
    cancelled: Callable[[], bool] | None = None,
) -> FolderContents:
    """Find files in a folder and all in it.

    Links are followed once: a file or folder under two names is taken under its own, else under the first.
    Names that begin with a dot are passed over, as are files with other suffixes.

    Parameters
    ----------
    folder
        Where to look, however it is named.
    suffixes
        Of the files, in lower case, with their dots.
    most
        How many files at most.
    cancelled
        Asked before each folder; the search ends once it returns True.

    Raises
    ------
    OSError
        The folder itself cannot be read.
    AnalysisCancelledError
        `cancelled` returned True.
    """
    search = _Search(suffixes)
    search.look_into(folder, 0)
    while (search.folders or search.links) and len(search.files) <= most:
        if cancelled is not None and cancelled():
            raise AnalysisCancelledError(f"The look through {folder} was stopped.")
        if search.folders:
            search.look_into(*search.folders.popleft())
        else:  # links come last, so that what lies here keeps its own name
            search.follow(*search.links.popleft())
    if len(search.files) > most:
        search.left_out[folder] = Obstacle.TOO_MANY
    paths = sorted(search.files, key=_order)[:most]
    return FolderContents({path: search.files[path] for path in paths}, search.left_out)


def _order(path: Path) -> tuple[tuple[bool, str], ...]:
    *folders, name = path.parts
    return *((True, folder) for folder in folders), (False, name)


class _Search:
    """A search on its way: what was found, and what is still to be looked at with its depth."""

    def __init__(self, suffixes: Collection[str]) -> None:
        self.files: dict[Path, os.stat_result] = {}
        self.left_out: dict[Path, Obstacle] = {}
        self.folders: deque[tuple[Path, int]] = deque()
        self.links: deque[tuple[Path, int]] = deque()
        self._suffixes = suffixes
        self._seen: set[tuple[int, int]] = set()

    def look_into(self, folder: Path, depth: int) -> None:
        """Take the files of one folder, and note its folders and links."""
        if depth > _DEEPEST:
            self.left_out[folder] = Obstacle.TOO_DEEP
            return
        try:
            if not self._is_new(folder.stat()):
                return
            with os.scandir(folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            if not depth:
                raise
            self.left_out[folder] = Obstacle.UNREADABLE
            return
        for entry in inside:
            if entry.name.startswith("."):
                continue
            try:
                self._note(entry, depth + 1)
            except FileNotFoundError:  # it has just gone
                continue
            except OSError:
                self.left_out[folder] = Obstacle.UNREADABLE

    def follow(self, link: Path, depth: int) -> None:
        """Look where a link leads."""
        try:
            status = link.stat()
        except PermissionError:
            self.left_out[link] = Obstacle.UNREADABLE
        except OSError:
            self.left_out[link] = Obstacle.DEAD_LINK
        else:
            if stat.S_ISDIR(status.st_mode):
                self.folders.append((link, depth))
            else:
                self._take(link, status)

    def _note(self, entry: os.DirEntry[str], depth: int) -> None:
        path = Path(entry.path)
        if entry.is_symlink():
            self.links.append((path, depth))
        elif entry.is_dir(follow_symlinks=False):
            self.folders.append((path, depth))
        elif path.suffix.lower() in self._suffixes:
            self._take(path, path.stat())

    def _take(self, path: Path, status: os.stat_result) -> None:
        wanted = path.suffix.lower() in self._suffixes and stat.S_ISREG(status.st_mode)
        if wanted and self._is_new(status):
            self.files[path] = status

    def _is_new(self, status: os.stat_result) -> bool:
        """Told by the numbers of the file system; some give none."""
        numbers = status.st_dev, status.st_ino
        known = status.st_ino != 0 and numbers in self._seen
        self._seen.add(numbers)
        return not known
