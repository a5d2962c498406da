"""Emotify: folders of music by genre, and `data.csv` with the nine GEMS emotions of each listener."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
import numpy.typing as npt

from core.errors import DataError
from core.track_labels import EMOTIONS
from models.track.tasks import Task, TaskKind
from training.track.dataset import EntryFault, TrackDataset
from training.track.readers import inputs, tables
from training.track.readers.assemble import LabelledTrack, Target, assemble
from training.track.readers.inputs import InputSource

GEMS: Final = tuple(EMOTIONS)
"""The Geneva Emotional Music Scales with nine emotions (Zentner et al., 2008)."""

SHARE: Final = 0.25
"""A track has an emotion that this share of its listeners felt."""

_NUMBER: Final = re.compile(r"\d+")


@dataclass(frozen=True, eq=False)
class _Opinions:
    """What was felt at one track."""

    number: int
    genre: str
    shares: npt.NDArray[np.float32]  # of the listeners who felt each emotion, (9,)


def is_emotify(columns: Sequence[str]) -> bool:
    """Whether these plain names of columns are those of the annotations."""
    return "track_id" in columns and set(GEMS) <= set(columns)


def read_emotify(
    source: Path,
    where: InputSource,
    *,
    share: float = SHARE,
    shares: bool = False,
    genre: bool = False,
    most_s: float = inputs.MOST_S,
    segment_s: float | None = None,
) -> TrackDataset:
    """Read the annotations, aggregated by track.

    Parameters
    ----------
    source
        `data.csv`, or its folder; with one row a listener, or one a track.
    where
        Sounds are found by their number: ``12.mp3`` and ``012_classical.ogg`` are track 12; where each folder
        of a genre counts from 1, the tracks of that genre are taken in their order.
    share
        Share of the listeners from which on a track has an emotion, above 0 to 1.
    shares
        Learn the shares themselves besides, as the task `gems_shares`.
    genre
        Learn the genre besides.
    most_s, segment_s
        As in `assemble`.

    Raises
    ------
    DataError
        The annotations are missing or others, or nothing of them can be learned.

    References
    ----------
    Aljanaki et al., "Studying emotion induced by music through a crowdsourcing game", Information Processing
    and Management 52, 2016.
    """
    if not 0.0 < share <= 1.0:
        raise DataError(f"A share of listeners of {share:g} was asked for: give more than 0, up to 1.")
    path = _annotations(source)
    faults: list[EntryFault] = []
    opinions = _read_opinions(path, faults)
    keys = _keys_of(opinions, where)
    genres = tuple(sorted({one.genre for one in opinions if one.genre}))
    tasks = [Task("gems", TaskKind.MULTI_LABEL, GEMS)]
    tasks += [Task("gems_shares", TaskKind.REGRESSION, GEMS)] * shares
    tasks += [Task("genre", TaskKind.SINGLE_LABEL, genres)] * (genre and len(genres) > 1)
    tracks = []
    for one in opinions:
        targets: dict[str, Target] = {
            "gems": (one.shares >= share - 1e-6).astype(np.float32),
            "gems_shares": one.shares,
        }
        if one.genre:
            targets["genre"] = genres.index(one.genre)
        tracks.append(LabelledTrack(f"{one.number}", keys.get(one.number, ""), targets))
    return assemble("emotify", tasks, tracks, where, faults=faults, most_s=most_s, segment_s=segment_s)


def _annotations(source: Path) -> Path:
    if not source.is_dir():
        return source
    found = [path for path in sorted(source.glob("*.csv")) if is_emotify(tables.read_columns(path))]
    if not found:
        raise DataError(
            f"There are no annotations of Emotify in {source}: a data.csv with `track id`, genre and "
            f"{', '.join(GEMS)} is needed."
        )
    return found[0]


def _read_opinions(path: Path, faults: list[EntryFault]) -> list[_Opinions]:
    columns, rows = tables.read_table(path)
    if not is_emotify(columns):
        missing = ", ".join(name for name in ("track_id", *GEMS) if name not in columns)
        raise DataError(f"The annotations {path} have no column {missing}: they are not those of Emotify.")
    felt: defaultdict[int, list[list[float]]] = defaultdict(list)
    genres: dict[int, str] = {}
    for line, row in enumerate(rows, start=2):
        number, values = row.get("track_id", ""), [tables.number(row.get(name)) for name in GEMS]
        if not number.isdecimal() or any(value is None or not 0.0 <= value <= 1.0 for value in values):
            faults.append(
                EntryFault(
                    f"{path.name}, line {line}",
                    "has no track or no nine values from 0 to 1, so it is left out",
                )
            )
            continue
        felt[int(number)].append([value or 0.0 for value in values])
        genres.setdefault(int(number), row.get("genre", ""))
    return [
        _Opinions(number, genres[number], np.array(of_track, dtype=np.float32).mean(axis=0))
        for number, of_track in felt.items()
    ]


def _keys_of(opinions: Sequence[_Opinions], where: InputSource) -> dict[int, str]:
    """Keys of the sounds by the number of the track."""
    numbered = {
        key: int(found[0]) for key in where.keys if (found := _NUMBER.findall(PurePosixPath(key).name))
    }
    counts = Counter(numbered.values())
    if all(count == 1 for count in counts.values()):
        return {number: key for key, number in numbered.items()}
    by_genre: defaultdict[str, list[str]] = defaultdict(list)
    for key in numbered:
        by_genre[PurePosixPath(key).parent.name.lower()].append(key)
    keys: dict[int, str] = {}
    for genre, inside in by_genre.items():
        wanted = sorted(one.number for one in opinions if one.genre.lower() == genre)
        keys |= _within_genre(wanted, sorted(inside, key=numbered.__getitem__), numbered)
    return keys


def _within_genre(wanted: Sequence[int], keys: Sequence[str], numbered: Mapping[str, int]) -> dict[int, str]:
    """By number where the numbers are those of the tracks; else in their order, if there is one for each."""
    by_number = {numbered[key]: key for key in keys}
    if set(wanted) & set(by_number) or len(wanted) != len(keys):
        return {number: by_number[number] for number in wanted if number in by_number}
    return dict(zip(wanted, keys, strict=True))
