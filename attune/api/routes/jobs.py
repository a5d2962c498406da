"""Jobs: analyses of long files, which nobody waits for."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, File, Query, Response, UploadFile
from pydantic import BaseModel

from attune.api.analyses import AnalysisKind, AnalysisOptions, Watch, analyse, read_header
from attune.api.jobs import AnalysisJob, JobQueue, JobState
from attune.api.limits import ServerLimits
from attune.api.schemas.emotion import EmotionClip
from attune.api.schemas.jobs import JobList, JobStatus
from attune.api.schemas.music import MusicMood, MusicProfile
from attune.api.services import Services, ServicesDep
from attune.api.uploads import Upload, read_upload
from attune.engine.engine import Engine

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_RESULTS: Final[dict[AnalysisKind, type[BaseModel]]] = {
    AnalysisKind.EMOTION: EmotionClip,
    AnalysisKind.MOOD: MusicMood,
    AnalysisKind.PROFILE: MusicProfile,
}


def open_jobs(engine: Engine, limits: ServerLimits) -> JobQueue:
    """The queue of one server."""

    def run(kind: AnalysisKind, upload: Upload, options: AnalysisOptions, watch: Watch) -> bytes:
        found = analyse(engine, kind, upload, options, watch)
        return _RESULTS[kind].model_validate(found).model_dump_json().encode()

    return JobQueue(run, limits)


@router.post("", summary="Queue the analysis of a file", status_code=HTTPStatus.ACCEPTED)
async def submit(
    response: Response,
    services: ServicesDep,
    file: Annotated[UploadFile, File(description="A sound file of any format.")],
    kind: Annotated[AnalysisKind, Query(description="What is asked.")],
    timeline: Annotated[bool, Query(description="Also over time: windows, moments and beats.")] = False,
    top_k: Annotated[int, Query(ge=1, le=59, description="How many labels, the likeliest first.")] = 3,
) -> JobStatus:
    """Take a file and answer at once; the job's state tells when its result is there.

    Jobs run one at a time, and live as long as the server. They are forgotten an hour after they are over.
    """
    upload = await read_upload(file, services.limits)
    await services.work.run(read_header, upload)  # what is no sound is refused at once
    job = services.jobs.submit(kind, upload, AnalysisOptions(timeline=timeline, top_k=top_k))
    response.headers["Location"] = _path(job)
    return _status(services, job)


@router.get("", summary="All jobs")
async def jobs(services: ServicesDep) -> JobList:
    """List the jobs that are known, the oldest first."""
    return JobList(jobs=[_status(services, job) for job in services.jobs.jobs()])


@router.get("/{job_id}", summary="The state of a job")
async def job_state(job_id: str, services: ServicesDep) -> JobStatus:
    """Tell how far a job is."""
    return _status(services, services.jobs.job(job_id))


@router.get(
    "/{job_id}/result",
    summary="The result of a job",
    response_class=Response,
    responses={
        200: {"model": EmotionClip | MusicMood | MusicProfile, "description": "By the kind of the job."}
    },
)
async def job_result(job_id: str, services: ServicesDep) -> Response:
    """Give the result of a job that is done."""
    return Response(services.jobs.result(job_id), media_type="application/json")


@router.delete("/{job_id}", summary="Cancel or forget a job")
async def cancel(job_id: str, services: ServicesDep) -> JobStatus:
    """Stop a job that waits or runs, or forget one that is over."""
    return _status(services, services.jobs.cancel(job_id))


def _path(job: AnalysisJob) -> str:
    return f"{router.prefix}/{job.id}"


def _status(services: Services, job: AnalysisJob) -> JobStatus:
    expires_s = None if job.ended_s is None else job.ended_s + services.limits.job_kept_s
    times: dict[str, Any] = {
        "created_at": datetime.fromtimestamp(job.created_s, UTC),
        "expires_at": None if expires_s is None else datetime.fromtimestamp(expires_s, UTC),
    }
    return JobStatus(
        id=job.id,
        kind=job.kind,
        file=job.file,
        state=job.state,
        progress=job.progress,
        jobs_ahead=services.jobs.ahead_of(job),
        message=job.message,
        result_path=f"{_path(job)}/result" if job.state is JobState.DONE else None,
        **times,
    )
