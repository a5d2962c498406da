"""The listener of this machine."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from attune.api.schemas.emotion import EmotionWindow
from core.emotions import Emotion
from realtime.capture import SourceKind
from realtime.notices import NoticeKind, Severity
from realtime.snapshot import ListenerState

_SOURCE: Final = {
    "kind": "mic",
    "name": "Built-in Audio",
    "host_api": "ALSA",
    "rate_hz": 48000,
    "channels": 2,
    "duration_s": None,
}
_NOTICE: Final[dict[str, Any]] = {
    "kind": "quiet voice",
    "ends": None,
    "severity": "warning",
    "message": "The voice is very quiet: move closer to the microphone.",
    "at_s": 1765350000.5,
    "time_s": 41.5,
}
_SNAPSHOT: Final[dict[str, Any]] = {
    "state": "listening",
    "listening": True,
    "message": "",
    "resumes_at_s": None,
    "source": _SOURCE,
    "time_s": 42.5,
    "level": {"rms_dbfs": -31.5, "peak_dbfs": -18.0, "clipping": False, "digital_silence": False},
    "window": None,
    "sustained": {"emotion": "happy", "voice_s": 12.5},
    "mood": {
        "seconds": 10.0,
        "tags": {"happy": 0.31, "summer": 0.17},
        "energy": 0.4,
        "pleasantness": 0.6,
        "music_share": 0.9,
    },
    "windows": 79,
    "dropped_windows": 0,
    "problems": [],
    "notices": [_NOTICE],
}


class SourceState(BaseModel):
    """What is listened to."""

    kind: SourceKind = Field(description="Which sort of source.")
    name: str = Field(description="Name of the device or the file, for people.")
    host_api: str = Field(description="Host API of the device; empty where there is none.")
    rate_hz: int = Field(description="Its own sample rate, in Hz.")
    channels: int = Field(description="How many channels it has.")
    duration_s: float | None = Field(description="Its length, in seconds; null for what has no end.")


class LevelState(BaseModel):
    """How loud the newest sound is."""

    rms_dbfs: float = Field(description="Level, in dB relative to full scale; -120 is silence.")
    peak_dbfs: float = Field(description="Highest sample, in dB relative to full scale.")
    clipping: bool = Field(description="Samples reached full scale within the last second.")
    digital_silence: bool = Field(description="Nothing but zeros: a muted or forbidden microphone.")


class SustainedState(BaseModel):
    """What the last half minute of voice adds up to."""

    emotion: Emotion | None = Field(description="Null where none is sure.")
    voice_s: float = Field(ge=0, description="Voice that it rests on, in seconds.")


class MusicMoodState(BaseModel):
    """The music of the last seconds."""

    seconds: float = Field(description="How far it looks back, in seconds.")
    tags: dict[str, float] = Field(description="The likeliest mood tags and their probabilities.")
    energy: float | None = Field(description="Place among all music, -1 quiet to 1 lively.")
    pleasantness: float | None = Field(description="Place among all music, -1 unpleasant to 1 pleasant.")
    music_share: float | None = Field(description="How much of what sounds is music, 0 to 1.")


class NoticeState(BaseModel):
    """Something that was said in words."""

    model_config = ConfigDict(json_schema_extra={"examples": [_NOTICE]})

    kind: NoticeKind = Field(description="What it is about.")
    ends: NoticeKind | None = Field(description="What is over with it; null where nothing is.")
    severity: Severity = Field(description="How much it matters.")
    message: str = Field(description="One sentence for people, or a few.")
    at_s: float = Field(description="When, as Unix time in seconds.")
    time_s: float = Field(description="When, in seconds of sound since the source started.")


class ListenerSnapshot(BaseModel):
    """The listener at one moment."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SNAPSHOT]})

    state: ListenerState = Field(description="What it is doing.")
    listening: bool = Field(description="Whether sound is being taken in: show a visible sign.")
    message: str = Field(description="One sentence on why it is so; empty where all is as asked.")
    resumes_at_s: float | None = Field(
        description="When a pause ends, as Unix time in seconds; null: when somebody resumes."
    )
    source: SourceState | None = Field(description="What is listened to; null where nothing is.")
    time_s: float = Field(description="Seconds of sound since the source started.")
    level: LevelState = Field(description="How loud the newest sound is.")
    window: EmotionWindow | None = Field(description="The newest window; null before the first.")
    sustained: SustainedState | None = Field(description="Null before the first window.")
    mood: MusicMoodState | None = Field(description="The music of the last 10 s; null where none is known.")
    windows: int = Field(description="Windows since the source started.")
    dropped_windows: int = Field(description="Those overtaken by a newer one, because the machine is busy.")
    problems: list[str] = Field(description="One sentence on each thing that cannot be used just now.")
    notices: list[NoticeState] = Field(description="The newest 20, oldest first.")


class StartListening(BaseModel):
    """What to listen to."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"source": "mic"}]})

    source: Literal["mic", "system", "demo"] = Field(
        "mic", description="A microphone, what the machine plays, or the built-in demo."
    )
    device: str | None = Field(
        None, max_length=200, description="Name of the device, as `attune devices` lists it."
    )
    host_api: str | None = Field(
        None, max_length=100, description="Host API of a microphone, where its name is ambiguous."
    )


class PauseListening(BaseModel):
    """For how long to pause."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"duration_s": 900}]})

    duration_s: float | None = Field(
        None, ge=1, le=86_400, description="From now on, in seconds; null until somebody resumes."
    )
