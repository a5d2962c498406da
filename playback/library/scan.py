"""Indexing of a music folder: what is new or changed is analysed, what is gone is forgotten."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from core.errors import AnalysisCancelledError, AttuneError, AudioDecodeError, MusicError
from core.folders import find_files
from core.sqlite import transaction
from playback.library.database import prepare, using
from playback.library.song_tags import read_song_tags
from playback.library.track_facts import TrackFacts
from playback.library.tracks import Library, TrackRow, put_rows, read_library, remove_rows, set_folder

_LOG = logging.getLogger(__name__)
_COMMIT_FILES: Final = 8
_COMMIT_S: Final = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class TrackMood:
    """What the analysis of one file gives."""

    # float32, shape (59,): probabilities in the order of `core.mood_tags.TAGS`; zeros without music.
    moods: npt.NDArray[np.float32]
    duration_s: float  # of its sound
    # Of its samples, 1 is full scale (`playback.library.loudness.Loudness`).
    rms: float
    peak: float
    notices: tuple[str, ...] = ()  # one sentence for each thing that is wrong with the file
    facts: TrackFacts | None = None  # tempo, key and all else that was found
    embedding: npt.NDArray[np.float16] | None = None  # float16, shape (1024,): of its music; None without


Score = Callable[[Path], TrackMood]
"""Analyses one file; raises `AudioDecodeError` where it cannot, `AnalysisCancelledError` when stopped."""

OnProgress = Callable[[int, int], None]  # called with the files that are done and those in all

_Stamp = tuple[int, int]  # size and time of change


@dataclass(frozen=True, slots=True)
class Scanned:
    """What an indexing has done."""

    # Which folder, and files of music in it.
    folder: Path
    files: int = 0
    # Files that were analysed, that were known, that were known under another name, that are gone.
    heard: int = 0
    unchanged: int = 0
    moved: int = 0
    removed: int = 0
    unreadable: int = 0  # files that cannot be read, of those analysed
    complete: bool = True  # it was not stopped before its end
    # Sentences on what was survived (a corrupt library, folders that may not be read); else empty.
    notice: str = ""
    faults: tuple[str, ...] = ()  # sentences on files that were heard though something is wrong with them


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
        Where the music lies; looked through by `core.folders.find_files`.
    database
        Of the library.
    score
        Analyses one file.
    fingerprint
        Of the models behind `score`: with another one every file is analysed anew.
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
    try:
        folder = folder.expanduser().absolute()
    except (OSError, RuntimeError) as error:  # the working folder is gone; nobody has such a home
        raise MusicError(f"The music folder {folder} cannot be found ({error}): name another.") from error
    cancelled = cancelled or (lambda: False)
    notice = prepare(database)
    try:
        contents = find_files(folder, suffixes, cancelled=cancelled)
    except AnalysisCancelledError:
        return Scanned(folder, complete=False, notice=notice)
    except OSError as error:
        raise MusicError(
            f"The music folder {folder} cannot be read ({error.strerror}): connect its disk, or name "
            "another folder."
        ) from error
    found = {path: (status.st_size, status.st_mtime_ns) for path, status in sorted(contents.files.items())}
    library = read_library(database)
    if not found:
        kept = f" The {len(library.rows)} files that were indexed before are kept." if library.rows else ""
        why = " ".join(("connect its disk, or name another folder.", *contents.notices))
        raise MusicError(f"There is no music in {folder}: {why}{kept}")
    notice = " ".join(filter(None, (notice, *contents.notices)))
    with using(database, writable=True) as connection:
        moved, removed = _forget_gone(connection, folder, found, library, contents.left_out)
        known = {
            row.path
            for row in (*library.rows, *moved)
            if found.get(row.path) == (row.size, row.mtime_ns)
            and row.fingerprint == fingerprint
            and not (row.problem and retry)
        }
        begun = Scanned(
            folder,
            files=len(found),
            unchanged=len(known.difference(row.path for row in moved)),
            moved=len(moved),
            removed=removed,
            notice=notice,
        )
        new = {path: stamp for path, stamp in found.items() if path not in known}
        analyse = partial(_analyse, folder, score, fingerprint)
        return _analyse_all(connection, begun, new, analyse, on_progress or (lambda *_: None), cancelled)


def _forget_gone(
    connection: sqlite3.Connection,
    folder: Path,
    found: Mapping[Path, _Stamp],
    library: Library,
    blind: Collection[Path],
) -> tuple[list[TrackRow], int]:
    """Forget what is gone: rows of files that only bear another name now, and how many are gone for good."""
    root = library.folder
    within = root is not None and folder.is_relative_to(root)
    rows = {row.path: row for row in library.rows}
    gone = {
        path: row
        for path, row in rows.items()
        if path not in found
        and not (within and not path.is_relative_to(folder))
        and not any(path.is_relative_to(place) for place in blind)
    }
    moved = _moved(gone, {path: stamp for path, stamp in found.items() if path not in rows})
    with transaction(connection):
        set_folder(connection, root if within and root is not None else folder)
        remove_rows(connection, gone)
        put_rows(connection, moved)
    return moved, len(gone) - len(moved)


def _analyse_all(
    connection: sqlite3.Connection,
    begun: Scanned,
    new: Mapping[Path, _Stamp],
    analyse: Callable[[Path, _Stamp, list[str]], TrackRow | None],
    on_progress: OnProgress,
    cancelled: Callable[[], bool],
) -> Scanned:
    """Analyse what is new or changed, and keep it every few files."""
    waiting: list[TrackRow] = []
    faults: list[str] = []
    kept_s = time.monotonic()

    def keep() -> None:
        if waiting:
            with transaction(connection):
                put_rows(connection, waiting)
            waiting.clear()

    done, analysed, unreadable, complete = begun.files - len(new), 0, 0, True
    try:
        on_progress(done, begun.files)
        for path, stamp in new.items():
            if cancelled():
                complete = False
                break
            row = analyse(path, stamp, faults)
            done += 1
            if row is not None:
                analysed += 1
                unreadable += bool(row.problem)
                waiting.append(row)
                if len(waiting) >= _COMMIT_FILES or time.monotonic() - kept_s > _COMMIT_S:
                    keep()
                    kept_s = time.monotonic()
            on_progress(done, begun.files)
    except AnalysisCancelledError:
        complete = False
    except BaseException:  # also Ctrl-C: what was analysed is kept
        with suppress(sqlite3.Error):
            keep()
        raise
    keep()
    return replace(begun, heard=analysed, unreadable=unreadable, complete=complete, faults=tuple(faults))


def _analyse(
    folder: Path, score: Score, fingerprint: str, path: Path, stamp: _Stamp, faults: list[str]
) -> TrackRow | None:
    """What the analysis of a file gives; None where it is not there any more. Adds to its `faults`."""
    size, mtime_ns = stamp
    try:
        mood = score(path)
    except AudioDecodeError as error:
        problem = str(error)
    except AttuneError:
        raise
    except OSError as error:
        problem = f"{path.name} cannot be read ({error.strerror or error}): check the file."
    except Exception as error:  # noqa: BLE001 - one bad file must not stop the others
        _LOG.exception("a file cannot be indexed")
        problem = f"{path.name} cannot be used ({type(error).__name__}): the program's log says more."
    else:
        faults += (f"{path}: {notice}" for notice in mood.notices)
        tags = read_song_tags(path)
        return TrackRow(
            path,
            size,
            mtime_ns,
            *(tags.title, tags.artist, tags.album),
            *(mood.duration_s, mood.rms, mood.peak),
            mood.moods,
            fingerprint,
            fault=" ".join(mood.notices),
            facts=mood.facts,
            embedding=mood.embedding,
        )
    if not folder.is_dir():
        raise MusicError(
            f"The music folder {folder} is not there any more, but what was indexed is kept: "
            "connect its disk and scan again."
        )
    if not path.exists():
        return None
    return TrackRow(path, size, mtime_ns, path.stem, fingerprint=fingerprint, problem=problem)


def _moved(gone: Mapping[Path, TrackRow], new: Mapping[Path, _Stamp]) -> list[TrackRow]:
    """Rows of gone files under the new names of files that are their like to the byte and the nanosecond."""
    before = Counter((row.size, row.mtime_ns) for row in gone.values())
    after = Counter(new.values())
    rows = {(row.size, row.mtime_ns): row for row in gone.values()}
    moved = []
    for path, stamp in new.items():
        if before[stamp] == after[stamp] == 1 and not rows[stamp].problem:
            tags = read_song_tags(path)
            moved.append(
                replace(rows[stamp], path=path, title=tags.title, artist=tags.artist, album=tags.album)
            )
    return moved
