"""Which tracks of a library are wanted: by tempo, key, mood, genre and energy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from playback.library.track_facts import TrackFacts
from playback.library.tracks import TrackRow

Span = tuple[float, float]
"""Lowest and highest value, both included."""


@dataclass(frozen=True, slots=True)
class TrackFilter:
    """What is asked for; what is empty asks for nothing. A fact that is not known fits no question."""

    tempo_bpm: Span | None = None
    keys: frozenset[str] = frozenset()  # such as "A minor"
    moods: frozenset[str] = frozenset()  # of the eight
    genres: frozenset[str] = frozenset()  # one of them is enough
    energy: Span | None = None  # -1 to 1

    def fits(self, facts: TrackFacts | None) -> bool:
        """Whether a track with these facts is wanted."""
        if self == TrackFilter():
            return True
        if facts is None:
            return False
        return (
            _within(facts.tempo_bpm, self.tempo_bpm)
            and _within(facts.energy, self.energy)
            and (not self.keys or facts.key in self.keys)
            and (not self.moods or facts.mood in self.moods)
            and (not self.genres or not self.genres.isdisjoint(name for name, _ in facts.genres))
        )


def wanted_rows(rows: Iterable[TrackRow], wanted: TrackFilter) -> list[TrackRow]:
    """The tracks that are wanted, in their order."""
    return [row for row in rows if wanted.fits(row.facts)]


def _within(value: float | None, span: Span | None) -> bool:
    return span is None or (value is not None and span[0] <= value <= span[1])
