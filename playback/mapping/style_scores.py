"""How well tracks fit the styles of playlists, by their mood, and playlists made of that."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from core.mood_tags import TAGS
from playback.library.tracks import TrackRow
from playback.mapping.styles import Style

_Scores = npt.NDArray[np.float64]

FOR: Final[Mapping[Style, tuple[str, ...]]] = {
    Style.CHILL: ("mellow", "cool", "relaxing", "deep", "ambiental", "background", "groovy", "dream"),
    Style.UPBEAT: ("upbeat", "happy", "fun", "funny", "party", "summer", "positive", "holiday", "groovy"),
    Style.UPLIFTING: ("uplifting", "hopeful", "inspiring", "motivational", "positive", "melodic", "travel"),
    Style.CALMING: ("calm", "meditative", "relaxing", "nature", "slow", "soft", "soundscape", "ballad"),
    Style.ENERGETIC: ("energetic", "fast", "powerful", "sport", "party", "heavy", "game"),
    Style.EXCITING: ("action", "adventure", "epic", "trailer", "dramatic", "powerful", "fast"),
}
"""Tags that speak for a style. Chill is laid-back and may have a beat, calming is slow and soft; upbeat is
merry, uplifting gives hope; energetic is for the legs, exciting tells of adventures."""

AGAINST: Final[Mapping[Style, tuple[str, ...]]] = {
    Style.CHILL: ("energetic", "fast", "heavy", "horror", "epic", "action", "sport"),
    Style.UPBEAT: ("sad", "melancholic", "dark", "horror", "slow", "meditative", "dramatic"),
    Style.UPLIFTING: ("sad", "dark", "horror", "heavy", "melancholic"),
    Style.CALMING: ("energetic", "fast", "heavy", "horror", "dark", "action", "party", "powerful"),
    Style.ENERGETIC: ("calm", "meditative", "relaxing", "slow", "soft", "ballad", "sad"),
    Style.EXCITING: ("calm", "meditative", "relaxing", "background", "soft", "mellow", "ballad"),
}
"""Tags that speak against it: what leads away from fear or anger must be neither dark nor loud."""

_RIVAL: Final = 0.5
_LEAST: Final = 3
_CHOICE: Final = 2
_SHUFFLE: Final = 0.5


def style_scores(moods: npt.NDArray[np.float32]) -> _Scores:
    """How well each track of a library fits each style, beside the others of that library.

    Probabilities of tags are far apart (some are never above 0.1), and a library may hold one kind of music
    only. So each tag is turned into ranks over the library first; a track's fit is the mean rank of the tags
    for a style less that of the tags against it, turned into ranks again; and from its fit to one style half
    of its best fit to another is taken away, so that the lists of styles that resemble each other differ.

    Parameters
    ----------
    moods
        float32, shape (n, 59), in the order of `core.mood_tags.TAGS`.

    Returns
    -------
    scores
        float64, shape (n, 6), in the order of `Style`; only their order within a column means anything.
    """
    ranks = _ranks(moods)
    fits = _ranks(
        np.column_stack(
            [
                ranks[:, _places(FOR[s])].mean(axis=1) - ranks[:, _places(AGAINST[s])].mean(axis=1)
                for s in Style
            ]
        )
    )
    rivals = np.column_stack([np.delete(fits, column, axis=1).max(axis=1) for column in range(len(Style))])
    return fits - _RIVAL * rivals


def playlist_for(
    style: Style, rows: Sequence[TrackRow], n: int = 30, *, seed: int = 0, scores: _Scores | None = None
) -> list[TrackRow]:
    """Make a playlist: what fits best, gently shuffled, no artist twice in a row where it can be helped.

    Parameters
    ----------
    style
        What it is for.
    rows
        The library; those without a mood are left out.
    n
        Tracks at most, at least 1; fewer than a third of the library are taken where it is so small that
        else all lists were the same.
    seed
        The same one gives the same list.
    scores
        What `style_scores` says of the rows with a mood, where the caller knows it already.
    """
    heard = [row for row in rows if row.moods is not None and row.moods.any()]
    if not heard:
        return []
    if scores is None:
        scores = style_scores(np.stack([row.moods for row in heard if row.moods is not None]))
    best = np.argsort(-scores[:, list(Style).index(style)], kind="stable")
    choice = best[: min(_CHOICE * n, max(_LEAST, len(heard) // 3))]
    dice = random.Random(f"{style.value} {seed}")  # noqa: S311 - nothing is to be kept secret
    reach = 2.0 + _SHUFFLE * len(choice)
    places = sorted(range(len(choice)), key=lambda place: place + dice.uniform(0.0, reach))
    return _spread([heard[choice[place]] for place in places[:n]])


def _spread(rows: list[TrackRow]) -> list[TrackRow]:
    """Put artists apart, changing the order as little as that needs; an unknown artist is nobody."""
    left, spread, before = list(rows), [], ""
    counts = Counter(row.artist for row in rows if row.artist)
    while left:
        others = [row for row in left if not row.artist or row.artist != before]
        chosen = next((row for row in others if _leaves_a_way(row.artist, counts, len(left) - 1)), None)
        if chosen is None:
            # It cannot be helped: whoever has most is next, so that there is little of it.
            chosen = max(others or left, key=lambda row: counts[row.artist])
        left.remove(chosen)
        counts.subtract([chosen.artist] if chosen.artist else [])
        before = chosen.artist
        spread.append(chosen)
    return spread


def _leaves_a_way(chosen: str, counts: Counter[str], left: int) -> bool:
    """Whether what is left after this artist can still be put without one twice in a row."""
    return all(
        count - 1 <= left // 2 if artist == chosen and artist else count <= (left + 1) // 2
        for artist, count in counts.items()
    )


def _places(tags: tuple[str, ...]) -> list[int]:
    return [TAGS.index(tag) for tag in tags]


def _ranks(values: npt.NDArray[np.floating]) -> _Scores:
    """Ranks within each column, 0 to 1; equal values share theirs."""
    ranks = np.empty(values.shape, dtype=np.float64)
    for column in range(values.shape[1]):
        _, inverse, counts = np.unique(values[:, column], return_inverse=True, return_counts=True)
        ranks[:, column] = ((np.cumsum(counts) - counts / 2.0) / len(values))[inverse]
    return ranks
