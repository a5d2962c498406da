"""What a stream takes and gives; every event is one JSON object with its type."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from attune.api.raw_audio import SampleFormat
from attune.api.schemas.emotion import CLIP_EXAMPLE, EmotionWindow
from core.emotions import Emotion
from models.resample import MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ
from realtime.notices import NoticeKind, Severity


class StreamParameters(BaseModel):
    """What will be sent, and what is asked of it."""

    model_config = ConfigDict(extra="forbid")

    rate: int = Field(16_000, ge=MIN_RATE_HZ, le=MAX_RATE_HZ, description="Sample rate of what is sent, Hz.")
    channels: int = Field(1, ge=1, le=MAX_CHANNELS, description="Channels, interleaved.")
    format: SampleFormat = Field(
        SampleFormat.INT16, description="Of each sample, little-endian; float32 reaches from -1 to 1."
    )
    music: bool = Field(
        True,
        description="Whether music beside the voice is heard, too. Without, singing may count as a voice; "
        "where no music plays, the answers are the same.",
    )
    threshold: float | None = Field(
        None, ge=0.3, le=0.99, description="Confidence from which an emotion is accepted, 0 to 1."
    )


class StreamPlaces(BaseModel):
    """How many streams there are."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"open": 3, "capacity": 28}]})

    open: int = Field(description="Streams that are open.", ge=0)
    capacity: int = Field(description="Streams at a time that keep their pace on this machine.", ge=1)


class StreamReady(BaseModel):
    """The first event: sound may come."""

    type: Literal["ready"] = "ready"
    model: str = Field(description="The emotion model and its version.")
    window_s: float = Field(description="What each answer is about, seconds of sound.")
    hop_s: float = Field(description="Seconds of sound from answer to answer.")


class StreamMusic(BaseModel):
    """Music in the last ten seconds."""

    music_share: float = Field(description="How much of what sounds is music, 0 to 1.")
    tags: dict[str, float] = Field(
        description="The likeliest mood tags with their probabilities, 0 to 1; empty without music."
    )
    energy: float | None = Field(description="From -1 (quiet) to 1 (lively); null without music.")
    pleasantness: float | None = Field(
        description="From -1 (unpleasant) to 1 (pleasant); null without music."
    )


class StreamWindow(EmotionWindow):
    """Twice a second of sound, from the third second on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "window",
                    **CLIP_EXAMPLE["windows"][0],
                    "sustained": "happy",
                    "music": {"music_share": 0.02, "tags": {}, "energy": None, "pleasantness": None},
                }
            ]
        }
    )

    type: Literal["window"] = "window"
    sustained: Emotion | None = Field(description="What the last half minute of voice adds up to.")
    music: StreamMusic | None = Field(
        description="The music beside the voice; null where it was not asked for, or all was silent."
    )


class StreamNotice(BaseModel):
    """What people should know of the sound, once when it begins and once when it is over."""

    type: Literal["notice"] = "notice"
    kind: NoticeKind = Field(description="What it is about, for programs.")
    ends: NoticeKind | None = Field(description="What is over with it; null where something begins.")
    severity: Severity = Field(description="How much it matters.")
    message: str = Field(description="One sentence for people.")
    at_s: float = Field(description="Unix time, seconds.")
    time_s: float = Field(description="Seconds of sound since the stream began.")


class StreamEnd(BaseModel):
    """The last event after the client's `{"type": "end"}`: all that it had sent is answered."""

    type: Literal["end"] = "end"
    windows: int = Field(description="Windows that were due.")
    lost_windows: int = Field(description="Of those, overtaken by a newer one before they were answered.")
    lost_frames: int = Field(description="Frames of sound that came too far ahead, and were not heard.")


class StreamProblem(BaseModel):
    """Why the server closes the stream; the close code follows."""

    type: Literal["problem"] = "problem"
    code: int = Field(description="The close code, RFC 6455.")
    detail: str = Field(description="One sentence: what happened, and what to do.")


EVENTS: Final[tuple[type[BaseModel], ...]] = (
    StreamReady,
    StreamWindow,
    StreamNotice,
    StreamEnd,
    StreamProblem,
)
"""All events, for the description of the API: OpenAPI itself knows no WebSockets."""
