"""What is said of a job."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from attune.api.analyses import AnalysisKind
from attune.api.jobs import JobState


class JobStatus(BaseModel):
    """A job at one moment."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "mVf3cQY1cH0E6oPq0m1v3A",
                    "kind": "profile",
                    "file": "concert.flac",
                    "state": "working",
                    "progress": 0.42,
                    "jobs_ahead": None,
                    "message": "",
                    "created_at": "2026-11-30T12:00:00Z",
                    "expires_at": None,
                    "result_path": None,
                }
            ]
        }
    )

    id: str = Field(description="Names the job from now on; nobody can guess it.")
    kind: AnalysisKind = Field(description="What was asked.")
    file: str = Field(description="Name of the file.")
    state: JobState = Field(description="What became of it.")
    progress: float | None = Field(
        ge=0, le=1, description="Share that is done; null where the file does not say how long it is."
    )
    jobs_ahead: int | None = Field(description="Jobs that come first; null once it no longer waits.")
    message: str = Field(description="Why there is no result; empty where there is one, or none yet.")
    created_at: datetime = Field(description="When it came, UTC.")
    expires_at: datetime | None = Field(description="When it is forgotten, UTC; null before it is over.")
    result_path: str | None = Field(description="Where its result is; null before it is done.")


class JobList(BaseModel):
    """All jobs that are known."""

    jobs: list[JobStatus] = Field(description="The oldest first.")
