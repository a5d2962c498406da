"""The three statements in words: emotion, energy and pleasantness, each accepted or unsure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.formatting import capitalized, percent
from core.directions import ENERGY_WORDS, PLEASANTNESS_WORDS
from core.emotions import Emotion
from realtime.snapshot import AxisStatement


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of the plane."""

    name: str  # of the axis
    # What its two sides are called.
    high: str
    low: str


ENERGY: Final = Axis(N_("Energy"), *ENERGY_WORDS)
PLEASANTNESS: Final = Axis(N_("Pleasantness"), *PLEASANTNESS_WORDS)

UNSURE: Final = N_("Unsure")


def axis_words(axis: Axis, statement: AxisStatement) -> str:
    r"""Say what is accepted of one axis, or which side leads.

    Examples
    --------
    >>> axis_words(ENERGY, AxisStatement(True, 0.91))
    'Lively, 91\xa0%'
    >>> axis_words(ENERGY, AxisStatement(None, 0.38))
    'Unsure, quiet leads with 62\xa0%'
    """
    high = statement.probability >= 0.5 if statement.accepted is None else statement.accepted
    return _words(axis.high if high else axis.low, statement.confidence, statement.accepted is not None)


def _words(name: str, confidence: float, accepted: bool) -> str:
    if accepted:
        return f"{capitalized(_(name))}, {percent(confidence)}"
    return _("Unsure, {name} leads with {share}").format(name=_(name), share=percent(confidence))


def statement_rows(
    emotion: Emotion,
    confidence: float,
    *,
    accepted: bool,
    energy: AxisStatement | None,
    pleasantness: AxisStatement | None,
) -> list[tuple[str, str, bool]]:
    """List the statements: name, words, and whether it is accepted; an axis that is None is left out.

    Parameters
    ----------
    emotion
        The accepted or leading one.
    confidence
        Its probability.
    accepted
        Whether it is accepted.
    energy, pleasantness
        Where the model was asked for them.
    """
    axes = ((ENERGY, energy), (PLEASANTNESS, pleasantness))
    return [
        (N_("Emotion"), _words(emotion, confidence, accepted), accepted),
        *(
            (axis.name, axis_words(axis, statement), statement.accepted is not None)
            for axis, statement in axes
            if statement is not None
        ),
    ]
