"""What a whole recording says: the answers of its windows, drawn together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from models.emotion.labels import EMOTIONS, Emotion
from realtime.snapshot import Decision, DecisionKind, Reading

__all__ = ["ClipEmotion", "ClipWindow", "summarise"]


@dataclass(frozen=True, slots=True)
class ClipWindow:
    """One window of a recording: what the model read, and what the gate decided."""

    reading: Reading
    decision: Decision


@dataclass(frozen=True, slots=True)
class ClipEmotion:
    """One answer for a whole recording.

    Parameters
    ----------
    kind
        Accepted, unsure, or no speech.
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
    """

    kind: DecisionKind
    emotion: Emotion | None
    confidence: float
    probabilities: tuple[float, ...] | None
    windows: tuple[ClipWindow, ...]
    notice: str = ""


def summarise(windows: Iterable[ClipWindow], *, threshold: float, notice: str = "") -> ClipEmotion:
    """Draw the windows of one recording together.

    The log-probabilities of all windows with speech are averaged, weighted by their speech share,
    and normalised: the same rule as the gate's smoothing, over the whole recording.

    Parameters
    ----------
    windows
        In order; may be empty.
    threshold
        Confidence from which the answer is accepted, 0 to 1.
    notice
        Passed on.
    """
    kept = tuple(windows)
    spoken = [
        (item.reading.probabilities, item.reading.speech_share)
        for item in kept
        if item.reading.probabilities is not None
    ]
    if not spoken:
        return ClipEmotion(DecisionKind.NO_SPEECH, None, 0.0, None, kept, notice)
    answers = np.log(np.maximum([answer for answer, _ in spoken], 1e-6))  # (windows, 8)
    mean = np.average(answers, axis=0, weights=[max(share, 1e-6) for _, share in spoken])
    probabilities = np.exp(mean - mean.max())
    probabilities /= probabilities.sum()
    best = int(probabilities.argmax())
    confidence = float(probabilities[best])
    kind = DecisionKind.ACCEPTED if confidence >= threshold else DecisionKind.UNSURE
    return ClipEmotion(kind, EMOTIONS[best], confidence, tuple(probabilities.tolist()), kept, notice)
