"""Events as plain values: the same for `attune listen --json` and for the API."""

from __future__ import annotations

from typing import Any

from attune.engine.recent_events import Event
from core.directions import Direction
from core.emotions import Emotion
from playback.snapshot import MusicRecord
from realtime.notices import Notice
from realtime.plain_values import plain_notice, plain_window
from realtime.snapshot import WindowResult


def plain_event(event: Event) -> dict[str, Any]:
    """An event as JSON has it; `type` is window, notice or music."""
    match event:
        case WindowResult():
            return {"type": "window", **plain_window(event)}
        case Notice():
            return {"type": "notice", **plain_notice(event)}
        case MusicRecord():
            return {"type": "music", **plain_record(event)}


def plain_record(record: MusicRecord) -> dict[str, Any]:
    """Something that happened to the music."""
    return {
        "music": record.kind,
        "at_s": record.at_s,
        "emotion": record.feeling if isinstance(record.feeling, Emotion) else None,
        "direction": record.feeling if isinstance(record.feeling, Direction) else None,
        "playlist": record.playlist and record.playlist.name,
        "reason": record.reason,
        "outcome": record.outcome,
    }
