"""What is said of an uploaded file: emotion, mood or profile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from attune.api.uploads import Upload
from attune.engine.engine import Engine
from models.audio import open_stream
from models.mood.result import to_dict
from models.mood.song_names import read_song_names
from models.track.profile_export import profile_dict
from realtime.emotion_answer import emotion_answer
from realtime.plain_values import plain_clip

Watch = Callable[[float, float | None], None]
"""Called with the seconds of sound analysed, and all of them if known; what it raises ends the analysis."""


class AnalysisKind(StrEnum):
    """What is asked about a file."""

    EMOTION = "emotion"
    MOOD = "mood"
    PROFILE = "profile"


@dataclass(frozen=True, slots=True)
class AnalysisOptions:
    """How much is told of a file."""

    timeline: bool = True  # also window by window, or patch by patch
    top_k: int = 3  # labels of each kind, the likeliest first


def unexpected_fault(name: str) -> str:
    """What is said of a file where it was the program that failed; the log has the rest."""
    return f"{name} could not be analysed: the program's log says why."


@dataclass(frozen=True, slots=True)
class SoundHeader:
    """What a sound file says of itself."""

    rate_hz: int
    duration_s: float | None  # None where it does not say


def read_header(upload: Upload) -> SoundHeader:
    """Open a sound file, without reading it to its end.

    Raises
    ------
    AudioDecodeError
        It is none, or cannot be read from the start.
    """
    with open_stream(upload.content, name=upload.name) as stream:
        return SoundHeader(stream.rate_hz, stream.duration_s)


def analyse(
    engine: Engine, kind: AnalysisKind, upload: Upload, options: AnalysisOptions, watch: Watch
) -> dict[str, Any]:
    """Answer one question about one file, on this thread, with the models that are loaded.

    Raises
    ------
    AttuneError
        The file cannot be read, or a model cannot be used.
    """
    minutes, name = engine.settings.max_file_minutes, upload.name
    match kind:
        case AnalysisKind.EMOTION:
            clip = engine.recognise(Path(name), content=upload.content, on_progress=watch)
            plain = plain_clip(name, clip, emotion_answer(clip, engine.settings.threshold))
            return plain if options.timeline else {**plain, "windows": None}
        case AnalysisKind.MOOD:
            mood = engine.profiler.tagger.analyse(
                upload.content, name=name, max_minutes=minutes, on_progress=watch
            )
            return to_dict(mood, options.top_k, timeline=options.timeline)
        case AnalysisKind.PROFILE:
            found = engine.profiler.profile(upload.content, name=name, max_minutes=minutes, on_progress=watch)
            names = read_song_names(upload.content)
            return profile_dict(found, names, options.top_k, timeline=options.timeline)
