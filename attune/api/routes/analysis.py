"""Answers about files that the client waits for: emotion, mood and profile, of one file or many."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Query, UploadFile

from attune.api.analyses import AnalysisKind, AnalysisOptions
from attune.api.file_requests import analyse_uploads
from attune.api.schemas.emotion import EmotionRows
from attune.api.schemas.music import MoodRows, ProfileRows
from attune.api.services import ServicesDep

router = APIRouter(prefix="/v1", tags=["files"])

Files = Annotated[list[UploadFile], File(description="Sound files of any format; the field may be repeated.")]
TopK = Annotated[int, Query(ge=1, le=59, description="How many labels of each kind, the likeliest first.")]


@router.post("/emotion", summary="How voices in sound files sound")
async def emotion(
    services: ServicesDep,
    files: Files,
    windows: Annotated[bool, Query(description="Also window by window, twice a second.")] = True,
) -> EmotionRows:
    """Recognise emotion, energy and pleasantness, as a whole and window by window.

    What is wrong with a file is told in its row. Files longer than 10 minutes are for `/v1/jobs`.
    """
    options = AnalysisOptions(timeline=windows)
    rows = await analyse_uploads(services, files, AnalysisKind.EMOTION, options)
    return EmotionRows.model_validate({"files": rows})


@router.post("/mood", summary="What mood music in sound files has")
async def mood(
    services: ServicesDep,
    files: Files,
    timeline: Annotated[bool, Query(description="Also over time, every 0.96 s.")] = False,
    top_k: TopK = 3,
) -> MoodRows:
    """Tell the mood of music: 59 tags and eight plain moods, as a whole and over time."""
    options = AnalysisOptions(timeline=timeline, top_k=top_k)
    rows = await analyse_uploads(services, files, AnalysisKind.MOOD, options)
    return MoodRows.model_validate({"files": rows})


@router.post("/profile", summary="All that is told of tracks")
async def profile(
    services: ServicesDep,
    files: Files,
    timeline: Annotated[bool, Query(description="Also beats, and every moment.")] = False,
    top_k: TopK = 3,
) -> ProfileRows:
    """Tell tempo, key, loudness, genre, instruments, feelings and mood."""
    options = AnalysisOptions(timeline=timeline, top_k=top_k)
    rows = await analyse_uploads(services, files, AnalysisKind.PROFILE, options)
    return ProfileRows.model_validate({"files": rows})
