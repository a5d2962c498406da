"""What is claimed of ordinary talk: people who act nothing, replayed through the live path."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.emotions import Emotion
from core.errors import DataError
from models.resample import SAMPLE_RATE_HZ, Audio
from training.data import ordinary
from training.data.cache import LABELS
from training.data.splits import Split
from training.progress import StepProgress, no_progress
from training.report.axes import AXES
from training.report.live import LiveAnswer, LivePath, onsets, rate_per_hour, replay, with_silence

UNEMOTIONAL: Final = frozenset({Emotion.NEUTRAL, Emotion.CALM})
"""What may be said of ordinary talk; every other emotion that is accepted there is a false one."""

KEYS: Final = (
    "ordinary_false_per_hour",
    "ordinary_neutral_share",
    "ordinary_hours",
    "ordinary_directions_per_hour",
    "prompts_false_per_hour",
)
"""Names under which the figures that are quoted stand in a report, those that were measured."""

_PAUSE_S: Final = 0.7
_SESSION_S: Final = 180.0


def read_ordinary(place: Path) -> list[Audio]:
    """Read the ordinary talk of people who are kept out of training.

    The place is ``librispeech_ordinary.tar``, its folder, or its manifest beside it. A session a speaker, in
    order of their names, float32 at 16 kHz: what they say, with pauses of 0.7 s.

    Raises
    ------
    DataError
        The archive is missing or damaged, or nobody in it is kept out of training.
    """
    if place.is_dir() or place.suffix == ".csv":
        place = (place if place.is_dir() else place.parent) / ordinary.ARCHIVE
    by_speaker: defaultdict[str, list[Audio]] = defaultdict(list)
    for speaker, audio in ordinary.read_talk(place, lambda split: split is Split.TEST):
        by_speaker[speaker].append(audio)
    return [_joined(by_speaker[speaker]) for speaker in sorted(by_speaker)]


def read_prompt_voices(folder: Path) -> dict[str, list[Audio]]:
    """Read voice prompts of the voices that training never heard, by voice as `prompt_sessions` gives them.

    The folder has one folder a voice, with files that end in ``.g722``, as Debian's packages
    ``asterisk-core-sounds-*-g722`` lay it out.

    Raises
    ------
    DataError
        There is no such voice, or its prompts cannot be read.
    """
    from training.whisper.sounds import TRAINING_PROMPTS, read_prompts  # noqa: PLC0415

    voices = [
        place
        for place in sorted(folder.iterdir() if folder.is_dir() else ())
        if place.is_dir() and not place.is_symlink() and next(place.rglob("*.g722"), None)
    ]
    if not voices:
        raise DataError(
            f"No voice prompts lie in {folder}: name the folder that holds one folder of .g722 files a voice."
        )
    unheard = [voice for voice in voices if voice.name not in TRAINING_PROMPTS]
    if not unheard:
        raise DataError(f"All voices in {folder} are heard in training: name others, or leave --prompts out.")
    return {voice.name: prompt_sessions(read_prompts(voice)) for voice in unheard}


def prompt_sessions(prompts: Sequence[Audio], *, session_s: float = _SESSION_S) -> list[Audio]:
    """Prompts of a voice one after the other with pauses of 0.7 s, as sessions of some minutes."""
    sessions: list[list[Audio]] = []
    length = 0
    for prompt in prompts:
        if not sessions or length >= session_s * SAMPLE_RATE_HZ:
            sessions.append([])
            length = 0
        sessions[-1].append(prompt)
        length += len(prompt) + round(_PAUSE_S * SAMPLE_RATE_HZ)
    return [_joined(session) for session in sessions]


def sessions_up_to(sessions: Sequence[Audio], seconds: float | None) -> list[Audio]:
    """The first sessions, until there are so many seconds of them; None: all."""
    if seconds is None:
        return list(sessions)
    before = np.cumsum([0, *map(len, sessions[:-1])])  # samples before each session
    return list(sessions[: int(np.sum(before < seconds * SAMPLE_RATE_HZ))])


def talk_figures(
    live: LivePath,
    sessions: Sequence[Audio],
    on_progress: StepProgress = no_progress,
) -> dict[str, Any]:
    """What is claimed of talk in which nothing should be claimed.

    Each session is played by itself. An emotion that is accepted without a break counts once, when it
    begins; neutral and calm are no false ones.

    Returns
    -------
    dict
        ``sessions``, ``hours`` (of talk, without the silence that is played around it), ``windows`` (with
        speech enough for an answer), ``neutral_share`` (of them, those whose likeliest emotion is neutral or
        calm; None without any), ``false_emotions`` (from `live.rate_per_hour`), ``accepted_as`` (times that
        each emotion began to be accepted) and ``directions`` (the same rates of a side of each axis; None
        from a model that knows emotions alone).

    Raises
    ------
    ValueError
        There is nothing to play.
    """
    hours = sum(map(len, sessions)) / SAMPLE_RATE_HZ / 3600
    answers: list[LiveAnswer] = []
    for session in sessions:
        on_progress(len(answers), len(sessions))
        answers.append(replay(live, with_silence(session)))
    times = Counter(_onsets(answers, "emotion"))
    leading = [
        window.leading for answer in answers for window in answer.windows if window.leading is not None
    ]
    neutral = [label in UNEMOTIONAL for label in leading]
    knows_plane = any(getattr(answer, axis) is not None for answer in answers for axis in AXES)
    return {
        "sessions": len(sessions),
        "hours": round(hours, 4),
        "windows": len(leading),
        "neutral_share": round(sum(neutral) / len(neutral), 4) if neutral else None,
        "false_emotions": rate_per_hour(
            sum(times[label] for label in LABELS if label not in UNEMOTIONAL), hours
        ),
        "accepted_as": {label: times[label] for label in LABELS},
        "directions": {axis: rate_per_hour(len(_onsets(answers, axis)), hours) for axis in AXES}
        if knows_plane
        else None,
    }


def _onsets(answers: Sequence[LiveAnswer], what: str) -> list[Any]:
    """Every emotion, or side of an axis, that begins to be accepted."""
    return [begun for answer in answers for begun in onsets(getattr(one, what) for one in answer.windows)]


def talk_keys(talk: Mapping[str, Any] | None, prompts: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of ordinary talk that are quoted, by their names in `KEYS`, those that were measured."""
    keys: dict[str, Any] = {}
    if talk is not None:
        rates = talk["directions"]
        keys = {
            "ordinary_false_per_hour": talk["false_emotions"]["per_hour"],
            "ordinary_neutral_share": talk["neutral_share"],
            "ordinary_hours": talk["hours"],
            "ordinary_directions_per_hour": rates and {axis: rates[axis]["per_hour"] for axis in rates},
        }
    if prompts:
        keys["prompts_false_per_hour"] = {
            voice: record["false_emotions"]["per_hour"] for voice, record in prompts.items()
        }
    return keys


def _joined(parts: Sequence[Audio]) -> Audio:
    """Recordings one after the other, a pause between two."""
    pause = np.zeros(round(_PAUSE_S * SAMPLE_RATE_HZ), dtype=np.float32)
    joined: Audio = np.concatenate([piece for part in parts for piece in (pause, part)][1:])
    return joined
