"""Analyses that nobody waits for: queued, run one at a time, and kept for a while; bounded in all of it."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from attune.api.analyses import AnalysisKind, AnalysisOptions, Watch, unexpected_fault
from attune.api.limits import MEGABYTE, ServerLimits
from attune.api.problems import HttpProblem
from attune.api.uploads import Upload
from core.errors import AnalysisCancelledError, AttuneError, AudioDecodeError

_LOG = logging.getLogger(__name__)

_RETRY_S: Final = 30.0

RunJob = Callable[[AnalysisKind, Upload, AnalysisOptions, Watch], bytes]
"""Analyses a file, and gives the result as JSON."""


class JobState(StrEnum):
    """What became of a job."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class AnalysisJob:
    """A job at one moment."""

    id: str
    kind: AnalysisKind
    file: str  # name of its file
    created_s: float  # Unix time
    state: JobState = JobState.WAITING
    progress: float | None = 0.0  # 0 to 1; None where the file does not say how long it is
    message: str = ""  # one sentence on why there is no result; else empty
    ended_s: float | None = None  # Unix time at which it was over

    @property
    def open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in {JobState.WAITING, JobState.WORKING}


@dataclass(slots=True, eq=False)
class _JobEntry:
    """Changed only under the queue's lock."""

    job: AnalysisJob
    options: AnalysisOptions
    upload: Upload | None  # None once it is over
    result: bytes = b""
    stop: threading.Event = field(default_factory=threading.Event)

    def finish(self, state: JobState, message: str = "", result: bytes = b"") -> None:
        if self.job.open:  # else it was cancelled meanwhile
            progress = 1.0 if state is JobState.DONE else self.job.progress
            ended_s = time.time()
            self.job = replace(self.job, state=state, message=message, progress=progress, ended_s=ended_s)
            self.upload, self.result = None, result


class JobQueue:
    """Runs jobs on one thread, so that they leave room for what is waited for.

    Parameters
    ----------
    run
        See `RunJob`; called on the thread.
    limits
        How many jobs, how large, and for how long.
    """

    def __init__(self, run: RunJob, limits: ServerLimits) -> None:
        self._run, self._limits = run, limits
        self._entries: dict[str, _JobEntry] = {}  # in the order in which they came
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="attune-jobs", daemon=True)
        self._thread.start()

    def submit(self, kind: AnalysisKind, upload: Upload, options: AnalysisOptions) -> AnalysisJob:
        """Queue an analysis.

        Raises
        ------
        HttpProblem
            413: it is larger than all jobs together may be. 503 with Retry-After: as many jobs wait, or as
            much of their sound, as may.
        """
        limits = self._limits
        if len(upload.content) > limits.max_job_bytes:
            raise HttpProblem(
                413,
                f"{upload.name} is larger than the {limits.max_job_bytes / MEGABYTE:g} MB that jobs may "
                "have: send a shorter file.",
            )
        with self._changed:
            waiting = [entry for entry in self._entries.values() if entry.job.open]
            held = len(upload.content) + sum(len(one.upload.content) for one in waiting if one.upload)
            if self._closed or len(waiting) >= limits.max_jobs or held > limits.max_job_bytes:
                raise HttpProblem(
                    503,
                    f"The server holds as many jobs as it can: {limits.max_jobs}, with "
                    f"{limits.max_job_bytes / MEGABYTE:g} MB in all. Try again later.",
                    title="Busy",
                    retry_after_s=_RETRY_S,
                )
            job = AnalysisJob(secrets.token_urlsafe(16), kind, upload.name, time.time())
            self._entries[job.id] = _JobEntry(job, options, upload)
            self._changed.notify_all()
            return job

    def jobs(self) -> tuple[AnalysisJob, ...]:
        """All that are known, the oldest first."""
        with self._changed:
            self._forget_old()
            return tuple(entry.job for entry in self._entries.values())

    def job(self, job_id: str) -> AnalysisJob:
        """One of them.

        Raises
        ------
        HttpProblem
            404: there is none, or it was kept long enough.
        """
        with self._changed:
            return self._entry(job_id).job

    def ahead_of(self, job: AnalysisJob) -> int | None:
        """How many jobs come before one that waits; None where it does not."""
        with self._changed:
            waiting = [entry.job.id for entry in self._entries.values() if entry.job.open]
        return waiting.index(job.id) if job.state is JobState.WAITING and job.id in waiting else None

    def result(self, job_id: str) -> bytes:
        """What was found, as JSON.

        Raises
        ------
        HttpProblem
            404: there is no such job. 409: it has no result, or none yet.
        """
        with self._changed:
            entry = self._entry(job_id)
            if entry.job.state is JobState.DONE:
                return entry.result
            why = "it is not done yet: ask again later" if entry.job.open else entry.job.message
            raise HttpProblem(409, f"The job has no result, because {why}", title="No result")

    def cancel(self, job_id: str) -> AnalysisJob:
        """Stop a job that waits or runs, or forget one that is over; returns what it was.

        Raises
        ------
        HttpProblem
            404: there is none.
        """
        with self._changed:
            entry = self._entry(job_id)
            if not entry.job.open:
                return self._entries.pop(job_id).job
            entry.stop.set()
            entry.finish(JobState.CANCELLED, "it was cancelled.")
            self._changed.notify_all()
            return entry.job

    def close(self, timeout_s: float) -> None:
        """Cancel everything; waits for the thread."""
        with self._changed:
            self._closed = True
            for entry in self._entries.values():
                entry.stop.set()
            self._changed.notify_all()
        self._thread.join(timeout_s)

    def _entry(self, job_id: str) -> _JobEntry:
        self._forget_old()
        entry = self._entries.get(job_id)
        if entry is None:
            minutes = self._limits.job_kept_s / 60.0
            raise HttpProblem(
                404, f"There is no such job: it is kept for {minutes:g} minutes once it is over."
            )
        return entry

    def _forget_old(self) -> None:
        limits, now_s = self._limits, time.time()
        over = [entry for entry in self._entries.values() if entry.job.ended_s is not None]
        over.sort(key=lambda entry: entry.job.ended_s or 0.0, reverse=True)
        held = 0
        for place, entry in enumerate(over):
            held += len(entry.result)
            expired = now_s - (entry.job.ended_s or 0.0) > limits.job_kept_s
            # The newest result stays, however large.
            if expired or place >= limits.max_kept_jobs or (place and held > limits.max_result_bytes):
                del self._entries[entry.job.id]

    # The thread

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            entry, upload = taken
            state, message, result = self._outcome(entry, upload)
            with self._changed:
                entry.finish(state, message, result)
            del entry, upload, taken, result  # nothing is held while the thread waits

    def _take(self) -> tuple[_JobEntry, Upload] | None:
        """Wait for the next job, forgetting those that were kept long enough; None once closed."""
        with self._changed:
            while not self._closed:
                self._forget_old()
                for entry in self._entries.values():
                    if entry.job.state is JobState.WAITING and entry.upload is not None:
                        entry.job = replace(entry.job, state=JobState.WORKING)
                        return entry, entry.upload
                ends = [
                    entry.job.ended_s for entry in self._entries.values() if entry.job.ended_s is not None
                ]
                wait_s = min(ends) + self._limits.job_kept_s - time.time() if ends else None
                self._changed.wait(None if wait_s is None else max(0.0, wait_s))
        return None

    def _outcome(self, entry: _JobEntry, upload: Upload) -> tuple[JobState, str, bytes]:
        name, deadline_s = upload.name, time.monotonic() + self._limits.job_s

        def watch(done_s: float, total_s: float | None) -> None:
            if entry.stop.is_set():
                raise AnalysisCancelledError("it was cancelled.")
            if time.monotonic() > deadline_s:
                raise AudioDecodeError(
                    f"{name} took longer than {self._limits.job_s / 60.0:g} minutes and was given up: "
                    "send a shorter one."
                )
            with self._changed:
                progress = min(1.0, done_s / total_s) if total_s else None
                entry.job = replace(entry.job, progress=progress)

        try:
            return JobState.DONE, "", self._run(entry.job.kind, upload, entry.options, watch)
        except AnalysisCancelledError as error:
            return JobState.CANCELLED, str(error), b""
        except AttuneError as error:
            return JobState.FAILED, str(error), b""
        except Exception:  # noqa: BLE001 - one bad file must not stop the others
            _LOG.exception("a job failed by an internal error")
            return JobState.FAILED, unexpected_fault(name), b""
