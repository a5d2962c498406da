"""Music in the paths and fields of the "Music Classification API", for its clients; no paths of clients."""

from __future__ import annotations

import asyncio
import base64
import binascii
import importlib.util
import time
from datetime import UTC, datetime
from typing import Final

import numpy as np
from fastapi import APIRouter, Request, UploadFile
from fastapi.responses import JSONResponse

from attune.api.file_requests import analyse_content, analyse_upload
from attune.api.music_answers import analyse_embedding, analyse_file, checked_embedding
from attune.api.npy import read_npy
from attune.api.problems import HttpProblem
from attune.api.request_bodies import BYTES, JSON, MULTIPART, content_type, described, form_file, json_body
from attune.api.schemas.music import EncodedTrack, MusicAnalysis, MusicApiInfo, MusicHealth, PreparedTrack
from attune.api.services import Services, ServicesDep
from attune.api.uploads import Upload, file_name
from core.errors import AttuneError
from core.version import app_version
from models.audio import SUPPORTED_SUFFIXES

router = APIRouter(prefix="/api", tags=["reference"])

_ENDPOINTS: Final = {
    "analyze": "/api/music/analyze",
    "upload": "/api/music/analyze/upload",
    "preprocessed": "/api/music/analyze/preprocessed",
    "health": "/api/health",
    "info": "/api/health/info",
}


@router.post(
    "/music/analyze",
    summary="Genre, mood, tempo and key of a sound file, in a form or in JSON",
    openapi_extra=described(file_field="file", json=EncodedTrack),
)
async def analyze(request: Request, services: ServicesDep) -> MusicAnalysis:
    """Analyse a sound file that comes in a form, or in base64 within JSON."""
    if content_type(request, MULTIPART, JSON) == MULTIPART:
        upload = await form_file(request, "file", services.limits)
    else:
        upload = _decoded(await json_body(request, EncodedTrack))
    return MusicAnalysis.model_validate(await analyse_content(services, upload, analyse_file))


@router.post("/music/analyze/upload", summary="Genre, mood, tempo and key of a sound file")
async def upload(services: ServicesDep, file: UploadFile) -> MusicAnalysis:
    """Analyse a sound file."""
    return MusicAnalysis.model_validate(await analyse_upload(services, file, analyse_file))


@router.post(
    "/music/analyze/preprocessed",
    summary="Genre and mood of an embedding",
    openapi_extra=described(
        file_field="file", json=PreparedTrack, raw="A file of NumPy, as `attune embed` writes it."
    ),
)
async def preprocessed(request: Request, services: ServicesDep) -> MusicAnalysis:
    """Analyse what was computed of a track before: its embedding by YAMNet.

    It comes as a file of NumPy or as JSON, with 1024 numbers or a row of them for each patch. Spectrograms
    are refused: no model that comes with Attune hears them.
    """
    match content_type(request, BYTES, JSON, MULTIPART):
        case "application/json":
            given = await json_body(request, PreparedTrack)
            size_bytes, name = len(await request.body()), file_name(given.file_name)
            values = _array(given)
        case "multipart/form-data":
            sent = await form_file(request, "file", services.limits)
            size_bytes, name, values = len(sent.content), sent.name, read_npy(sent.content)
        case _:
            content = await request.body()
            size_bytes, name, values = len(content), "upload", read_npy(content)
    embedding = await asyncio.to_thread(checked_embedding, values)  # 200 MB would hold up all streams
    found = await services.work.run(analyse_embedding, services.engine, name, embedding, size_bytes)
    return MusicAnalysis.model_validate(found)


@router.get("/health", summary="Whether the models can be used", response_model=MusicHealth)
async def health(services: ServicesDep) -> JSONResponse:
    """Answer 200 where music can be analysed, else 503."""
    healthy = not services.engine.warming_up and await _usable(services)
    word = "healthy" if healthy else "unhealthy"
    content = MusicHealth(
        status="healthy" if healthy else "unhealthy",
        timestamp=datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds"),
        services={"api": "healthy", "python_model": word, "preprocessing": "ready" if healthy else word},
        version=app_version(),
    )
    return JSONResponse(content.model_dump(), 200 if healthy else 503)


@router.get("/health/info", summary="What can be answered about music")
async def info() -> MusicApiInfo:
    """Tell the addresses, the formats and the answers."""
    rhythmic = importlib.util.find_spec("librosa") is not None
    return MusicApiInfo(
        name="Attune",
        version=app_version(),
        description="Tells genre, mood, tempo and key of music, on this machine alone.",
        endpoints=_ENDPOINTS,
        supported_formats=[suffix.removeprefix(".") for suffix in SUPPORTED_SUFFIXES],
        features={
            "genre_classification": True,
            "mood_detection": True,
            "bpm_estimation": rhythmic,
            "key_detection": rhythmic,
            "batch_processing": True,
            "real_time_processing": True,
        },
    )


async def _usable(services: Services) -> bool:
    try:
        await services.profiler()
    except AttuneError:
        return False
    return True


def _decoded(given: EncodedTrack) -> Upload:
    try:
        content = base64.b64decode(given.audio_data, validate=True)
    except (binascii.Error, ValueError):
        raise HttpProblem(422, "audioData is no base64: encode the file, without a prefix.") from None
    return Upload(file_name(given.file_name), content)


def _array(given: PreparedTrack) -> np.ndarray:
    try:
        return np.array(given.embedding, dtype=np.float64)
    except ValueError:
        raise HttpProblem(
            422, "The rows of the embedding differ in length: send 1024 numbers each."
        ) from None
