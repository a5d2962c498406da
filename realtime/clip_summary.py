"""One answer for a whole recording, from the results of its windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from core.directions import ENERGY_WORDS, PLEASANTNESS_WORDS, Direction
from core.emotions import EMOTIONS, Emotion
from core.settings import ENERGY_THRESHOLD, PLEASANTNESS_THRESHOLD
from core.text import percent
from realtime.snapshot import (
    AxisStatement,
    DecisionKind,
    Reading,
    WindowResult,
    accepted_direction,
    statement_words,
)


@dataclass(frozen=True, slots=True)
class ClipEmotion:
    """One answer for a whole recording: three statements, each accepted or unsure by itself."""

    kind: DecisionKind  # whether the emotion is accepted or unsure; or no speech
    # The most probable emotion; None without speech.
    emotion: Emotion | None
    confidence: float  # its probability, 0 to 1; 0 without speech
    # Of the eight emotions, in the order of `EMOTIONS`; None without speech.
    probabilities: tuple[float, ...] | None
    windows: tuple[WindowResult, ...] = field(repr=False)  # everything it was drawn from, in order
    notice: str = ""  # what was wrong with the recording but survived, for people; empty if nothing
    # The other two statements; None without speech, and where the model knows emotions alone.
    energy: AxisStatement | None = None
    pleasantness: AxisStatement | None = None

    def __str__(self) -> str:
        """Such as "angry 93%, lively 88%, unpleasant 61% (unsure)"."""
        if self.emotion is None:
            return str(self.kind)
        unsure = "" if self.kind is DecisionKind.ACCEPTED else " (unsure)"
        axes = ((self.energy, ENERGY_WORDS), (self.pleasantness, PLEASANTNESS_WORDS))
        known = [statement_words(statement, words) for statement, words in axes if statement is not None]
        return ", ".join((f"{self.emotion} {percent(self.confidence)}{unsure}", *known))

    @property
    def direction(self) -> Direction | None:
        """Where on the plane the accepted statements lie; None where the energy is unsure."""
        return accepted_direction(self.energy, self.pleasantness)


def summarise(
    windows: Iterable[WindowResult],
    *,
    threshold: float,
    energy_threshold: float = ENERGY_THRESHOLD,
    pleasantness_threshold: float = PLEASANTNESS_THRESHOLD,
    notice: str = "",
) -> ClipEmotion:
    """Combine the windows of one recording into one answer.

    For each statement the log-probabilities of all windows with speech are averaged, weighted by their
    speech share, and normalised: the same rule as the gate's smoothing, over the whole recording. Windows
    with no more than a word count only where there are no others.

    Parameters
    ----------
    windows
        In order; may be empty.
    threshold, energy_threshold, pleasantness_threshold
        Confidence from which the emotion, the energy and the pleasantness are accepted, 0 to 1.
    notice
        Passed on.
    """
    kept = tuple(windows)
    probabilities = _mean(kept, lambda reading: reading.probabilities)  # (8,)
    if probabilities is None:
        return ClipEmotion(DecisionKind.NO_SPEECH, None, 0.0, None, kept, notice)
    best = int(probabilities.argmax())
    confidence = float(probabilities[best])
    return ClipEmotion(
        kind=DecisionKind.ACCEPTED if confidence >= threshold else DecisionKind.UNSURE,
        emotion=EMOTIONS[best],
        confidence=confidence,
        probabilities=tuple(probabilities.tolist()),
        windows=kept,
        notice=notice,
        energy=_axis(kept, lambda reading: reading.energy, energy_threshold),
        pleasantness=_axis(kept, lambda reading: reading.pleasantness, pleasantness_threshold),
    )


def _axis(
    windows: Sequence[WindowResult], probability: Callable[[Reading], float | None], threshold: float
) -> AxisStatement | None:
    def sides(reading: Reading) -> tuple[float, ...] | None:
        high = probability(reading)
        return None if high is None else (high, 1.0 - high)

    mean = _mean(windows, sides)  # (2,)
    if mean is None:
        return None
    return AxisStatement(bool(mean[0] >= mean[1]) if mean.max() >= threshold else None, float(mean[0]))


def _mean(
    windows: Sequence[WindowResult], answer: Callable[[Reading], tuple[float, ...] | None]
) -> npt.NDArray[np.float64] | None:
    """Weighted mean of the windows' answers in the log domain, normalised; None where there is no answer."""
    readings = [item.reading for item in windows if item.reading.probabilities is not None]
    full = [reading for reading in readings if not reading.brief]
    found = [
        (given, reading.speech_share)
        for reading in full or readings
        if (given := answer(reading)) is not None
    ]
    if not found:
        return None
    logs = np.log(np.maximum([given for given, _ in found], 1e-6))  # (windows, classes)
    mean = np.average(logs, axis=0, weights=[max(share, 1e-6) for _, share in found])
    odds: npt.NDArray[np.float64] = np.exp(mean - mean.max())
    odds /= odds.sum()
    return odds
