"""The listener of this machine: what it hears, and its commands."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from fastapi import APIRouter

from attune.api.schemas.emotion import EmotionWindow
from attune.api.schemas.listener import (
    LevelState,
    ListenerSnapshot,
    MusicMoodState,
    NoticeState,
    PauseListening,
    SourceState,
    StartListening,
    SustainedState,
)
from attune.api.services import ServicesDep
from attune.public_api import source_spec
from models.resample import SAMPLE_RATE_HZ
from realtime.plain_values import plain_notice, plain_window
from realtime.snapshot import RollingTheme, Snapshot, SustainedEmotion, WindowResult

router = APIRouter(prefix="/v1/listener", tags=["listener"])

_NOTICES: Final = 20

# Commands may wait for a device, so none of them runs on the event loop: they are plain functions.


@router.get("", summary="What is heard now")
async def read_listener(services: ServicesDep) -> ListenerSnapshot:
    """Tell the state of the listener, the newest window, and what was said in words."""
    return listener_snapshot(services.engine.snapshot())


@router.post("/start", summary="Listen")
def start(services: ServicesDep, wanted: StartListening) -> ListenerSnapshot:
    """Listen to a source instead of the one before; 409 where it cannot be opened."""
    engine = services.engine
    spec = source_spec(wanted.source, engine.settings, device=wanted.device, host_api=wanted.host_api)
    engine.start(spec)
    return listener_snapshot(engine.snapshot())


@router.post("/stop", summary="Stop listening")
def stop(services: ServicesDep) -> ListenerSnapshot:
    """Stop listening, and end a pause; harmless where nothing is listened to."""
    services.engine.pause.cancel()
    services.engine.stop()
    return listener_snapshot(services.engine.snapshot())


@router.post("/pause", summary="Pause listening")
def pause(services: ServicesDep, wanted: PauseListening | None = None) -> ListenerSnapshot:
    """Close the microphone for a while; 409 where nothing is listened to."""
    services.engine.pause.begin(None if wanted is None else wanted.duration_s)
    return listener_snapshot(services.engine.snapshot())


@router.post("/resume", summary="Listen again")
def resume(services: ServicesDep) -> ListenerSnapshot:
    """Listen again before a pause is over; 409 where listening is not paused."""
    services.engine.pause.end()
    return listener_snapshot(services.engine.snapshot())


def listener_snapshot(snapshot: Snapshot) -> ListenerSnapshot:
    """A snapshot as the API gives it."""
    source, level, counters = snapshot.source, snapshot.level, snapshot.counters
    problems = (
        *(snapshot.notice, snapshot.mood_error, snapshot.journal_error or snapshot.journal_notice),
        *(snapshot.voice_error, snapshot.home_error),
    )
    return ListenerSnapshot(
        state=snapshot.state,
        listening=snapshot.listening,
        message=snapshot.message,
        resumes_at_s=snapshot.resumes_at_s,
        source=None if source is None else SourceState.model_validate(source, from_attributes=True),
        time_s=snapshot.clock / SAMPLE_RATE_HZ,
        level=LevelState.model_validate(level, from_attributes=True),
        window=_newest_window(snapshot),
        sustained=_sustained(snapshot.sustained),
        mood=None if snapshot.mood is None else _mood(snapshot.mood.themes[0]),
        windows=counters.windows,
        dropped_windows=counters.dropped_windows,
        problems=list(filter(None, problems)),
        notices=[NoticeState(**plain_notice(notice)) for notice in snapshot.notices[-_NOTICES:]],
    )


def _newest_window(snapshot: Snapshot) -> EmotionWindow | None:
    if snapshot.reading is None or snapshot.decision is None or snapshot.sustained is None:
        return None
    newest = WindowResult(snapshot.reading, snapshot.decision, snapshot.sustained)
    return EmotionWindow.model_validate(plain_window(newest))


def _sustained(sustained: SustainedEmotion | None) -> SustainedState | None:
    if sustained is None:
        return None
    return SustainedState.model_validate(sustained, from_attributes=True)


def _mood(theme: RollingTheme) -> MusicMoodState:
    return MusicMoodState(**{**asdict(theme), "tags": dict(theme.tags)})
