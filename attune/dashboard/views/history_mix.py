"""What was heard in a span of time, added up by emotion or by direction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from attune.dashboard.views.feeling_colours import feeling_named
from core.directions import DIRECTIONS, Feeling
from core.emotions import EMOTIONS
from realtime.journal.history import Heard
from realtime.snapshot import DecisionKind


class Statement(StrEnum):
    """Which statement of the gate is looked at."""

    EMOTION = "emotion"
    DIRECTION = "direction"

    @property
    def feelings(self) -> tuple[Feeling, ...]:
        """What it can say, in the order in which charts stack it."""
        return EMOTIONS if self is Statement.EMOTION else DIRECTIONS


@dataclass(frozen=True, slots=True)
class Mix:
    """What was heard in a span of time, in seconds."""

    heard_s: float  # with and without a voice
    voice_s: float
    by_feeling: Mapping[Feeling, float]  # of the voice, what was accepted

    @property
    def unsure_s(self) -> float:
        """Of the voice, what was left unsure."""
        return max(0.0, self.voice_s - sum(self.by_feeling.values()))

    @property
    def unsure_share(self) -> float:
        """The same as a share of the voice, 0 to 1."""
        return self.unsure_s / self.voice_s if self.voice_s else 0.0

    @property
    def leading(self) -> Feeling | None:
        """What was accepted most; None where nothing was."""
        return max(self.by_feeling, key=lambda feeling: self.by_feeling[feeling], default=None)


def mixes(heard: Iterable[Heard], spans: int, statement: Statement) -> tuple[Mix, ...]:
    """Add up what was heard in each of so many spans of time."""
    sounds, voices = [0.0] * spans, [0.0] * spans
    feelings: list[dict[Feeling, float]] = [{} for _ in range(spans)]
    for one in heard:
        sounds[one.span] += one.seconds
        if one.kind == DecisionKind.NO_SPEECH:
            continue
        voices[one.span] += one.seconds
        name = one.emotion if statement is Statement.EMOTION else one.direction
        if (feeling := feeling_named(name)) is not None:
            sums = feelings[one.span]
            sums[feeling] = sums.get(feeling, 0.0) + one.seconds
    return tuple(map(Mix, sounds, voices, feelings))


def total(parts: Sequence[Mix]) -> Mix:
    """Add up several."""
    by_feeling: dict[Feeling, float] = {}
    for part in parts:
        for feeling, seconds in part.by_feeling.items():
            by_feeling[feeling] = by_feeling.get(feeling, 0.0) + seconds
    return Mix(sum(part.heard_s for part in parts), sum(part.voice_s for part in parts), by_feeling)
