"""Answers about files while the client waits: bounded in number, length and time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import UploadFile
from starlette.exceptions import HTTPException

from attune.api.analyses import AnalysisKind, AnalysisOptions, Watch, analyse, unexpected_fault
from attune.api.limits import ServerLimits
from attune.api.problems import HttpProblem
from attune.api.services import Services
from attune.api.uploads import Upload, file_name, read_upload
from attune.engine.engine import Engine
from core.errors import AttuneError

_LOG = logging.getLogger(__name__)

Answer = Callable[[Engine, Upload, Watch], dict[str, Any]]
"""Answers about one file, on the calling thread."""


async def analyse_upload(
    services: Services,
    file: UploadFile,
    answer: Answer,
) -> dict[str, Any]:
    """Answer about one file while the client waits; what is wrong with it is a problem.

    Raises
    ------
    HttpProblem
        413: it is too long to wait for. 503: too many wait already.
    AttuneError
        The file cannot be read, or a model cannot be used.
    """
    return await analyse_content(services, await read_upload(file, services.limits), answer)


async def analyse_content(
    services: Services,
    upload: Upload,
    answer: Answer,
) -> dict[str, Any]:
    """The same of content that was read already; raises as `analyse_upload` does."""

    def answer_in_time() -> dict[str, Any]:  # the time begins once a thread is free
        return answer(services.engine, upload, _patience(services.limits))

    return await services.work.run(answer_in_time)


async def analyse_uploads(
    services: Services, files: Sequence[UploadFile], kind: AnalysisKind, options: AnalysisOptions
) -> list[dict[str, Any]]:
    """Answer about several files, in their order; what is wrong with one is a row with an error.

    Raises
    ------
    HttpProblem
        413: too many files. 503: too many requests wait already.
    """
    limits = services.limits
    if len(files) > limits.max_files:
        raise HttpProblem(413, f"{len(files)} files came: send at most {limits.max_files} in one request.")
    uploads = [await _readable(file, limits) for file in files]
    return await services.work.run(_rows, services, uploads, kind, options)


async def _readable(file: UploadFile, limits: ServerLimits) -> Upload | dict[str, Any]:
    try:
        return await read_upload(file, limits)
    except HttpProblem as problem:
        return {"file": file_name(file.filename), "error": problem.detail}


def _rows(
    services: Services,
    uploads: Sequence[Upload | dict[str, Any]],
    kind: AnalysisKind,
    options: AnalysisOptions,
) -> list[dict[str, Any]]:
    watch = _patience(services.limits)
    return [
        _row(services.engine, upload, kind, options, watch) if isinstance(upload, Upload) else upload
        for upload in uploads
    ]


def _row(
    engine: Engine, upload: Upload, kind: AnalysisKind, options: AnalysisOptions, watch: Watch
) -> dict[str, Any]:
    try:
        return analyse(engine, kind, upload, options, watch)
    except HTTPException as problem:
        return {"file": upload.name, "error": problem.detail}
    except AttuneError as error:
        return {"file": upload.name, "error": str(error)}
    except Exception:  # noqa: BLE001 - one bad file must not stop the others
        _LOG.exception("a file could not be analysed")
        return {"file": upload.name, "error": unexpected_fault(upload.name)}


def _patience(limits: ServerLimits) -> Watch:
    """End an analysis that is too long to be waited for; its time begins now."""
    deadline_s = time.monotonic() + limits.max_analysis_s

    def watch(done_s: float, total_s: float | None) -> None:
        if max(done_s, total_s or 0.0) > 60.0 * limits.max_clip_minutes:
            raise HttpProblem(
                413,
                f"The sound is longer than the {limits.max_clip_minutes:g} minutes whose answer can be "
                "waited for: send it to /v1/jobs.",
                title="Too long",
            )
        if time.monotonic() > deadline_s:
            raise HttpProblem(
                413,
                f"The analysis took longer than {limits.max_analysis_s:g} s and was given up: send fewer "
                "or shorter files, or send it to /v1/jobs.",
                title="Too long",
            )

    return watch
