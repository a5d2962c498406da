"""MTG-Jamendo: genres, instruments and moods of its official split, with YAMNet's embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import DataError
from models.track.tasks import Task, TaskKind
from training.mood.jamendo import EMBEDDINGS_NAME, identical_rows, read_embeddings, read_tag_table
from training.track.dataset import EntryFault, TrackDataset
from training.track.readers.assemble import LabelledTrack, Target, assemble
from training.track.readers.inputs import InputSource
from training.track.splits import SIDES

TASKS: Final = {"genre": "genre---", "instrument": "instrument---", "moodtheme": "mood/theme---"}
"""Tasks, and what their tags begin with."""


def is_jamendo(folder: Path) -> bool:
    """Whether a folder has the official split of one of the tasks."""
    return bool(_tasks_in(folder))


def read_jamendo_tracks(
    folder: Path,
    *,
    tasks: Sequence[str] | None = None,
    where: InputSource | None = None,
    segment_s: float | None = None,
) -> TrackDataset:
    """Read the tracks of the official split-0, whose sides keep artists apart.

    The labels of a task are the tags of its training tracks. A track that a task does not list is unknown to
    it. What sounds the same as a track of a later side is left out: training gives way to validation and
    test, validation to test.

    Parameters
    ----------
    folder
        Where ``split0_genre-train.tsv.gz`` and so on lie, and the embeddings.
    tasks
        Keys of `TASKS`; None: those whose files are there.
    where
        Inputs by the number of the track; None takes the file of embeddings in the folder.
    segment_s
        As in `assemble`.

    Raises
    ------
    DataError
        A task is unknown, a file is missing or damaged, a track stands on two sides, or no track
        has an input.

    References
    ----------
    Bogdanov et al., "The MTG-Jamendo dataset for automatic music tagging", ML4MD 2019.
    """
    tasks = _tasks_in(folder) if tasks is None else tasks
    strange = [task for task in tasks if task not in TASKS]
    if strange or not tasks:
        raise DataError(f"There is no task {strange or 'at all'}: MTG-Jamendo has {', '.join(TASKS)}.")
    tags: dict[str, dict[int, frozenset[str]]] = {task: {} for task in tasks}
    labels: dict[str, tuple[str, ...]] = {}
    side_of: dict[int, str] = {}
    artist_of: dict[int, str] = {}
    for task in tasks:
        for side in SIDES:
            for row in read_tag_table(_split_file(folder, task, side), TASKS[task]):
                if side_of.setdefault(row.number, side) != side:
                    raise DataError(
                        f"Track {row.number} stands in {side_of[row.number]} and in {side} of {folder}: "
                        "these files are not of one split."
                    )
                artist_of[row.number] = row.artist
                tags[task][row.number] = row.tags
        labels[task] = tuple(
            sorted({tag for number, said in tags[task].items() if side_of[number] == "train" for tag in said})
        )
    source = where or _embeddings(folder)
    keys = {int(digits): key for key in source.keys if (digits := key.rpartition("/")[2]).isdecimal()}
    faults: list[EntryFault] = []
    hidden = _doubles(source, keys, side_of, faults)
    tracks = [
        LabelledTrack(
            name=f"track_{number:07d}",
            key=keys[number],
            targets=_targets(number, tags, labels),
            group=artist_of[number],
            side=side_of[number],
        )
        for number in sorted(side_of)
        if number in keys and number not in hidden
    ]
    absent = sum(number not in keys for number in side_of)
    if absent:
        faults.append(
            EntryFault("MTG-Jamendo", f"{absent} of {len(side_of)} tracks have nothing in {source.where}")
        )
    known = [Task(task, TaskKind.MULTI_LABEL, labels[task]) for task in tasks]
    return assemble("mtg-jamendo", known, tracks, source, faults=faults, segment_s=segment_s)


def _tasks_in(folder: Path) -> tuple[str, ...]:
    return tuple(task for task in TASKS if _split_file(folder, task, "train").is_file())


def _split_file(folder: Path, task: str, side: str) -> Path:
    """The file as it is published, or compressed."""
    packed = folder / f"split0_{task}-{side}.tsv.gz"
    plain = packed.with_suffix("")
    return plain if plain.is_file() and not packed.is_file() else packed


def _embeddings(folder: Path) -> InputSource:
    numbers, rows = read_embeddings(folder / EMBEDDINGS_NAME)
    keys = map(str, numbers.tolist())
    return InputSource(str(folder / EMBEDDINGS_NAME), embeddings=dict(zip(keys, rows, strict=True)))


def _doubles(
    source: InputSource, keys: dict[int, str], side_of: dict[int, str], faults: list[EntryFault]
) -> set[int]:
    """Tracks whose embedding is that of a track of a later side."""
    numbers = [number for number in sorted(side_of) if keys.get(number) in source.embeddings]
    hidden: set[int] = set()
    for group in identical_rows(source.embeddings[keys[number]] for number in numbers):
        last = max(SIDES.index(side_of[numbers[row]]) for row in group)
        for number in (numbers[row] for row in group):
            if SIDES.index(side_of[number]) < last:
                hidden.add(number)
                faults.append(
                    EntryFault(f"track_{number:07d}", f"sounds like a {SIDES[last]} track, so it is left out")
                )
    return hidden


def _targets(
    number: int, tags: dict[str, dict[int, frozenset[str]]], labels: dict[str, tuple[str, ...]]
) -> dict[str, Target]:
    return {
        task: np.array([label in said[number] for label in labels[task]], dtype=np.float32)
        for task, said in tags.items()
        if number in said
    }
