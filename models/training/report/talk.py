"""Owns what is claimed of ordinary talk: people who act nothing, replayed through the live path."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.errors import DataError
from models.emotion.labels import Emotion
from models.resample import SAMPLE_RATE_HZ, Audio
from models.training.data import ordinary
from models.training.data.judged import LABELS
from models.training.data.splits import Split
from models.training.report.axes import AXES
from models.training.report.live import (
    LiveAnswer,
    LivePath,
    LiveWindow,
    begins,
    play,
    rate_per_hour,
    with_silence,
)

__all__ = [
    "KEYS",
    "UNEMOTIONAL",
    "prompt_sessions",
    "read_ordinary",
    "read_prompt_voices",
    "sessions_up_to",
    "talk_figures",
    "talk_keys",
]

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

    Parameters
    ----------
    place
        ``librispeech_ordinary.tar``, its folder, or its manifest beside it.

    Returns
    -------
    list of ndarray
        A session a speaker, in order of their names, float32 at 16 kHz: what they say, with pauses of 0.7 s.

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
    """Read voice prompts of the voices that training never heard.

    Parameters
    ----------
    folder
        One folder a voice, with files that end in ``.g722``, as Debian's packages
        ``asterisk-core-sounds-*-g722`` lay it out.

    Returns
    -------
    dict
        By voice from `prompt_sessions`.

    Raises
    ------
    DataError
        There is no such voice, or its prompts cannot be read.
    """
    from models.training.whisper.material import HEARD_PROMPTS, read_prompts  # noqa: PLC0415

    voices = [
        place
        for place in sorted(folder.iterdir() if folder.is_dir() else ())
        if place.is_dir() and not place.is_symlink() and next(place.rglob("*.g722"), None)
    ]
    if not voices:
        raise DataError(
            f"No voice prompts lie in {folder}: name the folder that holds one folder of .g722 files a voice."
        )
    unheard = [voice for voice in voices if voice.name not in HEARD_PROMPTS]
    if not unheard:
        raise DataError(f"All voices in {folder} are heard in training: name others, or leave --prompts out.")
    return {voice.name: prompt_sessions(read_prompts(voice)) for voice in unheard}


def prompt_sessions(prompts: Sequence[Audio], *, session_s: float = _SESSION_S) -> list[Audio]:
    """Prompts of a voice one after the other with pauses of 0.7 s, as sessions of some minutes.

    Parameters
    ----------
    prompts
        float32 at 16 kHz.
    session_s
        A session ends with the prompt that makes it so long, seconds.
    """
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
    taken: list[Audio] = []
    for session in sessions:
        if sum(map(len, taken)) >= seconds * SAMPLE_RATE_HZ:
            break
        taken.append(session)
    return taken


def talk_figures(
    live: LivePath,
    sessions: Sequence[Audio],
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """What is claimed of talk in which nothing should be claimed.

    Each session is played by itself. An emotion that is accepted without a break counts once, when it
    begins; neutral and calm are no false ones.

    Parameters
    ----------
    live
        The live path.
    sessions
        At least one, float32 at 16 kHz.
    on_progress
        Called with sessions played and sessions in all.

    Returns
    -------
    dict
        ``sessions``, ``hours`` (of talk, without the silence that is played around it), ``windows`` (with
        speech enough for an answer), ``neutral_share`` (of them, those whose likeliest emotion is neutral or
        calm; None without any), ``false_emotions`` (from `live.rate_per_hour`), ``accepted_as`` (times that
        each emotion was taken up) and ``directions`` (rates by axis of a side being taken up; None from a
        model that knows emotions alone).

    Raises
    ------
    ValueError
        There is nothing to play.
    """
    tell = on_progress or (lambda _done, _total: None)
    hours = sum(map(len, sessions)) / SAMPLE_RATE_HZ / 3600
    answers: list[LiveAnswer] = []
    for session in sessions:
        tell(len(answers), len(sessions))
        answers.append(play(live, with_silence(session)))
    accepted_as = {label: sum(_taken_up(answer.windows, label) for answer in answers) for label in LABELS}
    asked = [window.leading for answer in answers for window in answer.windows if window.leading is not None]
    knows_plane = any(getattr(answer, axis) is not None for answer in answers for axis in AXES)
    return {
        "sessions": len(sessions),
        "hours": round(hours, 4),
        "windows": len(asked),
        "neutral_share": round(float(np.mean([name in UNEMOTIONAL for name in asked])), 4) if asked else None,
        "false_emotions": rate_per_hour(
            sum(times for label, times in accepted_as.items() if label not in UNEMOTIONAL), hours
        ),
        "accepted_as": accepted_as,
        "directions": {
            axis: rate_per_hour(
                sum(begins(getattr(window, axis) for window in answer.windows) for answer in answers), hours
            )
            for axis in AXES
        }
        if knows_plane
        else None,
    }


def talk_keys(talk: Mapping[str, Any] | None, prompts: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of ordinary talk that are quoted, by their names.

    Parameters
    ----------
    talk
        From `talk_figures`; None where no ordinary talk was played.
    prompts
        The same of each voice of prompts.

    Returns
    -------
    dict
        ``ordinary_false_per_hour``, ``ordinary_neutral_share``, ``ordinary_hours``,
        ``ordinary_directions_per_hour`` (by axis) and ``prompts_false_per_hour`` (by voice), those that were
        measured.
    """
    keys: dict[str, Any] = {}
    if talk is not None:
        rates = talk["directions"]
        keys = {
            "ordinary_false_per_hour": talk["false_emotions"]["per_hour"],
            "ordinary_neutral_share": talk["neutral_share"],
            "ordinary_hours": talk["hours"],
            "ordinary_directions_per_hour": None
            if rates is None
            else {axis: rate["per_hour"] for axis, rate in rates.items()},
        }
    if prompts:
        keys["prompts_false_per_hour"] = {
            voice: record["false_emotions"]["per_hour"] for voice, record in prompts.items()
        }
    return keys


def _taken_up(windows: Sequence[LiveWindow], label: str) -> int:
    return begins(label if window.emotion == label else None for window in windows)


def _joined(parts: Sequence[Audio]) -> Audio:
    """Recordings one after the other, a pause between two."""
    pause = np.zeros(round(_PAUSE_S * SAMPLE_RATE_HZ), dtype=np.float32)
    row = [piece for part in parts for piece in (pause, part)]
    joined: Audio = np.concatenate(row[1:])
    return joined
