"""Jobs: bounded, in order, with progress; cancelled and forgotten."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
import soundfile

from attune import DEMO
from attune.api.analyses import AnalysisKind, AnalysisOptions, Watch
from attune.api.jobs import JobQueue, JobState
from attune.api.limits import ServerLimits, server_limits
from attune.api.problems import HttpProblem
from attune.api.uploads import Upload
from core.emotions import EMOTIONS
from core.errors import AudioDecodeError
from models.audio import decode
from tests.attune.api.server import RunningServer

EMOTION = AnalysisKind.EMOTION
OPTIONS = AnalysisOptions()
WAIT_S = 60.0


class Bench:
    """What a queue runs: each job waits until it is let go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Semaphore(0), threading.Semaphore(0)
        self.order: list[str] = []

    def run(self, kind: AnalysisKind, upload: Upload, options: AnalysisOptions, watch: Watch) -> bytes:
        assert (kind, options) == (EMOTION, OPTIONS)
        watch(1.0, 4.0)
        self.order.append(upload.name)
        self.begun.release()
        assert self.go_on.acquire(timeout=WAIT_S)
        watch(4.0, 4.0)
        if upload.content == b"bad":
            raise AudioDecodeError(f"{upload.name} is no sound.")
        if upload.content == b"bug":
            raise RuntimeError("a mistake of ours")
        return upload.content


@contextmanager
def queue_of(bench: Bench, limits: ServerLimits | None = None) -> Iterator[JobQueue]:
    queue = JobQueue(bench.run, limits or ServerLimits())
    try:
        yield queue
    finally:
        for _ in range(100):
            bench.go_on.release()
        queue.close(WAIT_S)


def until(queue: JobQueue, job_id: str, *states: JobState) -> None:
    """Wait until a job is in one of these states."""
    over = threading.Event()
    for _ in range(int(WAIT_S * 100)):
        if queue.job(job_id).state in states:
            return
        over.wait(0.01)
    raise AssertionError(queue.job(job_id))


def test_jobs_run_in_order_one_at_a_time_and_tell_how_far_they_are() -> None:
    bench = Bench()
    with queue_of(bench) as queue:
        first, second, third = (queue.submit(EMOTION, Upload(name, b"{}"), OPTIONS) for name in "abc")
        assert bench.begun.acquire(timeout=WAIT_S)
        assert [job.state for job in queue.jobs()] == [JobState.WORKING, JobState.WAITING, JobState.WAITING]
        assert queue.job(first.id).progress == 0.25
        assert [queue.ahead_of(queue.job(job.id)) for job in (first, second, third)] == [None, 1, 2]
        for _ in range(3):
            bench.go_on.release()
        until(queue, third.id, JobState.DONE)
        assert bench.order == ["a", "b", "c"]
        assert queue.result(third.id) == b"{}"
        assert queue.job(third.id).progress == 1.0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"bad", "a is no sound."),
        (b"bug", "a could not be analysed: the program's log says why."),
    ],
)
def test_a_job_that_fails_says_why_and_the_next_one_runs(content: bytes, message: str) -> None:
    bench = Bench()
    with queue_of(bench) as queue:
        bad = queue.submit(EMOTION, Upload("a", content), OPTIONS)
        good = queue.submit(EMOTION, Upload("b", b"{}"), OPTIONS)
        bench.go_on.release()
        bench.go_on.release()
        until(queue, good.id, JobState.DONE)
        assert (queue.job(bad.id).state, queue.job(bad.id).message) == (JobState.FAILED, message)
        with pytest.raises(HttpProblem, match="has no result") as refused:
            queue.result(bad.id)
        assert refused.value.status_code == 409


def test_waiting_and_running_jobs_can_be_cancelled_and_finished_ones_forgotten() -> None:
    bench = Bench()
    with queue_of(bench) as queue:
        running, waiting, last = (queue.submit(EMOTION, Upload(name, b"{}"), OPTIONS) for name in "abc")
        assert bench.begun.acquire(timeout=WAIT_S)
        for job in (running, waiting):
            assert queue.cancel(job.id).state is JobState.CANCELLED
        bench.go_on.release()
        bench.go_on.release()
        until(queue, last.id, JobState.DONE)
        assert bench.order == ["a", "c"]
        assert queue.job(running.id).state is JobState.CANCELLED
        queue.cancel(last.id)
        with pytest.raises(HttpProblem, match="no such job"):
            queue.job(last.id)


@pytest.mark.parametrize("limits", [ServerLimits(max_jobs=1), ServerLimits(max_job_bytes=3)])
def test_a_full_queue_says_when_to_come_again(limits: ServerLimits) -> None:
    bench = Bench()
    with queue_of(bench, limits) as queue:
        queue.submit(EMOTION, Upload("a", b"{}"), OPTIONS)
        with pytest.raises(HttpProblem, match="as many jobs as it can") as refused:
            queue.submit(EMOTION, Upload("b", b"{}"), OPTIONS)
        assert refused.value.status_code == 503
        assert int((refused.value.headers or {})["Retry-After"]) > 0


def test_a_job_that_could_never_be_held_is_not_told_to_come_again() -> None:
    with queue_of(Bench(), ServerLimits(max_job_bytes=1)) as queue:
        with pytest.raises(HttpProblem, match=r"is larger than the .* that jobs may have") as refused:
            queue.submit(EMOTION, Upload("b", b"{}"), OPTIONS)
        assert refused.value.status_code == 413
        assert not refused.value.headers


@pytest.mark.parametrize("max_upload_mb", [1, 200, 2000])
def test_the_largest_upload_may_be_a_job(max_upload_mb: int) -> None:
    limits = server_limits(max_upload_mb)
    assert limits.max_upload_bytes <= min(limits.max_job_bytes, limits.max_held_bytes)


def test_jobs_that_are_over_are_forgotten_by_age_number_and_size() -> None:
    for limits, kept in (
        (ServerLimits(max_kept_jobs=1), 1),
        (ServerLimits(max_result_bytes=5), 2),
        (ServerLimits(job_kept_s=0.0), 0),
    ):
        bench = Bench()
        with queue_of(bench, limits) as queue:
            for name in "abc":
                job = queue.submit(EMOTION, Upload(name, b"{}"), OPTIONS)
                bench.go_on.release()
                assert bench.begun.acquire(timeout=WAIT_S)
                _until_over(queue, job.id)
            assert len(queue.jobs()) == kept


def _until_over(queue: JobQueue, job_id: str) -> None:
    pause = threading.Event()
    for _ in range(int(WAIT_S * 100)):
        if not any(job.id == job_id and job.open for job in queue.jobs()):
            return
        pause.wait(0.01)
    raise AssertionError("it never ended")


def test_a_job_over_http(api: RunningServer) -> None:
    file = io.BytesIO()
    soundfile.write(file, decode(DEMO)[: 10 * 16_000], 16_000, format="WAV")
    sent = {"file": ("../talk.wav", file.getvalue())}
    taken = api.post("/v1/jobs", params={"kind": "emotion", "timeline": True}, files=sent)
    assert taken.status_code == 202
    job = taken.json()
    assert (job["file"], taken.headers["Location"]) == ("talk.wav", f"/v1/jobs/{job['id']}")
    until(api.services.jobs, job["id"], JobState.DONE, JobState.FAILED)
    job = api.get(taken.headers["Location"]).json()
    assert (job["state"], job["progress"]) == ("done", 1.0)
    assert job["expires_at"] > job["created_at"]
    result = api.get(job["result_path"]).json()
    assert result["emotion"] in EMOTIONS
    assert len(result["windows"]) == 15
    assert [one["id"] for one in api.get("/v1/jobs").json()["jobs"]] == [job["id"]]
    assert requests.delete(api.url + taken.headers["Location"], timeout=60).status_code == 200
    assert api.get(taken.headers["Location"]).status_code == 404
    assert requests.delete(f"{api.url}/v1/jobs/nothing", timeout=60).status_code == 404


def test_what_is_no_sound_is_refused_before_it_is_queued(api: RunningServer) -> None:
    refused = api.post("/v1/jobs", params={"kind": "mood"}, files={"file": ("a.mp3", b"no sound")})
    assert refused.status_code == 422
    assert api.post("/v1/jobs", params={"kind": "smell"}, files={"file": ("a", b"x")}).status_code == 422
