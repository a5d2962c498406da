"""Queue of tracks that people bring: analysed one at a time, with progress, cancelling and bounded memory."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Final

from core.errors import AnalysisCancelledError, AttuneError, AudioDecodeError
from core.text import printable
from models.decoders import ffmpeg
from models.mood.result_store import ResultStore, TrackAnalysis, digest
from models.mood.song_names import read_song_names
from models.mood.uploaded_track import TrackState, UploadedTrack
from models.mood.waveform import Peaks
from models.track.profile import TrackProfiler

_LOG = logging.getLogger(__name__)

LoadModels = Callable[[], tuple[TrackProfiler, str]]
"""Loads the models and gives their fingerprint with them; slow the first time only."""

_MAX_TRACKS: Final = 500
_MAX_HELD_BYTES: Final = 1_000_000_000
_TIMEOUT_S: Final = 3_600.0
_STOP_S: Final = 5.0


@dataclass(slots=True, eq=False)
class _AnalysisJob:
    """A track and its sound; changed only under the queue's lock."""

    track: UploadedTrack
    source: Path | bytes | None
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def held_bytes(self) -> int:
        return len(self.source) if isinstance(self.source, bytes) else 0

    def finish(self, state: TrackState, message: str, analysis: TrackAnalysis | None = None) -> None:
        if self.track.open:  # else it was cancelled meanwhile
            self.track = replace(self.track, state=state, message=message, analysis=analysis, progress=1.0)


_Jobs = dict[str, _AnalysisJob]


class TrackQueue:
    """Analyses tracks on one thread, which ends when there is nothing left to do.

    Every client (a command, a browser tab) has its own `TrackSession`. Sessions take turns, so that fifty
    tracks of one do not delay the single track of another.

    Parameters
    ----------
    load
        See `LoadModels`; called on the thread, and again after it failed.
    store
        Cache of results.
    max_minutes
        Longest sound; may be changed at any time.
    max_held_bytes
        Most sound that is kept in memory, of all sessions together.
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
        self.max_minutes = max_minutes
        self._max_held_bytes = max_held_bytes
        self._lock = threading.RLock()
        self._sessions: dict[int, _Jobs] = {}  # the next in turn first
        self._numbers = count(1)
        self._thread: threading.Thread | None = None
        self._preload = False
        self._closed = False
        self._problem = ""

    @property
    def problem(self) -> str:
        """One sentence on why no track can be analysed; empty where no problem is known."""
        return self._problem

    def prepare(self) -> None:
        """Load the models before the first track comes; returns at once."""
        with self._lock:
            self._preload = True
            self._wake()

    def open_session(self) -> TrackSession:
        """Make a session for one client; it is cleared when it is garbage-collected."""
        jobs: _Jobs = {}
        with self._lock:
            number = next(self._numbers)
            self._sessions[number] = jobs
        session = TrackSession(self, jobs)
        weakref.finalize(session, self._forget, number).atexit = False
        return session

    def close(self) -> None:
        """Cancel everything and release it; may be called more than once."""
        with self._lock:
            self._closed = True
            for number in list(self._sessions):
                self._forget(number)
            thread = self._thread
        if thread is not None:
            thread.join(_STOP_S)

    def _forget(self, number: int) -> None:
        with self._lock:
            jobs = self._sessions.pop(number, {})
            for job in jobs.values():
                job.stop.set()
            jobs.clear()

    def _add(
        self, jobs: _Jobs, name: str, source: Path | bytes | None, size_bytes: int, refusal: str = ""
    ) -> str:
        name = printable(name)
        with self._lock:
            if self._closed:
                return ""
            if len(jobs) >= _MAX_TRACKS:
                raise AudioDecodeError(
                    f"{name} was left out, because {_MAX_TRACKS} tracks are here already: remove some first."
                )
            if isinstance(source, bytes):
                refusal = self._make_room(jobs, name, len(source))
            key = f"track{next(self._numbers)}"
            track = UploadedTrack(key, _unique_name(name, jobs), size_bytes)
            if refusal:
                source = None
                track = replace(track, state=TrackState.FAILED, message=refusal, has_sound=False)
            jobs[key] = _AnalysisJob(track, source)
            self._wake()
            return key

    def _make_room(self, jobs: _Jobs, name: str, size_bytes: int) -> str:
        """Release sound of the session's finished tracks, oldest first; else a refusal."""
        all_jobs = [job for jobs in list(self._sessions.values()) for job in list(jobs.values())]
        allowed = self._max_held_bytes - size_bytes
        held = sum(job.held_bytes for job in all_jobs)
        for job in jobs.values():
            if held > allowed and not job.track.open and job.held_bytes:
                held -= job.held_bytes
                job.source, job.track = None, replace(job.track, has_sound=False)
        if held <= allowed:
            return ""
        return (
            f"{name} ({size_bytes / 1e6:.0f} MB) was left out, because {held / 1e6:.0f} MB of sound wait "
            f"already and {self._max_held_bytes / 1e6:.0f} MB is the most: bring it again when they are done."
        )

    # The thread

    def _wake(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._work, name="attune-tracks", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            with self._lock:
                job = self._next()
                if job is None:
                    if not self._preload or self._closed:
                        self._thread = None
                        return
                    self._preload = False
            if job is None:
                self._models()
            else:
                self._run(job)

    def _next(self) -> _AnalysisJob | None:
        """Take the next track; its session goes to the end of the line."""
        # Copies: a session may be garbage-collected, and so forgotten, at any step.
        for number, jobs in list(self._sessions.items()):
            for job in list(jobs.values()):
                if job.track.state is TrackState.WAITING:
                    if self._sessions.pop(number, None) is not None:
                        self._sessions[number] = jobs
                    job.track = replace(job.track, state=TrackState.WORKING)
                    return job
        return None

    def _models(self) -> tuple[TrackProfiler, str] | None:
        try:
            models = self._load()
        except AttuneError as error:
            self._problem = str(error)
            _LOG.warning("tracks cannot be analysed: %s", error)
            return None
        except Exception:  # noqa: BLE001 - the thread must survive for later tracks
            _LOG.exception("the mood models cannot be loaded")
            self._problem = "The mood models cannot be loaded; the program's log says why."
            return None
        self._problem = ""
        return models

    def _run(self, job: _AnalysisJob) -> None:
        name, models, analysis = job.track.name, self._models(), None
        message = self._problem
        if models is not None and (source := job.source) is not None:
            names = read_song_names(source)
            with self._lock:
                job.track = replace(job.track, title=names.title, artist=names.artist)
            try:
                analysis = self._analyse(job, source, *models)
            except AnalysisCancelledError:
                minutes = _TIMEOUT_S / 60
                message = (
                    f"{name} took longer than {minutes:.0f} minutes and was given up: try a shorter one."
                )
            except AttuneError as error:
                message = str(error)
            except OSError as error:
                message = f"{name} cannot be read ({error.strerror or error}): check that it is still there."
            except Exception:  # noqa: BLE001 - one bad file must not stop the others
                _LOG.exception("a track cannot be analysed")
                message = f"{name} could not be analysed, the program's log says why: try another file."
        with self._lock:
            job.finish(TrackState.FAILED if analysis is None else TrackState.DONE, message, analysis)

    def _analyse(
        self, job: _AnalysisJob, source: Path | bytes, profiler: TrackProfiler, fingerprint: str
    ) -> TrackAnalysis:
        name, deadline_s = job.track.name, time.monotonic() + _TIMEOUT_S
        key = _store_key(source, profiler, fingerprint)
        if key and (known := self.store.load(key, name=name)) is not None:
            return known

        def report(done_s: float, total_s: float | None) -> None:
            progress = min(1.0, done_s / total_s) if total_s else None
            with self._lock:
                job.track = replace(job.track, progress=progress)

        peaks = Peaks()
        profile = profiler.profile(
            source,
            name=name,
            max_minutes=self.max_minutes,
            on_progress=report,
            on_sound=peaks.push,
            cancelled=lambda: job.stop.is_set() or time.monotonic() > deadline_s,
        )
        analysis = TrackAnalysis(profile, peaks.outline())
        if key:
            self.store.save(key, analysis)
        return analysis


class TrackSession:
    """The tracks of one client, in order of arrival; safe to use from several threads.

    Made by `TrackQueue.open_session`.
    """

    def __init__(self, queue: TrackQueue, jobs: _Jobs) -> None:
        self._queue = queue
        self._lock = queue._lock
        self._jobs = jobs

    def tracks(self) -> tuple[UploadedTrack, ...]:
        """The current state; never waits for an analysis."""
        with self._lock:
            return tuple(job.track for job in self._jobs.values())

    def add(self, name: str, source: Path | bytes) -> str:
        """Queue a track, and return its key; it may have failed already for lack of memory.

        Parameters
        ----------
        name
            For people.
        source
            The file, or its content, which is held in memory until the track is removed, or until its memory
            is needed after the analysis.

        Raises
        ------
        AudioDecodeError
            There are too many.
        """
        size_bytes = len(source) if isinstance(source, bytes) else _size(source)
        return self._queue._add(self._jobs, name, source, size_bytes)

    def refuse(self, name: str, size_bytes: int, reason: str) -> str:
        """Add a track that could not be accepted, as failed, with one sentence on the reason.

        Raises
        ------
        AudioDecodeError
            As in `add`.
        """
        return self._queue._add(self._jobs, name, None, size_bytes, reason)

    def sound(self, key: str) -> Path | bytes | None:
        """The file or content of a track; None where it is gone."""
        with self._lock:
            job = self._jobs.get(key)
            return None if job is None else job.source

    def cancel(self, key: str | None = None) -> None:
        """Stop the analysis of a track, or of all."""
        with self._lock:
            for job in self._jobs.values():
                if job.track.open and key in {None, job.track.key}:
                    job.stop.set()
                    job.finish(TrackState.CANCELLED, f"{job.track.name} was cancelled.")

    def retry(self, key: str | None = None) -> None:
        """Analyse a failed or cancelled track again, or all cancelled ones."""
        with self._lock:
            for one, job in self._jobs.items():
                wanted = job.track.state is TrackState.CANCELLED if key is None else one == key
                if wanted and not job.track.open and job.source is not None and job.track.analysis is None:
                    fresh = replace(job.track, state=TrackState.WAITING, progress=0.0, message="")
                    # A new job: the thread may still work on the old one, and must not write into this.
                    self._jobs[one] = _AnalysisJob(fresh, job.source)
            self._queue._wake()

    def remove(self, key: str | None = None) -> None:
        """Forget a track, or all, and stop their analysis."""
        with self._lock:
            for removed in [key] if key is not None else list(self._jobs):
                if removed in self._jobs:
                    self._jobs.pop(removed).stop.set()


def _unique_name(name: str, jobs: _Jobs) -> str:
    """Number a name that is taken already: song.mp3, song (2).mp3."""
    taken = {job.track.name for job in jobs.values()}
    stem, suffix = Path(name).stem, Path(name).suffix
    numbered = (f"{stem} ({number}){suffix}" for number in count(2))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0  # its analysis will say what is wrong


def _store_key(source: Path | bytes, profiler: TrackProfiler, fingerprint: str) -> str:
    """Key of the stored result; empty for what cannot be read as a file, which decoding will explain."""
    if isinstance(source, Path) and not source.is_file():
        return ""
    try:
        # FFmpeg reads further into some files, so their results differ with it.
        return digest(source, fingerprint, f"{profiler.tagger.hop_s} {ffmpeg.installed()}")
    except OSError:
        return ""
