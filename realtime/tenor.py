"""Owns the tenor of the talk: which emotion the last half minute of voice adds up to. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.emotion.labels import EMOTIONS, Emotion
from models.emotion.recogniser import WINDOW_SAMPLES
from models.resample import SAMPLE_RATE_HZ
from realtime.snapshot import Reading, Tenor

__all__ = ["TenorConfig", "TenorState", "step"]

_NONE: Final = (0.0,) * len(EMOTIONS)
_LEAST: Final = 1e-4
"""Probability below which a single window rules nothing out any more."""


@dataclass(frozen=True, slots=True)
class TenorConfig:
    """How evidence adds up; chosen on calibration speakers (`python -m benchmarks.session --choose`).

    Parameters
    ----------
    memory_s
        Time constant of voice after which evidence counts for less, s.
    silence_s
        The same for time without a voice.
    weight
        How much three seconds count, beside what independent windows would: 1 is as if each stood for itself.
    enter, leave
        Probability from which an emotion is the tenor, and down to which it stays so, 0 to 1.
    least_s
        Voice that is needed, s.
    """

    memory_s: float = 10.0
    silence_s: float = 60.0
    weight: float = 1.5
    enter: float = 0.9
    leave: float = 0.75
    least_s: float = 4.0


@dataclass(frozen=True, slots=True)
class TenorState:
    """What has been heard.

    Parameters
    ----------
    evidence
        Weighted sums of log-probabilities, of the eight emotions.
    voice_s
        Voice in them, s.
    clock
        Sample clock of the last reading; None before the first.
    emotion
        The tenor.
    """

    evidence: tuple[float, ...] = _NONE
    voice_s: float = 0.0
    clock: int | None = None
    emotion: Emotion | None = None


def step(state: TenorState, reading: Reading, config: TenorConfig) -> tuple[TenorState, Tenor]:
    """Take a reading.

    A single window is seldom sure, and a talk is of one emotion for longer than a window: so the windows'
    probabilities are multiplied, as those of witnesses (naive Bayes under equal priors), each by the share of
    a window that it adds, and fade.

    Parameters
    ----------
    state
        From the step before, or `TenorState()`.
    reading
        The next one; its clock is later than that of the one before.
    config
        May change between steps.

    Returns
    -------
    state, tenor
        The state for the next step, and what it amounts to.
    """
    before = reading.clock - WINDOW_SAMPLES if state.clock is None else state.clock
    new_s = min(reading.clock - before, WINDOW_SAMPLES) / SAMPLE_RATE_HZ
    voiced = reading.probabilities is not None
    kept = math.exp(-new_s / (config.memory_s if voiced else config.silence_s))
    evidence = kept * np.array(state.evidence)
    voice_s = kept * state.voice_s
    if reading.probabilities is not None:
        share = config.weight * new_s * SAMPLE_RATE_HZ / WINDOW_SAMPLES
        evidence = evidence + share * np.log(np.maximum(reading.probabilities, _LEAST))
        voice_s += new_s
    odds = np.exp(evidence - evidence.max())
    probabilities = odds / odds.sum()
    emotion = _emotion(state.emotion, probabilities, voice_s, config)
    after = TenorState(tuple(evidence.tolist()), voice_s, reading.clock, emotion)
    return after, Tenor(reading.clock, emotion, tuple(probabilities.tolist()), voice_s)


def _emotion(
    held: Emotion | None, probabilities: np.ndarray, voice_s: float, config: TenorConfig
) -> Emotion | None:
    if held is not None:
        stays = probabilities[EMOTIONS.index(held)] >= config.leave and voice_s >= config.least_s / 2
        if stays:
            return held
    leading = int(probabilities.argmax())
    if voice_s >= config.least_s and probabilities[leading] >= config.enter:
        return EMOTIONS[leading]
    return None
