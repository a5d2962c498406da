"""The user's own music: indexed, in the background or at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from attune.engine.library_facts import facts_of
from core import paths
from core.errors import AttuneError, MusicError
from core.settings import Settings
from models.audio import SUPPORTED_SUFFIXES
from models.track.profile import TrackProfiler
from playback.library.loudness import Loudness
from playback.library.scan import OnProgress, Scanned, TrackMood, scan
from playback.library.tracks import Library, library_mark, read_library
from playback.serial_executor import SerialExecutor

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScanView:
    """The indexing of a music folder at one moment: files indexed, and found so far; why it broke off."""

    folder: Path
    done: int = 0
    total: int = 0
    problem: str = ""
    running: bool = True


class LibraryIndexing:
    """Indexes music folders for the local player; any thread may use it.

    Parameters
    ----------
    settings
        How long a file may be; may be replaced at any time.
    profiler
        Gives what profiles tracks, and a fingerprint of its models.
    on_indexed
        Called when an indexing in the background has ended.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        profiler: Callable[[], tuple[TrackProfiler, str]],
        on_indexed: Callable[[], None],
    ) -> None:
        self.settings = settings
        self._profiler = profiler
        self._on_indexed = on_indexed
        self._lock = threading.Lock()
        self._thread = SerialExecutor("attune-scan")
        self._cancelled = threading.Event()
        self._scanning: ScanView | None = None
        self._read: tuple[object, Library] | None = None

    def scan(
        self,
        folder: Path,
        on_progress: OnProgress | None = None,
        cancelled: Callable[[], bool] | None = None,
        *,
        retry: bool = False,
    ) -> Scanned:
        """Index a folder, on this thread; see `playback.library.scan.scan`.

        Raises
        ------
        AttuneError
            The folder, the library or the mood models cannot be used.
        """
        profiler, fingerprint = self._profiler()

        def score(path: Path) -> TrackMood:
            level = Loudness()
            found = profiler.profile(
                path,
                max_minutes=self.settings.max_file_minutes,
                on_sound=level.push,
                cancelled=cancelled,
            )
            mood = found.mood
            return TrackMood(
                *(mood.theme, mood.duration_s, level.rms, level.peak, mood.file_notices),
                facts=facts_of(found),
                embedding=found.embedding.astype(np.float16) if mood.has_music else None,
            )

        return scan(
            folder,
            paths.library_file(),
            score,
            fingerprint=fingerprint,
            suffixes=SUPPORTED_SUFFIXES,
            on_progress=on_progress,
            cancelled=cancelled,
            retry=retry,
        )

    @property
    def scanning(self) -> ScanView | None:
        """The indexing that goes on in the background, or the last one; None before the first."""
        return self._scanning

    @property
    def folder(self) -> Path | None:
        """The folder that was indexed; None where none was."""
        return self.known.folder

    @property
    def counts(self) -> tuple[int, int]:
        """Tracks that can be played, and files that cannot be read."""
        library = self.known
        playable = len(library.playable)
        return playable, len(library.rows) - playable

    def start_scan(self, folder: Path) -> None:
        """Begin to index a music folder in the background.

        Raises
        ------
        MusicError
            Another one is being indexed, or there is no such folder.
        """
        folder = folder.expanduser()
        with self._lock:
            if self._scanning is not None and self._scanning.running:
                raise MusicError(f"{self._scanning.folder} is being indexed: wait, or cancel it first.")
            if not folder.is_dir():
                raise MusicError(f"There is no folder {folder}: name the one that your music lies in.")
            self._scanning = ScanView(folder)
            self._cancelled = threading.Event()
            self._thread.post(partial(self._scan_in_background, folder, self._cancelled))

    def cancel_scan(self) -> None:
        """Stop indexing; what was indexed stays."""
        self._cancelled.set()

    def close(self) -> None:
        """Stop indexing, without waiting for the file that is being heard."""
        self.cancel_scan()
        self._thread.close(0.0)

    @property
    def known(self) -> Library:
        """What was indexed, as it is now; empty where it cannot be read."""
        mark = library_mark(paths.library_file())
        if self._read is None or self._read[0] != mark:
            try:
                self._read = mark, read_library(paths.library_file())
            except MusicError as error:
                _LOG.warning("%s", error)
                self._read = mark, Library()
        return self._read[1]

    def _scan_in_background(self, folder: Path, cancelled: threading.Event) -> None:
        def progress(done: int, total: int) -> None:
            self._scanning = ScanView(folder, done, total)

        problem = ""
        try:
            self.scan(folder, progress, cancelled.is_set)
        except AttuneError as error:
            problem = str(error)
        except Exception:  # noqa: BLE001 - whatever it is, the page must learn that it has ended
            _LOG.exception("a music folder could not be indexed")
            problem = f"{folder} could not be indexed: the program's log says why."
        self._scanning = replace(self._scanning or ScanView(folder), problem=problem, running=False)
        self._on_indexed()
