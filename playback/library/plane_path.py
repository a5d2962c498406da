"""Playlists as paths over the plane: from where a person is to where they want to be."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from core.emotions import Emotion
from core.errors import MusicError
from playback.library.similar import unit_rows
from playback.library.track_facts import PlanePlace
from playback.library.tracks import TrackRow

PLACES: Final[Mapping[Emotion, PlanePlace]] = {
    Emotion.NEUTRAL: PlanePlace(0.0, 0.0),
    Emotion.CALM: PlanePlace(0.55, -0.6),
    Emotion.HAPPY: PlanePlace(0.7, 0.5),
    Emotion.SAD: PlanePlace(-0.6, -0.5),
    Emotion.ANGRY: PlanePlace(-0.6, 0.7),
    Emotion.FEARFUL: PlanePlace(-0.75, 0.45),
    Emotion.DISGUST: PlanePlace(-0.75, 0.15),
    Emotion.SURPRISED: PlanePlace(0.3, 0.8),
}
"""Where emotions lie on the plane, after the circumplex of Russell (1980)."""

LENGTHS: Final = (2, 100)
"""Fewest and most tracks of a path."""

DEFAULT_LENGTH: Final = 12

_CANDIDATES: Final = 16  # for a step: the tracks nearest to its target
_GAIN: Final = 1e-9  # what a better path costs less, at least
_ROUGHNESS: Final = 0.15
"""What two neighbours that sound nothing alike cost, as a squared distance on the plane."""

_SAME_ARTIST: Final = 0.05  # what one artist twice in a row costs
_STAY: Final = 3  # so many times the length are chosen among where a path has ended

_PAIR: Final = re.compile(r"([-+]?\d*\.?\d+)\s*,\s*([-+]?\d*\.?\d+)")


@dataclass(frozen=True, slots=True)
class PlanePath:
    """Which path is asked for."""

    # Names of emotions, or "pleasantness,energy".
    start: str
    end: str
    length: int = DEFAULT_LENGTH

    @property
    def name(self) -> str:
        """For people."""
        return f"From {self.start} to {self.end}"


def parse_place(text: str) -> PlanePlace:
    """Read a place.

    Parameters
    ----------
    text
        Name of an emotion, or "x,y": pleasantness and energy, -1 to 1.

    Raises
    ------
    MusicError
        It is none.
    """
    plain = text.strip().lower()
    if plain in PLACES:
        return PLACES[Emotion(plain)]
    if (found := _PAIR.fullmatch(plain)) is not None:
        place = PlanePlace(float(found[1]), float(found[2]))
        if max(abs(place.pleasantness), abs(place.energy)) <= 1.0:
            return place
    raise MusicError(
        f"{text!r} is no place on the plane: name {', '.join(PLACES)}, or give pleasantness and energy from "
        "-1 to 1, such as -0.5,0.2."
    )


def place_text(place: PlanePlace) -> str:
    """Write a place so that `parse_place` reads it again."""
    return f"{place.pleasantness:.2f},{place.energy:.2f}"


def path_between(rows: Sequence[TrackRow], start: PlanePlace, end: PlanePlace, length: int) -> list[TrackRow]:
    """Choose tracks that lead from one place to another in even steps, none of them twice.

    Each step has a target on the straight line. The nearest free tracks are taken, and then exchanged, with
    each other and with others nearby, as long as that makes the path better: tracks near their targets,
    neighbours that sound alike, and no artist twice in a row.

    Parameters
    ----------
    rows
        The library; those whose place is not known are left out.
    start, end
        Where it begins and ends.
    length
        Tracks at most; there are fewer where the library holds fewer.
    """
    placed, points = _placed(rows)
    length = min(length, len(placed))
    if not length:
        return []
    ends = np.array([[start.pleasantness, start.energy], [end.pleasantness, end.energy]])
    along = np.linspace(0.0, 1.0, length) if length > 1 else np.ones(1)
    targets = ends[0] + along[:, np.newaxis] * (ends[1] - ends[0])  # (length, 2)
    off = np.square(targets[:, np.newaxis] - points).sum(axis=2)  # (length, tracks)
    near = np.argsort(off, axis=1, kind="stable")
    first: list[int] = []
    for of_step in near:
        first.append(next(int(index) for index in of_step if index not in first))
    pool = np.unique(np.concatenate([first, near[:, :_CANDIDATES].ravel()]))
    rough = _roughness([placed[index] for index in pool])
    chosen = _exchanged(np.searchsorted(pool, first), off[:, pool], rough)
    return [placed[pool[index]] for index in chosen]


def rows_around(rows: Sequence[TrackRow], place: PlanePlace, n: int, *, seed: int) -> list[TrackRow]:
    """Some tracks around a place, in an order that depends on the seed."""
    placed, points = _placed(rows)
    if not placed:
        return []
    off = np.square(points - (place.pleasantness, place.energy)).sum(axis=1)
    near = [placed[index] for index in np.argsort(off, kind="stable")[: _STAY * n]]
    random.Random(seed).shuffle(near)  # noqa: S311 - nothing is to be kept secret
    return near[:n]


def path_rows(rows: Sequence[TrackRow], path: PlanePath, *, round_number: int, seed: int) -> list[TrackRow]:
    """Tracks of a path that is played: first the path, then more from where it has ended.

    Raises
    ------
    MusicError
        Its start or its end is no place.
    """
    end = parse_place(path.end)
    if round_number:
        return rows_around(rows, end, path.length, seed=seed)
    return path_between(rows, parse_place(path.start), end, path.length)


def _placed(rows: Sequence[TrackRow]) -> tuple[list[TrackRow], npt.NDArray[np.float64]]:
    """Tracks whose place is known, and their places, shape (n, 2)."""
    placed = [
        row for row in rows if row.facts is not None and row.facts.place is not None and not row.problem
    ]
    points = [(row.facts.pleasantness, row.facts.energy) for row in placed if row.facts is not None]
    return placed, np.array(points, dtype=np.float64).reshape(-1, 2)


def _units(rows: Sequence[TrackRow]) -> npt.NDArray[np.float32] | None:
    """Embeddings of length 1; None unless all are known, and of one size."""
    embeddings = [row.embedding for row in rows if row.embedding is not None]
    if len(embeddings) < len(rows) or len({one.shape for one in embeddings}) > 1:
        return None
    return unit_rows(np.stack(embeddings))


def _roughness(rows: Sequence[TrackRow]) -> npt.NDArray[np.float64]:
    """What it costs to put a track (column) behind another (row), ``(n, n)``."""
    units, artists = _units(rows), np.array([row.artist for row in rows])
    same = (artists[:, np.newaxis] == artists) & (artists != "")
    unlike = 0.0 if units is None else np.maximum(0.0, 1.0 - units @ units.T)
    cost: npt.NDArray[np.float64] = _ROUGHNESS * unlike + _SAME_ARTIST * same
    return cost


def _exchanged(
    chosen: npt.NDArray[np.intp], off: npt.NDArray[np.float64], rough: npt.NDArray[np.float64]
) -> npt.NDArray[np.intp]:
    """A path that no exchange of two tracks makes better.

    Parameters
    ----------
    chosen
        One track for each step, none of them twice, shape (length,).
    off
        What each track costs at each step, shape (length, n).
    rough
        As `_roughness` gives it, shape (n, n).
    """
    steps = np.arange(len(chosen))

    def cost(order: npt.NDArray[np.intp]) -> float:
        return float(off[steps, order].sum() + rough[order[:-1], order[1:]].sum())

    best, lowest, better = chosen, cost(chosen), True
    while better:
        better = False
        for step in steps:
            for other in np.argsort(off[step], kind="stable")[:_CANDIDATES]:
                tried = best.copy()
                tried[tried == other] = best[step]  # where it is on the path, the two change places
                tried[step] = other
                found = cost(tried)
                if found < lowest - _GAIN:
                    best, lowest, better = tried, found, True
    return best


def path_length_problem(length: int) -> str:
    """One sentence where a path cannot be so long; else empty."""
    low, high = LENGTHS
    if low <= length <= high:
        return ""
    return f"A path cannot have {length} tracks: ask for {low} to {high}."
