"""What is said of a voice in a recording."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from attune.api.schemas.files import FileError
from core.directions import Direction
from core.emotions import Emotion
from realtime.emotion_answer import AnswerStatus
from realtime.snapshot import DecisionKind

_PROBABILITIES: Final[dict[str, Any]] = {
    "neutral": 0.0135,
    "calm": 0.0032,
    "happy": 0.8645,
    "sad": 0.0037,
    "angry": 0.0845,
    "fearful": 0.0163,
    "disgust": 0.0023,
    "surprised": 0.0120,
}
_ENERGY: Final = {"accepted": "lively", "confidence": 0.98, "p_lively": 0.98}
_PLEASANTNESS: Final = {"accepted": "pleasant", "confidence": 0.86, "p_pleasant": 0.86}
_WINDOW: Final[dict[str, Any]] = {
    "time_s": 3.0,
    "kind": "unsure",
    "emotion": None,
    "leading": "happy",
    "confidence": 0.8645,
    "speech_share": 0.957,
    "only_music": False,
    "probabilities": _PROBABILITIES,
    "energy": {**_ENERGY, "accepted": None},
    "pleasantness": {**_PLEASANTNESS, "accepted": None},
    "direction": None,
    "changed": False,
    "reason": "It must hold for 1 s first.",
    "latency_ms": 35.5,
}
CLIP_EXAMPLE: Final[dict[str, Any]] = {
    "file": "voice.wav",
    "kind": "accepted",
    "emotion": "happy",
    "confidence": 0.8645,
    "probabilities": _PROBABILITIES,
    "energy": _ENERGY,
    "pleasantness": _PLEASANTNESS,
    "direction": "lively and pleasant",
    "music_mood": "upbeat",
    "status": "success",
    "warning": None,
    "notice": "",
    "windows": [_WINDOW],
}


class EnergyAnswer(BaseModel):
    """How lively a voice is."""

    accepted: Literal["lively", "quiet"] | None = Field(description="What is sure; null where neither is.")
    confidence: float = Field(ge=0, le=1, description="Probability of the likelier side, or of the accepted.")
    p_lively: float = Field(ge=0, le=1, description="Probability that the voice is lively.")


class PleasantnessAnswer(BaseModel):
    """How pleasant a voice is."""

    accepted: Literal["pleasant", "unpleasant"] | None = Field(
        description="What is sure; null where neither is."
    )
    confidence: float = Field(ge=0, le=1, description="Probability of the likelier side, or of the accepted.")
    p_pleasant: float = Field(ge=0, le=1, description="Probability that the voice is pleasant.")


class EmotionWindow(BaseModel):
    """Three seconds of a recording."""

    time_s: float = Field(ge=0, description="End of the window, in seconds since the beginning.")
    kind: DecisionKind = Field(description="What the gate made of the voice so far.")
    emotion: Emotion | None = Field(description="The accepted emotion; null where none is.")
    leading: Emotion | None = Field(description="The likeliest emotion; null without speech.")
    confidence: float = Field(ge=0, le=1, description="Its smoothed probability; 0 without speech.")
    speech_share: float = Field(ge=0, le=1, description="How much of the window is speech.")
    only_music: bool = Field(description="Music plays, and no voice stands out from it.")
    probabilities: dict[Emotion, float] | None = Field(
        description="Of the window alone, summing to 1; null without speech."
    )
    energy: EnergyAnswer | None = Field(description="Null without speech, or where the model does not know.")
    pleasantness: PleasantnessAnswer | None = Field(description="Null as `energy` is.")
    direction: Direction | None = Field(description="Where on the plane the accepted statements lie.")
    changed: bool = Field(description="Whether the accepted emotion differs from the one before.")
    reason: str = Field(description="One sentence on why it was decided so.")
    latency_ms: float = Field(
        description="From the arrival of its last sample to its answer, in milliseconds."
    )


class EmotionClip(BaseModel):
    """A whole recording."""

    model_config = ConfigDict(json_schema_extra={"examples": [CLIP_EXAMPLE]})

    file: str = Field(description="Name of the file.")
    kind: DecisionKind = Field(
        description="Whether the emotion is accepted or unsure, or there is no speech."
    )
    emotion: Emotion | None = Field(description="The likeliest emotion, however unsure; null without speech.")
    confidence: float = Field(ge=0, le=1, description="Its probability; 0 without speech.")
    probabilities: dict[Emotion, float] | None = Field(description="They sum to 1; null without speech.")
    energy: EnergyAnswer | None = Field(description="Null without speech, or where the model does not know.")
    pleasantness: PleasantnessAnswer | None = Field(description="Null as `energy` is.")
    direction: Direction | None = Field(
        description="Where on the plane the accepted statements lie; null where the energy is unsure."
    )
    music_mood: str | None = Field(description="Mood of the music for the emotion; null without speech.")
    status: AnswerStatus = Field(description="Whether the emotion is sure enough to act on.")
    warning: str | None = Field(description="One sentence on why it is not; null where it is.")
    notice: str = Field(description="What was wrong with the recording but survived; empty if nothing.")
    windows: list[EmotionWindow] | None = Field(
        description="Two for each second of sound; null where not asked for."
    )


class EmotionRows(BaseModel):
    """A row for each file, in the order in which they came."""

    files: list[EmotionClip | FileError] = Field(description="An answer, or why there is none.")


class EmotionPrediction(BaseModel):
    """A recording, in the fields of the API of "AI Music Mood Detection"."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "emotion": "happy",
                    "confidence": 0.8645,
                    "music_mood": "upbeat",
                    "all_probabilities": _PROBABILITIES,
                    "status": "success",
                    "warning": None,
                }
            ]
        }
    )

    emotion: Emotion | None = Field(description="The likeliest emotion, however unsure; null without speech.")
    confidence: float = Field(ge=0, le=1, description="Its probability; 0 without speech.")
    music_mood: str | None = Field(description="Mood of the music for the emotion; null without speech.")
    all_probabilities: dict[Emotion, float] | None = Field(description="They sum to 1; null without speech.")
    status: AnswerStatus = Field(description="Whether the emotion is sure enough to act on.")
    warning: str | None = Field(description="Why it is not, or what was wrong with the sound; else null.")


class EmotionList(BaseModel):
    """The emotions that are told apart."""

    emotions: list[Emotion] = Field(description="In the order of all lists of probabilities.")
    count: int = Field(description="How many.")


class RawSamples(BaseModel):
    """Sound as numbers."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"samples": [0.0, 0.01, 0.02, 0.01], "rate": 16000}]}
    )

    samples: list[float] = Field(
        min_length=1,
        max_length=2_000_000,
        fail_fast=True,  # a body may hold a million faults
        description="Channel by channel within each frame: -1 to 1, or -32768 to 32767 as int16.",
    )
    rate: int = Field(16_000, ge=8_000, le=192_000, description="Sample rate, in Hz.")
    channels: int = Field(1, ge=1, le=8, description="How many.")
    format: Literal["float32", "int16"] = Field("float32", description="What the numbers are.")
