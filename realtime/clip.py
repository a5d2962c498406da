"""What a whole recording says: the answers of its windows, drawn together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.settings import ENERGY_THRESHOLD, PLEASANTNESS_THRESHOLD
from models.emotion.labels import EMOTIONS, Emotion
from models.emotion.plane import Direction, direction_of
from realtime.snapshot import AxisStatement, Decision, DecisionKind, Reading

__all__ = ["ClipEmotion", "ClipWindow", "summarise"]


@dataclass(frozen=True, slots=True)
class ClipWindow:
    """One window of a recording: what the model read, and what the gate decided."""

    reading: Reading
    decision: Decision


@dataclass(frozen=True, slots=True)
class ClipEmotion:
    """One answer for a whole recording: three statements, each accepted or unsure by itself.

    Parameters
    ----------
    kind
        Whether the emotion is accepted or unsure; or no speech.
    emotion
        The most probable emotion; None without speech.
    confidence
        Its probability, 0 to 1; 0 without speech.
    probabilities
        Of the eight emotions, in the order of `EMOTIONS`; None without speech.
    windows
        Everything it was drawn from, in order.
    notice
        What was wrong with the recording but survived, for people; empty if nothing.
    energy, pleasantness
        The other two statements; None without speech, and where the model knows emotions alone.
    """

    kind: DecisionKind
    emotion: Emotion | None
    confidence: float
    probabilities: tuple[float, ...] | None
    windows: tuple[ClipWindow, ...]
    notice: str = ""
    energy: AxisStatement | None = None
    pleasantness: AxisStatement | None = None

    @property
    def direction(self) -> Direction | None:
        """Where on the plane the accepted statements lie; None where the energy is unsure."""
        return direction_of(
            None if self.energy is None else self.energy.accepted,
            None if self.pleasantness is None else self.pleasantness.accepted,
        )


def summarise(
    windows: Iterable[ClipWindow],
    *,
    threshold: float,
    energy_threshold: float = ENERGY_THRESHOLD,
    pleasantness_threshold: float = PLEASANTNESS_THRESHOLD,
    notice: str = "",
) -> ClipEmotion:
    """Draw the windows of one recording together.

    For each statement the log-probabilities of all windows with speech are averaged, weighted by their
    speech share, and normalised: the same rule as the gate's smoothing, over the whole recording.

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
    windows: Sequence[ClipWindow], probability: Callable[[Reading], float | None], threshold: float
) -> AxisStatement | None:
    def sides(reading: Reading) -> tuple[float, ...] | None:
        high = probability(reading)
        return None if high is None else (high, 1.0 - high)

    mean = _mean(windows, sides)  # (2,)
    if mean is None:
        return None
    return AxisStatement(bool(mean[0] >= mean[1]) if mean.max() >= threshold else None, float(mean[0]))


def _mean(
    windows: Sequence[ClipWindow], answer: Callable[[Reading], tuple[float, ...] | None]
) -> npt.NDArray[np.float64] | None:
    """Weighted mean of the windows' answers in the log domain, normalised; None where there is no answer."""
    found = [
        (given, item.reading.speech_share) for item in windows if (given := answer(item.reading)) is not None
    ]
    if not found:
        return None
    logs = np.log(np.maximum([given for given, _ in found], 1e-6))  # (windows, classes)
    mean = np.average(logs, axis=0, weights=[max(share, 1e-6) for _, share in found])
    odds: npt.NDArray[np.float64] = np.exp(mean - mean.max())
    odds /= odds.sum()
    return odds
