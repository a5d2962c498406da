"""Labelled tracks and their inputs put together into a dataset; what does not fit is named by entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from core.errors import DataError
from models.track.tasks import InputKind, Task, TaskKind
from training.track.dataset import EntryFault, TrackDataset
from training.track.readers import inputs
from training.track.readers.inputs import InputSource

Target = int | npt.NDArray[np.float32]
"""Place of a class, or float32 ``(labels,)``."""


@dataclass(frozen=True, eq=False)
class LabelledTrack:
    """One entry as the labels tell of it."""

    name: str
    key: str  # of the sound, in the source of inputs; empty where the source has none
    targets: Mapping[str, Target] = field(repr=False)  # by task; those it lacks are unknown
    group: str = ""  # empty: the entry is a group of its own
    side: str = ""
    path: str = ""
    window_s: tuple[float, float] | None = None  # the part that the labels speak of; None: all


def assemble(
    name: str,
    tasks: Sequence[Task],
    tracks: Sequence[LabelledTrack],
    source: InputSource,
    *,
    faults: Sequence[EntryFault] = (),
    most_s: float = inputs.MOST_S,
    segment_s: float | None = None,
) -> TrackDataset:
    """Put a dataset together.

    Parameters
    ----------
    name
        Of the dataset.
    tasks
        What is to be learned; those of which nothing can be learned are left out.
    tracks
        The entries; of several with one name the first is taken.
    source
        Where the inputs come from.
    faults
        What is wrong so far.
    most_s
        Longest spectrogram and embeddings over time, in seconds; of longer ones the middle is used.
    segment_s
        Cut every entry into segments of this length, in seconds, which stay one group; None: leave it whole.

    Raises
    ------
    DataError
        Nothing is left to learn, or to learn from.
    """
    found = list(faults)
    kept: list[tuple[LabelledTrack, inputs.EntryInputs]] = []
    for track, entry in _entries(_unique(tracks, found), source, found):
        if segment_s is None:
            kept.append((track, inputs.trimmed(entry, most_s)))
        else:
            kept += _segments(track, entry, segment_s, found)
    if not kept:
        raise DataError(_nothing_left(name, len(tracks), found))
    stacked = inputs.stack([entry for _, entry in kept])
    poor, absent = inputs.fill_absent_features(stacked)
    found += [
        EntryFault(kept[place][0].name, "lacks most of the features that others have") for place in poor
    ]
    if absent and InputKind.FEATURES in stacked:
        found.append(EntryFault(name, f"no entry has the features {', '.join(absent)}: they count as 0"))
    entries = [track for track, _ in kept]
    targets = {task.name: _stacked_targets(task, entries) for task in tasks}
    learnable = tuple(task for task in tasks if _is_learnable(name, task, targets[task.name], found))
    if not stacked or not learnable:
        raise DataError(_nothing_left(name, len(tracks), found))
    return _with_something(
        TrackDataset(
            name=name,
            tasks=learnable,
            names=tuple(track.name for track in entries),
            groups=tuple(track.group or track.name for track in entries),
            sides=tuple(track.side for track in entries),
            inputs=stacked,
            targets={task.name: targets[task.name] for task in learnable},
            faults=tuple(found),
            paths=tuple(track.path or track.key for track in entries),
        )
    )


def rows_of(dataset: TrackDataset, rows: npt.NDArray[np.int64]) -> TrackDataset:
    """The dataset with some of its entries, in the order of the rows, int64 ``(n,)``."""
    return replace(
        dataset,
        names=tuple(dataset.names[row] for row in rows),
        groups=tuple(dataset.groups[row] for row in rows),
        sides=tuple(dataset.sides[row] for row in rows),
        inputs={kind: array[rows] for kind, array in dataset.inputs.items()},
        targets={task: array[rows] for task, array in dataset.targets.items()},
        paths=tuple(dataset.paths[row] for row in rows) if dataset.paths else (),
    )


def _unique(tracks: Sequence[LabelledTrack], faults: list[EntryFault]) -> Iterator[LabelledTrack]:
    seen: set[str] = set()
    for track in tracks:
        if track.name in seen:
            faults.append(EntryFault(track.name, "is there twice: the first was taken"))
        else:
            seen.add(track.name)
            yield track


def _entries(
    tracks: Iterator[LabelledTrack], source: InputSource, faults: list[EntryFault]
) -> Iterator[tuple[LabelledTrack, inputs.EntryInputs]]:
    """Entries that have a label and an input."""
    last_key = ""
    last_entry: inputs.EntryInputs = {}
    for track in tracks:
        if not track.targets:
            faults.append(EntryFault(track.name, "has no label that can be used, so it is left out"))
            continue
        if track.key != last_key:
            last_key = track.key
            last_entry, reasons = inputs.read_entry(source, track.key)
            faults += [EntryFault(track.name, reason) for reason in reasons]
        entry = last_entry if track.window_s is None else inputs.cut_window(last_entry, *track.window_s)
        if entry:
            yield track, entry
        else:
            faults.append(EntryFault(track.name, f"has nothing in {source.where}, so it is left out"))


def _segments(
    track: LabelledTrack, entry: inputs.EntryInputs, segment_s: float, faults: list[EntryFault]
) -> list[tuple[LabelledTrack, inputs.EntryInputs]]:
    if not segment_s > 0.0:
        raise DataError(f"Segments of {segment_s:g} s were asked for: give more than 0 s.")
    count = max(1, int(inputs.length_s(entry) / segment_s))
    parts: list[tuple[LabelledTrack, inputs.EntryInputs]] = []
    for number in range(count):
        cut = inputs.cut_window(entry, number * segment_s, (number + 1) * segment_s)
        if cut:
            group = track.group or track.name
            parts.append((replace(track, name=f"{track.name}#{number:03d}", group=group), cut))
    if not parts:
        faults.append(EntryFault(track.name, "has no spectrogram and no embeddings over time to cut"))
    return parts


def _stacked_targets(
    task: Task, tracks: Sequence[LabelledTrack]
) -> npt.NDArray[np.int64] | npt.NDArray[np.float32]:
    if task.kind is TaskKind.SINGLE_LABEL:
        return np.array([track.targets.get(task.name, -1) for track in tracks], dtype=np.int64)
    unknown = np.full(len(task.labels), np.nan, dtype=np.float32)
    return np.array([track.targets.get(task.name, unknown) for track in tracks], dtype=np.float32)


def _is_learnable(
    name: str,
    task: Task,
    targets: npt.NDArray[np.int64] | npt.NDArray[np.float32],
    faults: list[EntryFault],
) -> bool:
    known = (
        targets[targets >= 0]
        if task.kind is TaskKind.SINGLE_LABEL
        else targets[~np.isnan(targets).any(axis=1)]
    )
    if not len(known):
        faults.append(EntryFault(name, f"no entry has a {task.name}, so it is not learned"))
        return False
    if (known == known[0]).all():
        faults.append(EntryFault(name, f"all entries have the same {task.name}, so it is not learned"))
        return False
    return True


def _with_something(dataset: TrackDataset) -> TrackDataset:
    """Without entries that lack a target of every task, or every input."""
    has_target = np.zeros(len(dataset.names), dtype=bool)
    for array in dataset.targets.values():
        has_target |= array >= 0 if array.ndim == 1 else ~np.isnan(array).all(axis=1)
    has_input = np.zeros(len(dataset.names), dtype=bool)
    for values in dataset.inputs.values():
        first = values.reshape(len(values), -1)[:, : values.shape[1]]  # single features may be unknown
        has_input |= ~np.isnan(first).all(axis=1)
    gone = np.flatnonzero(~(has_target & has_input))
    if not len(gone):
        return dataset
    faults = [EntryFault(dataset.names[row], "has nothing left to learn, so it is left out") for row in gone]
    kept = rows_of(dataset, np.flatnonzero(has_target & has_input))
    if not kept.names:
        raise DataError(_nothing_left(dataset.name, len(dataset.names), [*dataset.faults, *faults]))
    return replace(kept, faults=(*dataset.faults, *faults))


def _nothing_left(name: str, count: int, faults: Sequence[EntryFault]) -> str:
    said = f" The first fault: {faults[0].entry}: {faults[0].reason.rstrip('.')}." if faults else ""
    last = f" The last: {faults[-1].entry}: {faults[-1].reason.rstrip('.')}." if len(faults) > 1 else ""
    return (
        f"Nothing of the {count} entries of {name} can be learned.{said}{last} Mend the data, or name others."
    )
