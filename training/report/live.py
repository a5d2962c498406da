"""What is measured through the live path: clips replayed as recordings, and hours without an emotion."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import soundfile
from numpy.typing import NDArray

from core.errors import DataError
from models.resample import SAMPLE_RATE_HZ, Audio
from training.data.cache import LABELS, Clip, truth_of
from training.intervals import events_per_hour_interval, figures_with_interval
from training.metrics import masked
from training.report.axes import AXES, AxisThresholds, axes_figures

_BEFORE_S: Final = 0.5
_AFTER_S: Final = 1.5
_LABELS_OR_NO_SPEECH: Final = (*LABELS, "no speech")
_NO_CONFIDENCE: Final = 1e-9
_EVEN_ODDS: Final = 0.5

T = TypeVar("T")


@dataclass(frozen=True)
class LiveWindow:
    """What the live path answers for one window."""

    leading: str | None  # likeliest emotion of the window alone; None: not enough speech for an answer
    emotion: str | None  # the emotion that the gate accepts at its end; None: none
    # Whether the gate accepts the high side of the axis, or the low one; None: neither.
    energy: bool | None = None
    pleasantness: bool | None = None


@dataclass(frozen=True)
class LiveAnswer:
    """What the live path answers for one recording."""

    whole: str | None  # the emotion accepted for the whole recording; None: unsure, or no speech
    last: str | None  # the emotion that the gate accepts last; None: none
    probabilities: tuple[float, ...] | None  # for the whole recording; None: no window has speech enough
    emotion_onsets: int  # how often the gate begins to accept an emotion
    # Probability of the high sides for the whole recording; None, too, from a model of emotions alone.
    energy: float | None = None
    pleasantness: float | None = None
    windows: tuple[LiveWindow, ...] = ()


LivePath = Callable[[Path], LiveAnswer]
"""Plays a recording through the live path, as fast as possible."""


def with_silence(audio: Audio) -> Audio:
    """A clip as a recording: 0.5 s of silence before it and 1.5 s after it, so that the gate can settle."""
    return np.pad(audio, (round(_BEFORE_S * SAMPLE_RATE_HZ), round(_AFTER_S * SAMPLE_RATE_HZ)))


def replay(live: LivePath, audio: Audio) -> LiveAnswer:
    """Replay audio, ``(samples,)``, through the live path by way of a 16-bit file.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="attune-evaluate-") as folder:
        path = Path(folder) / "recording.wav"
        try:
            soundfile.write(path, audio, SAMPLE_RATE_HZ, subtype="PCM_16")
        except (OSError, soundfile.LibsndfileError) as error:
            raise DataError(
                f"A recording of {len(audio) / SAMPLE_RATE_HZ:.0f} s cannot be written to {folder} "
                f"({error}): make room there, or leave the live path out with --no-live."
            ) from error
        return live(path)


def live_figures(
    answers: Sequence[LiveAnswer],
    clips: Sequence[Clip],
    *,
    thresholds: AxisThresholds | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """How the live path answers clips.

    Returns
    -------
    dict
        ``n``, ``spoken`` (share with speech enough to answer), and for ``whole`` and ``last``: ``n``
        accepted, ``coverage``, ``accuracy`` (None where nothing was accepted). ``eight_way`` and ``masked``
        (to the classes of the corpus): the figures of a clip by clip evaluation, from the probabilities of
        whole recordings; one without speech enough is an answer that is wrong and has no confidence.
        ``axes``: from `axes.axes_figures`; one without speech enough is of even odds.

    Raises
    ------
    ValueError
        There are no answers, or not one for each clip.
    """
    if not answers or len(answers) != len(clips):
        raise ValueError(f"{len(answers)} answers do not fit {len(clips)} clips")
    emotions, speakers = [clip.emotion for clip in clips], [clip.speaker for clip in clips]
    truth = truth_of(clips)
    nothing = (0.0,) * len(LABELS)
    given = np.array([answer.probabilities or nothing for answer in answers])  # (clips, 8)
    ways = {"eight_way": given, "masked": masked(given, np.unique(truth).tolist())}
    return {
        "n": len(answers),
        "spoken": round(sum(answer.probabilities is not None for answer in answers) / len(answers), 4),
        "whole": _accepted([answer.whole for answer in answers], emotions),
        "last": _accepted([answer.last for answer in answers], emotions),
        **{
            name: figures_with_interval(
                _or_no_speech(shares), truth, speakers, _LABELS_OR_NO_SPEECH, seed=seed
            )
            for name, shares in ways.items()
        },
        "axes": axes_figures(
            {axis: _axis_probabilities([getattr(answer, axis) for answer in answers]) for axis in AXES},
            clips,
            thresholds or AxisThresholds(),
            seed=seed,
        ),
    }


def _axis_probabilities(given: Sequence[float | None]) -> NDArray[np.float64] | None:
    """Probabilities of whole recordings on one axis; None where none has one."""
    if all(value is None for value in given):
        return None
    return np.array([_EVEN_ODDS if value is None else value for value in given])


def _or_no_speech(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """With a ninth answer, ``(clips, 9)``, which is the only one where there was no speech."""
    silent = np.where(shares.sum(axis=1) > 0, 0.0, _NO_CONFIDENCE)
    return np.column_stack([shares, silent])


def _accepted(answers: Sequence[str | None], truth: Sequence[str]) -> dict[str, Any]:
    right = [emotion == true for emotion, true in zip(answers, truth, strict=True) if emotion is not None]
    return {
        "n": len(right),
        "coverage": round(len(right) / len(answers), 4),
        "accuracy": round(sum(right) / len(right), 4) if right else None,
    }


def onsets(values: Iterable[T | None]) -> list[T]:
    """The values that begin in a sequence: each that is not None and differs from the one before."""
    return [value for before, value in pairwise((None, *values)) if value is not None and value != before]


def rate_per_hour(events: int, hours: float) -> dict[str, Any]:
    """A rate with its exact 95 % interval: ``events``, ``per_hour``, ``low``, ``high``."""
    low, high = events_per_hour_interval(events, hours)
    return {"events": events, "per_hour": round(events / hours, 3), "low": low, "high": high}


def accepted_per_hour(live: LivePath, audio: Audio) -> dict[str, Any]:
    """Rate of accepted emotions in sound that has none, with its exact 95 % interval.

    Beside it stand ``hours`` and ``directions``, times it began to accept a side of each axis.
    """
    hours = len(audio) / SAMPLE_RATE_HZ / 3600
    answer = replay(live, audio)
    return {
        **rate_per_hour(answer.emotion_onsets, hours),
        "hours": round(hours, 4),
        "directions": {axis: len(onsets(getattr(one, axis) for one in answer.windows)) for axis in AXES},
    }
