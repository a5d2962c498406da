"""Owns the indexing of a music folder: what is new or changed is heard, what is gone is forgotten."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from core.errors import AnalysisCancelledError, AttuneError, AudioDecodeError, MusicError
from playback.library import TrackRow, put_rows, read_library, remove_rows, set_folder
from playback.library_schema import prepare, using, writing
from playback.song_tags import read_song_tags

__all__ = ["OnProgress", "Scanned", "Score", "TrackMood", "scan"]

_LOG = logging.getLogger(__name__)
_MOST_FILES: Final = 200_000
_DEEPEST: Final = 40
_COMMIT_FILES: Final = 8
_COMMIT_S: Final = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class TrackMood:
    """What was heard of one file.

    Parameters
    ----------
    moods
        float32, shape (59,): probabilities in the order of `models.mood.tags.TAGS`; zeros where it is silent.
    duration_s
        Of its sound.
    rms, peak
        Of its samples, 1 is full scale (`playback.levels.Level`).
    """

    moods: npt.NDArray[np.float32]
    duration_s: float
    rms: float
    peak: float


Score = Callable[[Path], TrackMood]
"""Hears one file; raises `AudioDecodeError` where it cannot, `AnalysisCancelledError` when stopped."""

OnProgress = Callable[[int, int], None]
"""Called with the files seen to and those in all."""

_Stamp = tuple[int, int]  # size and time of change


@dataclass(frozen=True, slots=True)
class Scanned:
    """What an indexing has done.

    Parameters
    ----------
    folder
        Which was looked through.
    files
        Of music in it.
    heard, unchanged, moved, removed
        Files that were heard anew, that were known, that were known under another name, that are gone.
    unreadable
        Files that cannot be read, of those heard anew.
    complete
        It was not stopped before its end.
    notice
        One sentence on what was survived (a corrupt library, folders that may not be read); else empty.
    """

    folder: Path
    files: int = 0
    heard: int = 0
    unchanged: int = 0
    moved: int = 0
    removed: int = 0
    unreadable: int = 0
    complete: bool = True
    notice: str = ""


def scan(
    folder: Path,
    database: Path,
    score: Score,
    *,
    fingerprint: str,
    suffixes: Collection[str],
    on_progress: OnProgress | None = None,
    cancelled: Callable[[], bool] | None = None,
    retry: bool = False,
) -> Scanned:
    """Index a folder and all in it; what is done is kept, however it ends, and the next scan goes on there.

    A library is that of one folder: one that lies in it is brought up to date alone, one around it takes its
    place, and with another one all that lies elsewhere is forgotten.

    Parameters
    ----------
    folder
        Where the music lies. Hidden files and folders in it are left out.
    database
        Of the library.
    score
        Hears one file.
    fingerprint
        Tells what `score` would hear from what others did: with another one every file is heard anew.
    suffixes
        Of music files, in lower case, with their dots.
    on_progress, cancelled
        See `OnProgress`; asked between files.
    retry
        Files that could not be read are tried again, though they have not changed.

    Raises
    ------
    MusicError
        There is no such folder or no music in it, it vanished on the way, or the library cannot be written.
    AttuneError
        `score` raised one that has nothing to do with the file.
    """
    folder = folder.expanduser().absolute()
    cancelled = cancelled or (lambda: False)
    notice = prepare(database)
    try:
        found, blind = _found(folder, suffixes, cancelled)
    except AnalysisCancelledError:
        return Scanned(folder, complete=False, notice=notice)
    library = read_library(database)
    if not found:
        kept = f" The {len(library.rows)} files that were indexed before are kept." if library.rows else ""
        raise MusicError(f"There is no music in {folder}: connect its disk, or name another folder.{kept}")
    notice = " ".join(filter(None, (notice, _left_out(folder, found, blind))))
    task = _Task(folder, score, fingerprint, found, retry=retry)
    with using(database, writable=True) as connection:
        begun = task.begin(connection, library.folder, {row.path: row for row in library.rows}, blind)
        return task.hear(connection, replace(begun, notice=notice), on_progress, cancelled)


class _Task:
    """One scan, once it is known which files there are."""

    def __init__(
        self,
        folder: Path,
        score: Score,
        fingerprint: str,
        found: Mapping[Path, _Stamp],
        *,
        retry: bool,
    ) -> None:
        self._folder = folder
        self._score = score
        self._fingerprint = fingerprint
        self._found = found
        self._retry = retry
        self._known: set[Path] = set()
        self._waiting: list[TrackRow] = []
        self._kept_s = time.monotonic()

    def begin(
        self,
        connection: sqlite3.Connection,
        root: Path | None,
        rows: Mapping[Path, TrackRow],
        blind: Collection[Path],
    ) -> Scanned:
        """Forget what is gone, and know again what only bears another name."""
        within = root is not None and self._folder.is_relative_to(root)
        gone = {
            path: row
            for path, row in rows.items()
            if path not in self._found
            and not (within and not path.is_relative_to(self._folder))
            and not any(path.is_relative_to(place) for place in blind)
        }
        moved = _moved(gone, {path: stamp for path, stamp in self._found.items() if path not in rows})
        with writing(connection):
            set_folder(connection, root if within and root is not None else self._folder)
            remove_rows(connection, gone)
            put_rows(connection, moved)
        for row in (*rows.values(), *moved):
            tried = not (row.problem and self._retry)
            same = self._found.get(row.path) == (row.size, row.mtime_ns)
            if same and tried and row.fingerprint == self._fingerprint:
                self._known.add(row.path)
        unchanged = len(self._known.difference(row.path for row in moved))
        return Scanned(
            self._folder,
            files=len(self._found),
            unchanged=unchanged,
            moved=len(moved),
            removed=len(gone) - len(moved),
        )

    def hear(
        self,
        connection: sqlite3.Connection,
        begun: Scanned,
        on_progress: OnProgress | None,
        cancelled: Callable[[], bool],
    ) -> Scanned:
        """Hear what is new or changed, and keep it every few files."""
        left = [path for path in self._found if path not in self._known]
        done, heard, unreadable, complete = len(self._found) - len(left), 0, 0, True
        try:
            if on_progress is not None:
                on_progress(done, len(self._found))
            for path in left:
                if cancelled():
                    complete = False
                    break
                row = self._row(path)
                done += 1
                if row is not None:
                    heard += 1
                    unreadable += bool(row.problem)
                    self._waiting.append(row)
                    self._keep(connection, at_once=False)
                if on_progress is not None:
                    on_progress(done, len(self._found))
        except AnalysisCancelledError:
            complete = False
        except BaseException:  # also Ctrl-C: what was heard is kept
            with suppress(sqlite3.Error):
                self._keep(connection, at_once=True)
            raise
        self._keep(connection, at_once=True)
        return replace(begun, heard=heard, unreadable=unreadable, complete=complete)

    def _row(self, path: Path) -> TrackRow | None:
        """What is heard of a file; None where it is not there any more."""
        size, mtime_ns = self._found[path]
        try:
            mood = self._score(path)
        except AnalysisCancelledError:
            raise
        except AudioDecodeError as error:
            problem = str(error)
        except OSError as error:
            problem = f"{path.name} cannot be read ({error.strerror or error}): check the file."
        except AttuneError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad file must not stop the others
            _LOG.exception("a file cannot be indexed")
            problem = f"{path.name} cannot be used ({type(error).__name__}): the program's log says more."
        else:
            tags = read_song_tags(path)
            return TrackRow(
                path,
                size,
                mtime_ns,
                *(tags.title, tags.artist, tags.album),
                *(mood.duration_s, mood.rms, mood.peak),
                mood.moods,
                self._fingerprint,
            )
        if not self._folder.is_dir():
            raise MusicError(
                f"The music folder {self._folder} is not there any more, but what was indexed is kept: "
                "connect its disk and scan again."
            )
        if not path.exists():
            return None
        return TrackRow(path, size, mtime_ns, path.stem, fingerprint=self._fingerprint, problem=problem)

    def _keep(self, connection: sqlite3.Connection, *, at_once: bool) -> None:
        due = len(self._waiting) >= _COMMIT_FILES or time.monotonic() - self._kept_s > _COMMIT_S
        if self._waiting and (at_once or due):
            with writing(connection):
                put_rows(connection, self._waiting)
            self._waiting.clear()
            self._kept_s = time.monotonic()


def _found(
    folder: Path, suffixes: Collection[str], cancelled: Callable[[], bool]
) -> tuple[dict[Path, _Stamp], list[Path]]:
    """Music files in the order of their paths, each once; and the folders that may not be read."""
    found: dict[Path, _Stamp] = {}
    blind: list[Path] = []
    seen: set[tuple[int, int]] = set()
    waiting = [(folder, 0)]
    while waiting and len(found) < _MOST_FILES:
        place, depth = waiting.pop()
        if cancelled():
            raise AnalysisCancelledError(f"The look through {folder} was stopped.")
        try:
            status = place.stat()
            # By their numbers: links may lead in circles.
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            inside = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            if place == folder:
                raise MusicError(
                    f"The music folder {folder} cannot be read ({error.strerror}): connect its disk, or name "
                    "another folder."
                ) from error
            blind.append(place)
            continue
        for entry in inside:
            if entry.name.startswith("."):
                continue
            with suppress(OSError):  # a link that leads nowhere, a file that has just gone
                if entry.is_dir():
                    if depth < _DEEPEST:
                        waiting.append((Path(entry.path), depth + 1))
                elif Path(entry.name).suffix.lower() in suffixes and entry.is_file():
                    status = Path(entry.path).stat()
                    if (status.st_dev, status.st_ino) not in seen:
                        seen.add((status.st_dev, status.st_ino))
                        found[Path(entry.path)] = (status.st_size, status.st_mtime_ns)
    return dict(sorted(found.items())), blind


def _left_out(folder: Path, found: Collection[Path], blind: list[Path]) -> str:
    if len(found) >= _MOST_FILES:
        return f"{folder} holds more than {_MOST_FILES} files of music: the rest was left out."
    match blind:
        case []:
            return ""
        case [one]:
            return f"The folder {one} may not be read, so it was left out: change its permissions."
        case _:
            return f"{len(blind)} folders may not be read, so they were left out; {blind[0]} is one of them."


def _moved(gone: Mapping[Path, TrackRow], new: Mapping[Path, _Stamp]) -> list[TrackRow]:
    """Rows of gone files under the new names of files that are their like to the byte and the nanosecond."""
    before = Counter((row.size, row.mtime_ns) for row in gone.values())
    after = Counter(new.values())
    rows = {(row.size, row.mtime_ns): row for row in gone.values()}
    return [
        _renamed(rows[stamp], path)
        for path, stamp in new.items()
        if before[stamp] == after[stamp] == 1 and not rows[stamp].problem
    ]


def _renamed(row: TrackRow, path: Path) -> TrackRow:
    tags = read_song_tags(path)
    return replace(row, path=path, title=tags.title, artist=tags.artist, album=tags.album)
