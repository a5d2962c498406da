"""What is said of music: mood, profile, and the fields of the "Music Classification API"."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from attune.api.schemas.files import FileError


class SoundShares(BaseModel):
    """Mean scores of what is heard; they are independent, and no probabilities."""

    music: float = Field(ge=0, le=1, description="Music or an instrument.")
    speech: float = Field(ge=0, le=1, description="Speech.")
    singing: float = Field(ge=0, le=1, description="Singing.")
    silence: float = Field(ge=0, le=1, description="Silence.")


class TagProbability(BaseModel):
    """One of the 59 mood and theme tags."""

    tag: str = Field(description="As MTG-Jamendo names it.")
    probability: float = Field(ge=0, le=1, description="That the tag fits.")


class LabelProbability(BaseModel):
    """A genre or an instrument."""

    label: str = Field(description="As MTG-Jamendo names it.")
    probability: float = Field(ge=0, le=1, description="That it fits.")


class MusicPlace(BaseModel):
    """Place on the plane, relative to the music of MTG-Jamendo; both null without music."""

    pleasantness: float | None = Field(None, ge=-1, le=1, description="0: as pleasant as the middle track.")
    energy: float | None = Field(None, ge=-1, le=1, description="0: as lively as the middle track.")


class MusicMoment(BaseModel):
    """A moment of music: one patch, with the 5 s around it."""

    start_s: float = Field(ge=0, description="Its start, in seconds since the beginning.")
    end_s: float = Field(ge=0, description="Its end, in seconds since the beginning.")
    tags: list[TagProbability] = Field(description="The likeliest tags; empty without music.")
    moods: dict[str, float] = Field(
        description="Weights of the eight moods, summing to 1; empty without music."
    )
    music_share: float | None = Field(
        description="How much of what sounds is music, 0 to 1; null where silent."
    )
    shares: SoundShares = Field(description="What is heard.")
    valence: float | None = Field(None, description="How pleasant, -1 to 1; only in profiles.")
    arousal: float | None = Field(None, description="How lively, -1 to 1; only in profiles.")


class MusicMood(BaseModel):
    """Mood of a file."""

    file: str = Field(description="Name of the file.")
    duration_s: float = Field(ge=0, description="Its length, in seconds.")
    silent: bool = Field(description="Whether all of it is silent.")
    music: bool = Field(description="Whether enough of it is music for a mood.")
    music_share: float = Field(ge=0, le=1, description="How much of what sounds is music.")
    shares: SoundShares = Field(description="What is heard, on average.")
    notices: list[str] = Field(description="One sentence for each problem that was tolerated.")
    theme: list[TagProbability] = Field(description="The likeliest tags of the whole; empty without music.")
    moods: dict[str, float] = Field(
        description="Weights of the eight moods, summing to 1; empty without music."
    )
    plane: MusicPlace = Field(description="Place of the whole on the plane.")
    timeline: list[MusicMoment] | None = Field(None, description="Every 0.96 s; null where not asked for.")


class MoodRows(BaseModel):
    """A row for each file, in the order in which they came."""

    files: list[MusicMood | FileError] = Field(description="An answer, or why there is none.")


class TempoAnswer(BaseModel):
    """How fast music is."""

    bpm: float = Field(gt=0, description="Beats a minute.")
    category: Literal["slow", "moderate", "fast"] = Field(description="Below 90, below 120, or from 120 on.")
    confidence: float = Field(
        ge=0, le=1, description="Chance that it is right to 4 %, not its half or double."
    )
    half_bpm: float | None = Field(description="Half of it.")
    double_bpm: float | None = Field(description="Twice as much.")
    beats: int = Field(ge=0, description="How many beats were found.")


class KeyAnswer(BaseModel):
    """The key of a track."""

    tonic: str = Field(description="Such as C#.")
    mode: Literal["major", "minor"] = Field(description="Major or minor.")
    confidence: float = Field(ge=0, le=1, description="Chance that both are right.")


class MusicProfile(BaseModel):
    """All that is told of a track; what is not known is null or empty, and a notice says why."""

    file: str = Field(description="Name of the file.")
    title: str = Field(description="As the file says; else empty.")
    artist: str = Field(description="As the file says; else empty.")
    duration_s: float = Field(ge=0, description="Its length, in seconds.")
    loudness_lufs: float | None = Field(description="Integrated loudness (ITU-R BS.1770), in LUFS.")
    tempo: TempoAnswer | None = Field(description="Null without a pulse, and without the extra `analysis`.")
    key: KeyAnswer | None = Field(description="Null without music, and without the extra `analysis`.")
    genres: list[LabelProbability] = Field(description="The likeliest genres.")
    instruments: list[LabelProbability] = Field(description="The likeliest instruments.")
    emotions: dict[str, float] = Field(
        description="The nine of the Geneva Emotional Music Scale, 0 to 1 each."
    )
    valence: float | None = Field(description="How pleasant, -1 to 1.")
    arousal: float | None = Field(description="How lively, -1 to 1.")
    theme: list[TagProbability] = Field(description="The likeliest tags; empty without music.")
    moods: dict[str, float] = Field(
        description="Weights of the eight moods, summing to 1; empty without music."
    )
    silent: bool = Field(description="Whether all of it is silent.")
    music: bool = Field(description="Whether enough of it is music.")
    music_share: float = Field(ge=0, le=1, description="How much of what sounds is music.")
    shares: SoundShares = Field(description="What is heard, on average.")
    processing_s: float = Field(ge=0, description="From the file to the profile, in seconds.")
    notices: list[str] = Field(description="One sentence for each thing that is wrong or not known.")
    beats_s: list[float] | None = Field(
        None, description="Each beat, in seconds since the beginning; null where not asked for."
    )
    timeline: list[MusicMoment] | None = Field(None, description="Every 0.96 s; null where not asked for.")


class ProfileRows(BaseModel):
    """A row for each file, in the order in which they came."""

    files: list[MusicProfile | FileError] = Field(description="An answer, or why there is none.")


class _Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class LabelPrediction(_Camel):
    """One answer of several that were possible."""

    label: str = Field(description="The likeliest.")
    confidence: float = Field(ge=0, le=1, description="Its probability.")
    all_probabilities: dict[str, float] | None = Field(description="Of all labels; null where not known.")


class TempoPrediction(_Camel):
    """How fast music is."""

    value: float = Field(gt=0, description="Beats a minute.")
    category: Literal["slow", "moderate", "fast"] = Field(description="Below 90, below 120, or from 120 on.")
    confidence: float = Field(
        ge=0, le=1, description="Chance that it is right to 4 %, not its half or double."
    )


class MusicPredictions(_Camel):
    """What was asked of music; what is not known is null, and a warning says why."""

    genre: LabelPrediction | None = Field(description="The likeliest genre.")
    mood: LabelPrediction | None = Field(description="The leading of the eight moods, with its weight.")
    bpm: TempoPrediction | None = Field(description="Tempo.")
    key: LabelPrediction | None = Field(description="Such as C# minor.")


class TrackMetadata(_Camel):
    """What is known of the sound itself; null where only numbers were sent."""

    duration: float | None = Field(ge=0, description="In seconds.")
    sample_rate: int | None = Field(description="Of the file, in Hz.")
    file_size_bytes: int = Field(ge=0, description="Of what was sent.")


class MusicAnalysis(_Camel):
    """A track, in the fields of the "Music Classification API"."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "fileName": "song.mp3",
                    "predictions": {
                        "genre": {"label": "rock", "confidence": 0.85, "allProbabilities": {"rock": 0.85}},
                        "mood": {
                            "label": "energetic",
                            "confidence": 0.78,
                            "allProbabilities": {"energetic": 0.78},
                        },
                        "bpm": {"value": 120.5, "category": "fast", "confidence": 0.82},
                        "key": {"label": "C major", "confidence": 0.71, "allProbabilities": None},
                    },
                    "processingTimeMs": 2300.0,
                    "metadata": {"duration": 180.5, "sampleRate": 44100, "fileSizeBytes": 4521840},
                    "warnings": [],
                }
            ]
        }
    )

    file_name: str = Field(description="Name of the file.")
    predictions: MusicPredictions = Field(description="What is said of it.")
    processing_time_ms: float = Field(ge=0, description="In milliseconds.")
    metadata: TrackMetadata = Field(description="What is known of the sound itself.")
    warnings: list[str] = Field(description="One sentence for each thing that is wrong or not known.")


class EncodedTrack(_Camel):
    """A sound file within JSON."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"audioData": "UklGRiQAAABXQVZF...", "fileName": "song.wav"}]},
    )

    audio_data: str = Field(min_length=1, description="The file in base64.")
    file_name: str = Field("upload", max_length=255, description="Its name, for people.")
    format: str | None = Field(None, max_length=16, description="Not needed: the content says what it is.")


# Lists end at their first fault, since a body may hold a million.
_Numbers = Annotated[list[float], Field(max_length=1_000_000, fail_fast=True)]
_Rows = Annotated[list[_Numbers], Field(max_length=20_000, fail_fast=True)]


class PreparedTrack(_Camel):
    """What was computed of a track before."""

    model_config = ConfigDict(extra="forbid")

    embedding: _Numbers | _Rows = Field(
        description="Of YAMNet, as `attune embed` writes it: 1024 numbers, or a row of them for each patch."
    )
    file_name: str = Field("upload", max_length=255, description="Name of the track, for people.")


class MusicHealth(BaseModel):
    """Health, in the fields of the "Music Classification API"."""

    status: Literal["healthy", "unhealthy"] = Field(description="Whether the models can be used.")
    timestamp: str = Field(description="UTC, ISO 8601.")
    services: dict[str, str] = Field(description="Health of the parts.")
    version: str = Field(description="The version of Attune.")


class MusicApiInfo(BaseModel):
    """What this part of the API can do."""

    name: str = Field(description="Of this program.")
    version: str = Field(description="Of this program.")
    description: str = Field(description="What it is.")
    endpoints: dict[str, str] = Field(description="Its addresses.")
    supported_formats: list[str] = Field(description="Of files; what counts is their content.")
    features: dict[str, bool] = Field(description="What can be answered here.")
