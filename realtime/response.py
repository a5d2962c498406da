"""What the music is to follow, from what was decided about a window."""

from __future__ import annotations

from core.directions import Feeling
from realtime.snapshot import Decision, SustainedEmotion


def feeling_to_follow(decision: Decision, sustained: SustainedEmotion | None) -> Feeling | None:
    """The accepted emotion, else the sustained one, else the accepted direction; None if nothing is sure.

    A single word moves no music: only the sustained emotion counts beside it.

    Parameters
    ----------
    decision
        The gate's, of the newest window.
    sustained
        What the last half minute of voice adds up to; None where that is not known.
    """
    lasting = None if sustained is None else sustained.emotion
    return lasting if decision.brief else decision.emotion or lasting or decision.direction
