"""Owns the three statements in words for people: emotion, energy, pleasantness, each accepted or unsure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from models.emotion.labels import Emotion
from realtime.snapshot import AxisStatement, Decision, DecisionKind, plane_words

__all__ = [
    "ENERGY",
    "PLEASANTNESS",
    "UNSURE",
    "Axis",
    "axis_words",
    "emotion_words",
    "percent",
    "statement_name",
]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of the plane.

    Parameters
    ----------
    name
        Of the axis.
    high, low
        What its two sides are called.
    """

    name: str
    high: str
    low: str


ENERGY: Final = Axis("Energy", "lively", "quiet")
PLEASANTNESS: Final = Axis("Pleasantness", "pleasant", "unpleasant")

UNSURE: Final = "Unsure"


def percent(share: float) -> str:
    """Write a probability for people, without decimals."""
    return f"{100.0 * share:.0f} %"


def axis_words(axis: Axis, statement: AxisStatement) -> str:
    """Say what is accepted of one axis, or which side leads.

    Examples
    --------
    >>> axis_words(ENERGY, AxisStatement(True, 0.91))
    'Lively, 91 %'
    >>> axis_words(ENERGY, AxisStatement(None, 0.38))
    'Unsure, quiet leads with 62 %'
    """
    high = statement.probability >= 0.5 if statement.accepted is None else statement.accepted
    return _words(axis.high if high else axis.low, statement.confidence, statement.accepted is not None)


def emotion_words(emotion: Emotion, confidence: float, *, accepted: bool) -> str:
    """Say which emotion is accepted, or which one leads."""
    return _words(emotion, confidence, accepted)


def _words(name: str, confidence: float, accepted: bool) -> str:
    if accepted:
        return f"{name.capitalize()}, {percent(confidence)}"
    return f"{UNSURE}, {name} leads with {percent(confidence)}"


def statement_name(decision: Decision) -> str:
    """Name the most that is accepted: the emotion, else energy and pleasantness, else that all is unsure."""
    if decision.kind is DecisionKind.ACCEPTED and decision.emotion is not None:
        return decision.emotion.capitalize()
    return plane_words(decision.energy, decision.pleasantness).capitalize() or UNSURE
