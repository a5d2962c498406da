"""What people said of playlists while these played, and how often they come up since. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LEAST: Final = 1.0 / 8.0
MOST: Final = 8.0

_HALF_LIFE_S: Final = 30 * 86_400.0  # what was said counts for half as much after so long
_FADED: Final = 0.05  # a weight as near to 1 as this says nothing any more


class Opinion(StrEnum):
    """What a person says of what plays."""

    MORE = "more like this"
    NOT_THIS = "not this"
    SKIPPED = "skipped"  # they went on to the next track almost at once


_FACTORS: Final[Mapping[Opinion, float]] = {
    Opinion.MORE: 1.5,
    Opinion.NOT_THIS: 0.5,
    Opinion.SKIPPED: 0.9,
}


@dataclass(frozen=True, slots=True)
class PlaylistOpinion:
    """All that people said of a playlist where it was played for one emotion or direction."""

    uri: str  # its address
    name: str  # what it was called then
    weight: float  # how often it came up from then on, 1/8 to 8 times as often as others
    said: Opinion  # what they said last
    said_s: int  # when, Unix time in whole seconds

    def weight_at(self, at_s: float) -> float:
        """How many times as often as others it comes up: what was said fades with time."""
        return float(self.weight ** (0.5 ** (max(0.0, at_s - self.said_s) / _HALF_LIFE_S)))

    def is_faded(self, at_s: float) -> bool:
        """Whether it makes no difference any more."""
        return abs(self.weight_at(at_s) - 1.0) <= _FADED


def add_opinion(
    opinions: Sequence[PlaylistOpinion], uri: str, name: str, said: Opinion, at_s: float
) -> tuple[PlaylistOpinion, ...]:
    """Add what a person has just said to what was said before, and drop what has faded.

    Parameters
    ----------
    opinions
        On the playlists of one emotion or direction.
    uri, name
        Of the playlist.
    said, at_s
        What they said, and Unix time.
    """
    before = next((one.weight_at(at_s) for one in opinions if one.uri == uri), 1.0)
    weight = min(MOST, max(LEAST, before * _FACTORS[said]))
    now = PlaylistOpinion(uri, name, weight, said, int(at_s))
    others = (one for one in opinions if one.uri != uri)
    return tuple(one for one in (*others, now) if not one.is_faded(at_s))


def weights(opinions: Sequence[PlaylistOpinion], at_s: float) -> dict[str, float]:
    """How many times as often as others playlists come up, by address; those left out are as the others."""
    return {one.uri: one.weight_at(at_s) for one in opinions}
