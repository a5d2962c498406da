"""Owns the tracks that people bring: kept in memory, analysed one at a time, with progress and cancelling."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Final

from core.errors import AnalysisCancelledError, AttuneError, AudioDecodeError
from models.decoders import ffmpeg
from models.mood.store import ResultStore, Study, digest
from models.mood.tagger import MoodTagger
from models.mood.waveform import Peaks

__all__ = ["LoadModels", "Shelf", "Track", "TrackQueue", "TrackState"]

_LOG = logging.getLogger(__name__)

LoadModels = Callable[[], tuple[MoodTagger, str]]
"""Gives the models, and what tells them from all others; slow the first time only."""

_MAX_TRACKS: Final = 500
_MAX_HELD_BYTES: Final = 1_000_000_000
_PATIENCE_S: Final = 3_600.0
_STOP_S: Final = 5.0
_UNEXPECTED: Final = "could not be analysed for a reason that the program's log tells: try another file."


class TrackState(StrEnum):
    """How far a track has come."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One track as a page sees it.

    Parameters
    ----------
    key
        Tells it from every other of this process.
    name
        What it is called; two files of one name are told apart by a number.
    size_bytes
        Of the file.
    state
        How far it has come.
    progress
        How much of the work is done, 0 to 1; None where the file does not say how long it is.
    message
        Why there is no result, one sentence; else empty.
    study
        What was found; None before.
    audible
        Whether the sound is still at hand.
    """

    key: str
    name: str
    size_bytes: int
    state: TrackState = TrackState.WAITING
    progress: float | None = 0.0
    message: str = ""
    study: Study | None = None
    audible: bool = True

    @property
    def open(self) -> bool:
        """Whether there is still something to be done."""
        return self.state in {TrackState.WAITING, TrackState.WORKING}


@dataclass(slots=True, eq=False)
class _Job:
    """A track and its sound; changed under the queue's lock alone."""

    track: Track
    source: Path | bytes | None
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def held_bytes(self) -> int:
        return len(self.source) if isinstance(self.source, bytes) else 0


class TrackQueue:
    """Analyses tracks on one thread of its own, which ends when there is nothing left to do.

    Every door, or tab of a browser, has a `Shelf` of its own; they take turns, so that fifty tracks on one do
    not keep the single one on another waiting.

    Parameters
    ----------
    load
        See `LoadModels`; called on the thread, and again when it failed.
    store
        Where results are kept.
    max_minutes
        Longest sound.
    max_held_bytes
        Of the sound that is kept in memory, of all shelves together.
    """

    def __init__(
        self,
        load: LoadModels,
        store: ResultStore,
        *,
        max_minutes: float = 240.0,
        max_held_bytes: int = _MAX_HELD_BYTES,
    ) -> None:
        self.store = store
        self._load = load
        self._max_minutes = max_minutes
        self._max_held_bytes = max_held_bytes
        self._lock = threading.RLock()
        self._shelves: dict[int, dict[str, _Job]] = {}
        self._numbers = count(1)
        self._thread: threading.Thread | None = None
        self._wanted = False
        self._closed = False
        self._problem = ""

    @property
    def problem(self) -> str:
        """Why no track can be analysed, one sentence; empty as long as nothing is known to hinder."""
        return self._problem

    def prepare(self) -> None:
        """Have the models loaded before the first track comes; returns at once."""
        with self._lock:
            self._wanted = True
            self._wake()

    def open_shelf(self) -> Shelf:
        """Make a place for the tracks of one door; it is cleared when nobody holds it any more."""
        with self._lock:
            number = next(self._numbers)
            self._shelves[number] = {}
        shelf = Shelf(self, number)
        weakref.finalize(shelf, self._forget, number).atexit = False
        return shelf

    def close(self) -> None:
        """Cancel everything and let go of it; may be called more than once."""
        with self._lock:
            self._closed = True
            for number in list(self._shelves):
                self._forget(number)
            thread = self._thread
        if thread is not None:
            thread.join(_STOP_S)

    # What a shelf asks for; the lock is taken here

    def _jobs(self, number: int) -> dict[str, _Job]:
        return self._shelves.get(number, {})

    def _tracks(self, number: int) -> tuple[Track, ...]:
        with self._lock:
            return tuple(job.track for job in self._jobs(number).values())

    def _sound(self, number: int, key: str) -> Path | bytes | None:
        with self._lock:
            job = self._jobs(number).get(key)
            return job.source if job is not None else None

    def _put(self, number: int, name: str, source: Path | bytes | None, size_bytes: int, why: str) -> str:
        with self._lock:
            if number not in self._shelves or self._closed:
                return ""
            jobs = self._shelves[number]
            if len(jobs) >= _MAX_TRACKS:
                raise AudioDecodeError(
                    f"{name} was left out, because {_MAX_TRACKS} tracks are here already: remove some first."
                )
            if not why and isinstance(source, bytes):
                why = self._make_room(jobs, name, len(source))
            key = f"track{next(self._numbers)}"
            track = Track(key, _unlike(name, jobs), size_bytes)
            if why:
                source, track = None, replace(track, state=TrackState.FAILED, message=why, audible=False)
            jobs[key] = _Job(track, source)
            self._wake()
            return key

    def _make_room(self, jobs: dict[str, _Job], name: str, size_bytes: int) -> str:
        """Let go of the sound of the shelf's finished tracks, oldest first; say so if that is not enough."""
        held = sum(job.held_bytes for shelf in list(self._shelves.values()) for job in list(shelf.values()))
        for job in jobs.values():
            if held + size_bytes <= self._max_held_bytes:
                return ""
            if not job.track.open and job.held_bytes:
                held -= job.held_bytes
                job.source, job.track = None, replace(job.track, audible=False)
        if held + size_bytes <= self._max_held_bytes:
            return ""
        return (
            f"{name} ({size_bytes / 1e6:.0f} MB) was left out, because {held / 1e6:.0f} MB of sound wait "
            f"already and {self._max_held_bytes / 1e6:.0f} MB is the most: bring it again when they are done."
        )

    def _cancel(self, number: int, key: str | None) -> None:
        with self._lock:
            for job in self._jobs(number).values():
                if job.track.open and key in {None, job.track.key}:
                    job.stop.set()
                    self._end(job, TrackState.CANCELLED, f"{job.track.name} was cancelled.")

    def _retry(self, number: int, key: str | None) -> None:
        with self._lock:
            jobs = self._jobs(number)
            for one, job in jobs.items():
                wanted = job.track.state is TrackState.CANCELLED if key is None else one == key
                if wanted and not job.track.open and job.source is not None and job.track.study is None:
                    fresh = replace(job.track, state=TrackState.WAITING, progress=0.0, message="")
                    # A new one: the thread may still be at work on the old, and must not write into this.
                    jobs[one] = _Job(fresh, job.source)
            self._wake()

    def _remove(self, number: int, key: str | None) -> None:
        with self._lock:
            jobs = self._jobs(number)
            for gone in [key] if key is not None else list(jobs):
                if gone in jobs:
                    jobs.pop(gone).stop.set()

    def _forget(self, number: int) -> None:
        with self._lock:
            self._remove(number, None)
            self._shelves.pop(number, None)

    # The thread

    def _wake(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._work, name="attune-tracks", daemon=True)
            self._thread.start()

    def _next(self) -> _Job | None:
        """Take the next track in turn; None, and no thread any more, where there is none."""
        with self._lock:
            # Copies: a shelf that nobody holds may be forgotten at any step.
            for number, jobs in list(self._shelves.items()):
                for job in list(jobs.values()):
                    if job.track.state is TrackState.WAITING and not self._closed:
                        if self._shelves.pop(number, None) is not None:
                            self._shelves[number] = jobs  # to the end of the line
                        job.track = replace(job.track, state=TrackState.WORKING)
                        return job
            if not self._wanted or self._closed:
                self._thread = None
            return None

    def _work(self) -> None:
        while True:
            job = self._next()
            if job is not None:
                self._do(job)
                continue
            with self._lock:
                if self._thread is None:
                    return
                self._wanted = False
            self._models()

    def _models(self) -> tuple[MoodTagger, str] | None:
        try:
            models = self._load()
        except AttuneError as error:
            self._problem = str(error)
            _LOG.warning("tracks cannot be analysed: %s", error)
            return None
        except Exception:  # noqa: BLE001 - the thread must live on for what comes next
            _LOG.exception("the mood models cannot be loaded")
            self._problem = "The mood models cannot be loaded; the program's log says why."
            return None
        self._problem = ""
        return models

    def _do(self, job: _Job) -> None:
        source, name = job.source, job.track.name
        models = self._models()
        if models is None or source is None:
            self._end(job, TrackState.FAILED, self._problem or f"{name} is not at hand any more.")
            return
        try:
            study = self._study(job, source, *models)
        except AnalysisCancelledError:
            spent = (
                f"{name} took longer than {_PATIENCE_S / 60:.0f} minutes and was given up: try a shorter one."
            )
            self._end(job, TrackState.FAILED, spent)
        except AttuneError as error:
            self._end(job, TrackState.FAILED, str(error))
        except OSError as error:
            why = f"{name} cannot be read ({error.strerror or error}): check that it is still there."
            self._end(job, TrackState.FAILED, why)
        except Exception:  # noqa: BLE001 - one bad file must not stop the others
            _LOG.exception("a track cannot be analysed")
            self._end(job, TrackState.FAILED, f"{name} {_UNEXPECTED}")
        else:
            self._end(job, TrackState.DONE, "", study)

    def _study(self, job: _Job, source: Path | bytes, tagger: MoodTagger, fingerprint: str) -> Study:
        name, deadline_s = job.track.name, time.monotonic() + _PATIENCE_S
        key = _key(source, tagger, fingerprint)
        if key and (known := self.store.load(key, name=name)) is not None:
            return known

        def cancelled() -> bool:
            return job.stop.is_set() or time.monotonic() > deadline_s

        def tell(done_s: float, total_s: float | None) -> None:
            progress = min(1.0, done_s / total_s) if total_s else None
            with self._lock:
                job.track = replace(job.track, progress=progress)

        peaks = Peaks()
        result = tagger.analyse(
            source,
            name=name,
            max_minutes=self._max_minutes,
            on_progress=tell,
            on_sound=peaks.push,
            cancelled=cancelled,
        )
        study = Study(result, peaks.outline())
        if key:
            self.store.save(key, study)
        return study

    def _end(self, job: _Job, state: TrackState, message: str, study: Study | None = None) -> None:
        with self._lock:
            if job.track.open:  # else it was cancelled meanwhile
                job.track = replace(job.track, state=state, message=message, study=study, progress=1.0)


class Shelf:
    """The tracks of one door, in the order in which they came; any thread may use it.

    Made by `TrackQueue.open_shelf`.
    """

    def __init__(self, queue: TrackQueue, number: int) -> None:
        self._queue = queue
        self._number = number

    def tracks(self) -> tuple[Track, ...]:
        """The newest picture; never waits for an analysis."""
        return self._queue._tracks(self._number)

    def add(self, name: str, source: Path | bytes) -> str:
        """Take a track, to be analysed when it is its turn.

        Parameters
        ----------
        name
            For people.
        source
            The file, or its content, which is held in memory until the track is removed, or until its room is
            needed after it was analysed.

        Returns
        -------
        key
            Of the track, which may have failed already for want of room.

        Raises
        ------
        AudioDecodeError
            There are too many.
        """
        size_bytes = len(source) if isinstance(source, bytes) else _size(source)
        return self._queue._put(self._number, name, source, size_bytes, "")

    def refuse(self, name: str, size_bytes: int, why: str) -> str:
        """Note a track that could not even be taken, with one sentence on why.

        Raises
        ------
        AudioDecodeError
            As in `add`.
        """
        return self._queue._put(self._number, name, None, size_bytes, why)

    def sound(self, key: str) -> Path | bytes | None:
        """The file or content of a track; None where it is gone."""
        return self._queue._sound(self._number, key)

    def cancel(self, key: str | None = None) -> None:
        """Stop the analysis of a track, or of all; the others go on."""
        self._queue._cancel(self._number, key)

    def retry(self, key: str | None = None) -> None:
        """Analyse a track again that failed or was cancelled, or all that were cancelled."""
        self._queue._retry(self._number, key)

    def remove(self, key: str | None = None) -> None:
        """Forget a track, or all; what is being analysed of them stops."""
        self._queue._remove(self._number, key)


def _unlike(name: str, jobs: dict[str, _Job]) -> str:
    """Number a name that is taken already: song.mp3, song (2).mp3."""
    stem, suffix = Path(name).stem, Path(name).suffix
    taken = {job.track.name for job in jobs.values()}

    def names() -> Iterator[str]:
        yield name
        yield from (f"{stem} ({number}){suffix}" for number in count(2))

    return next(wanted for wanted in names() if wanted not in taken)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0  # its analysis will say what is wrong


def _key(source: Path | bytes, tagger: MoodTagger, fingerprint: str) -> str:
    """What the result is kept under; none for what cannot be read as a file, which decoding will explain."""
    if isinstance(source, Path) and not source.is_file():
        return ""
    try:
        # With FFmpeg some files are heard further, so that what was found without it is found anew.
        return digest(source, fingerprint, f"{tagger.hop_s} {ffmpeg.installed()}")
    except OSError:
        return ""
