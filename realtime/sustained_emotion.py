"""Which emotion the last half minute of voice adds up to. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.emotions import EMOTIONS, Emotion
from models.emotion.recogniser import WINDOW_SAMPLES
from models.resample import SAMPLE_RATE_HZ
from realtime.snapshot import Reading, SustainedEmotion

_NONE: Final = (0.0,) * len(EMOTIONS)
_FLOOR: Final = 1e-4  # probability below which a single window rules nothing out any more


@dataclass(frozen=True, slots=True)
class SustainedEmotionConfig:
    """How evidence adds up; chosen on calibration speakers (`python -m benchmarks.session --choose`)."""

    memory_s: float = 10.0  # time constant of voice after which evidence counts for less, s
    silence_s: float = 60.0  # the same for time without a voice
    # How much three seconds count, beside what independent windows would: 1 is as if each stood for itself.
    weight: float = 1.0
    # Probability from which an emotion is the sustained one, and down to which it stays so, 0 to 1.
    enter: float = 0.7
    leave: float = 0.55
    least_s: float = 8.0  # voice that is needed, s


@dataclass(frozen=True, slots=True)
class SustainedEmotionState:
    """What is remembered between two readings."""

    evidence: tuple[float, ...] = _NONE  # weighted sums of log-probabilities, of the eight emotions
    voice_s: float = 0.0  # voice in them, s
    # Sample clock of the last reading; None before the first.
    clock: int | None = None
    emotion: Emotion | None = None  # the sustained emotion


def step(
    state: SustainedEmotionState, reading: Reading, config: SustainedEmotionConfig
) -> tuple[SustainedEmotionState, SustainedEmotion]:
    """Take a reading, and return the state for the next step, and what it amounts to.

    A single window is seldom sure, but an emotion lasts longer than a window. So the probabilities of
    windows are multiplied (naive Bayes under equal priors), each weighted by the share of a window that
    is new, and old ones fade. Windows with no more than a word count as silence.

    Parameters
    ----------
    state
        From the step before, or `SustainedEmotionState()`.
    reading
        The next one; its clock is later than that of the one before.
    config
        May change between steps.
    """
    before = reading.clock - WINDOW_SAMPLES if state.clock is None else state.clock
    new_s = min(reading.clock - before, WINDOW_SAMPLES) / SAMPLE_RATE_HZ
    heard = None if reading.brief else reading.probabilities
    kept = math.exp(-new_s / (config.silence_s if heard is None else config.memory_s))
    evidence = kept * np.array(state.evidence)
    voice_s = kept * state.voice_s
    if heard is not None:
        share = config.weight * new_s * SAMPLE_RATE_HZ / WINDOW_SAMPLES
        evidence = evidence + share * np.log(np.maximum(heard, _FLOOR))
        voice_s += new_s
    odds = np.exp(evidence - evidence.max())
    probabilities = odds / odds.sum()
    emotion = _emotion(state.emotion, probabilities, voice_s, config)
    after = SustainedEmotionState(tuple(evidence.tolist()), voice_s, reading.clock, emotion)
    return after, SustainedEmotion(reading.clock, emotion, tuple(probabilities.tolist()), voice_s)


def _emotion(
    held: Emotion | None, probabilities: np.ndarray, voice_s: float, config: SustainedEmotionConfig
) -> Emotion | None:
    if held is not None:
        stays = probabilities[EMOTIONS.index(held)] >= config.leave and voice_s >= config.least_s / 2
        if stays:
            return held
    leading = int(probabilities.argmax())
    if voice_s >= config.least_s and probabilities[leading] >= config.enter:
        return EMOTIONS[leading]
    return None
