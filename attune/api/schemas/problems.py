"""What a refused request is answered with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FieldProblem(BaseModel):
    """What is wrong with one part of a request."""

    location: str = Field(description="Where, for example query.limit.")
    message: str = Field(description="What is wrong with it.")


class ProblemDetails(BaseModel):
    """Problem details, RFC 9457."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Busy",
                    "status": 503,
                    "detail": "The server is busy: 2 analyses run and 16 wait. Try again later.",
                    "request_id": "f3b0c44298fc4c149afbf4c8996fb924",
                }
            ]
        }
    )

    type: str = Field("about:blank", description="Always about:blank: the title says it.")
    title: str = Field(description="The kind of problem.")
    status: int = Field(description="The HTTP status.", ge=400, le=599)
    detail: str = Field(description="One sentence: what happened, and what to do.")
    request_id: str = Field(description="The id of the request, as in the header X-Request-ID and the log.")
    errors: list[FieldProblem] | None = Field(
        None, description="With status 422: what is wrong, part by part; at most 20 parts."
    )
