"""Emotions in the paths and fields of the API of "AI Music Mood Detection", for its clients."""

from __future__ import annotations

import asyncio
import html
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, Response

from attune.api.analyses import Watch
from attune.api.file_requests import analyse_content, analyse_upload
from attune.api.raw_audio import SampleFormat, wav_of_bytes, wav_of_numbers
from attune.api.request_bodies import BYTES, JSON, MULTIPART, content_type, described, form_file, json_body
from attune.api.schemas.emotion import EmotionList, EmotionPrediction, RawSamples
from attune.api.schemas.service import ServiceStatus
from attune.api.services import Services, ServicesDep
from attune.api.uploads import Upload
from attune.engine.engine import Engine
from core.emotions import EMOTIONS, Emotion
from core.errors import AttuneError
from core.version import app_version
from realtime.emotion_answer import MUSIC_MOODS, emotion_answer

router = APIRouter(tags=["reference"])

_LINKS: Final = {
    "/demo": "Speak, and see how your voice sounds",
    "/openapi.json": "What there is, as OpenAPI 3.1",
    "/emotions/": "The emotions that are told apart",
    "/music-moods/": "The mood of music for each emotion",
    "/health/ready": "Whether the models are loaded",
    "/metrics": "Figures for Prometheus",
}
_BUFFER: Final = "recording.wav"

Rate = Annotated[int, Query(ge=8_000, le=192_000, description="Of raw bytes: sample rate, in Hz.")]
Channels = Annotated[int, Query(ge=1, le=8, description="Of raw bytes: how many channels.")]
Format = Annotated[
    SampleFormat, Query(alias="format", description="Of raw bytes: each sample, little-endian.")
]


@router.get("/", summary="Health; links for people", response_model=ServiceStatus)
async def root(request: Request, services: ServicesDep) -> Response:
    """Answer health as JSON, and a page with links where a browser asks."""
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(_page())
    provider = None if services.engine.warming_up else await _provider(services)
    status = ServiceStatus(
        status="running",
        service="Attune",
        model_loaded=provider is not None,
        device=provider or services.engine.settings.provider,
        version=app_version(),
    )
    return JSONResponse(status.model_dump())


@router.post("/predict-emotion/", summary="Emotion of a sound file")
async def predict_emotion(services: ServicesDep, file: UploadFile) -> EmotionPrediction:
    """Recognise the emotion of a voice in a sound file of any format and rate."""
    return EmotionPrediction.model_validate(await analyse_upload(services, file, emotion_prediction))


@router.post(
    "/predict-realtime/",
    summary="Emotion of a buffer of samples",
    openapi_extra=described(
        file_field="audio_buffer", json=RawSamples, raw="Interleaved samples, little-endian."
    ),
)
async def predict_realtime(
    request: Request,
    services: ServicesDep,
    rate: Rate = 16_000,
    channels: Channels = 1,
    sample_format: Format = SampleFormat.FLOAT32,
) -> EmotionPrediction:
    """Recognise the emotion in a buffer: raw bytes, numbers in JSON, or a sound file in a form.

    The model hears 3 s. A shorter buffer is padded with silence; of a longer one all windows count.
    """
    match content_type(request, BYTES, JSON, MULTIPART):
        case "multipart/form-data":
            upload = await form_file(request, "audio_buffer", services.limits)
        case "application/json":
            given = await json_body(request, RawSamples)
            content = wav_of_numbers(
                given.samples,
                rate_hz=given.rate,
                channels=given.channels,
                sample_format=SampleFormat(given.format),
            )
            upload = Upload(_BUFFER, content)
        case _:
            content = await asyncio.to_thread(  # 200 MB would hold up all streams
                wav_of_bytes,
                await request.body(),
                rate_hz=rate,
                channels=channels,
                sample_format=sample_format,
            )
            upload = Upload(_BUFFER, content)
    return EmotionPrediction.model_validate(await analyse_content(services, upload, emotion_prediction))


@router.get("/emotions/", summary="The emotions that are told apart")
async def emotions() -> EmotionList:
    """List the eight emotions."""
    return EmotionList(emotions=list(EMOTIONS), count=len(EMOTIONS))


@router.get("/music-moods/", summary="The mood of music for each emotion")
async def music_moods() -> dict[Emotion, str]:
    """Tell which music fits an emotion, in one word."""
    return dict(MUSIC_MOODS)


def emotion_prediction(engine: Engine, upload: Upload, watch: Watch) -> dict[str, Any]:
    """Recognise a sound file, in the fields of `EmotionPrediction`.

    Raises
    ------
    AttuneError
        The file cannot be read, or a model cannot be used.
    """
    clip = engine.recognise(Path(upload.name), content=upload.content, on_progress=watch)
    answer = emotion_answer(clip, engine.settings.threshold)
    probabilities = clip.probabilities
    return {
        "emotion": clip.emotion,
        "confidence": round(clip.confidence, 4),
        "music_mood": answer.music_mood,
        "all_probabilities": probabilities and dict(zip(EMOTIONS, probabilities, strict=True)),
        "status": answer.status,
        "warning": " ".join(filter(None, (answer.warning, clip.notice))) or None,
    }


async def _provider(services: Services) -> str | None:
    """What the emotion model runs on; None where it cannot be used."""
    try:
        return (await services.model()).provider
    except AttuneError:
        return None


def _page() -> str:
    links = "".join(
        f'<li><a href="{path}">{html.escape(words)}</a> <code>{path}</code></li>'
        for path, words in _LINKS.items()
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Attune</title>
<style>body {{ font-family: system-ui; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }}</style>
</head>
<body>
<main>
<h1>Attune {html.escape(app_version())}</h1>
<p>This server tells how a voice sounds and what mood music has.</p>
<ul>{links}</ul>
</main>
</body>
</html>
"""
