"""Which stretch of what was said a person corrects. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.emotions import Emotion
from models.resample import SAMPLE_RATE_HZ
from realtime.recent_voice import KEPT_S
from realtime.snapshot import Decision, DecisionKind, Snapshot

_SUSTAINED_S: Final = 30.0
_AGO_S: Final = 20.0  # what was said longer ago is not what a person means
_PAUSE_S: Final = 4.0  # people pause between sentences


@dataclass(frozen=True, slots=True)
class Stretch:
    """Windows of one session of which the same was said."""

    session_id: int
    # Sample clocks of its first and last window.
    from_clock: int
    to_clock: int
    said: Emotion | None  # the emotion that was claimed; None: it was unsure

    @property
    def length_s(self) -> float:
        """How long it is, from the first window's end to the last one's."""
        return (self.to_clock - self.from_clock) / SAMPLE_RATE_HZ


def stretch_to_correct(snapshot: Snapshot) -> Stretch | None:
    """Find what a person means who says that the emotion is wrong; None where nothing was said just now.

    It is what is claimed at present: the accepted emotion, else the sustained one. Where nothing is claimed,
    it is the last claim of the 20 s before, else the voice that was left unsure.
    """
    number, sustained = snapshot.session_id, snapshot.sustained
    spoken = [one for one in snapshot.history if one.kind is not DecisionKind.NO_SPEECH]
    recent = [one for one in spoken if snapshot.clock - one.clock <= _AGO_S * SAMPLE_RATE_HZ]
    if number is None or not recent or snapshot.decision is None:
        return None
    if snapshot.decision.emotion is None and sustained is not None and sustained.emotion is not None:
        begins = snapshot.clock - _SUSTAINED_S * SAMPLE_RATE_HZ
        first = next(one.clock for one in spoken if one.clock >= begins)
        return Stretch(number, first, recent[-1].clock, sustained.emotion)
    claims = [one for one in recent if one.emotion is not None]
    newest = claims[-1] if claims else recent[-1]
    return Stretch(number, _beginning(spoken, newest), newest.clock, newest.emotion)


def _beginning(spoken: Sequence[Decision], newest: Decision) -> int:
    """Sample clock of the first window of which the same was said, without a long pause since."""
    begins = newest.clock
    for one in reversed(spoken):
        if one.clock > newest.clock:
            continue
        pause_s = (begins - one.clock) / SAMPLE_RATE_HZ
        too_long = (newest.clock - one.clock) / SAMPLE_RATE_HZ > KEPT_S
        if one.emotion is not newest.emotion or pause_s > _PAUSE_S or too_long:
            break
        begins = one.clock
    return begins
