"""Which entries of data a model of several tasks is measured on, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.text import pluralize
from models.track.multi_task import FUSED, MultiTaskInfo, MultiTaskModel, ServedTask
from models.track.tasks import InputKind, Task, TaskKind
from training.track.config import TrainConfig
from training.track.dataset import EntryFault, TrackDataset
from training.track.prepare import prepare_tracks, target_rows
from training.track.readers.assemble import rows_of
from training.track.splits import TEST, VALIDATION
from training.track.train import read_training_data

ALL: Final = "all"
_TIME_AXES: Final = {InputKind.SPECTROGRAM: -1, InputKind.EMBEDDINGS: 1}


@dataclass(frozen=True, eq=False)
class MeasuredTask:
    """A task, what is true of the entries and what the model answers."""

    served: ServedTask  # with those labels alone that something is known of
    # float32 ``(entries, labels)``; targets are NaN where unknown, classes stand as 0 and 1.
    targets: NDArray[np.float32] = field(repr=False)
    answers: NDArray[np.float32] = field(repr=False)

    @property
    def task(self) -> Task:
        """What was learned."""
        return self.served.task

    @property
    def known(self) -> NDArray[np.bool_]:
        """Entries of which something is known, ``(entries,)``."""
        count = np.isfinite(self.targets).sum(axis=1)
        needed = 1 if self.task.kind is TaskKind.REGRESSION else self.targets.shape[1]
        known: NDArray[np.bool_] = count >= needed
        return known


@dataclass(frozen=True, eq=False)
class MeasuredTracks:
    """Entries that a model has answered."""

    data: str  # name of the data
    side: str  # of the data: "test", "validation", "train" or "all"
    names: tuple[str, ...]
    groups: tuple[str, ...]
    paths: tuple[str, ...]  # of the sounds, empty where unknown
    inputs: Mapping[InputKind, NDArray[np.float32]] = field(repr=False)
    tasks: tuple[MeasuredTask, ...]
    fused: NDArray[np.float32] = field(repr=False)  # what all heads see, ``(entries, 256)``
    notes: tuple[str, ...] = ()  # sentences on what the figures can claim
    faults: tuple[EntryFault, ...] = ()


def read_measured_data(info: MultiTaskInfo, data: Path, inputs: Path | None = None) -> TrackDataset:
    """Read data as they were read for the training of a model.

    Parameters
    ----------
    info
        Of the model; its recipe says how.
    data, inputs
        As for `training.track.train.read_training_data`.

    Raises
    ------
    DataError
        They cannot be read, or say nothing of the model's tasks.
    """
    dataset = read_training_data(_config_of(info).model_copy(update={"data": data, "inputs": inputs}))
    kinds = {served.task.name: served.task.kind for served in info.tasks}
    tasks = tuple(task for task in dataset.tasks if kinds.get(task.name) is task.kind)
    if not tasks:
        raise DataError(
            f"The model {info.name!r} answers {', '.join(kinds)}, and {dataset.name} speaks of "
            f"{', '.join(task.name for task in dataset.tasks)}: name other data."
        )
    return replace(dataset, tasks=tasks)


def measure_tracks(
    model: MultiTaskModel, dataset: TrackDataset, *, side: str = "", only: str = ""
) -> MeasuredTracks:
    """Ask a model about the entries of one side.

    Where the data are those it was trained on, their sides are what they were then. Of other data the side
    that they call test is taken, else all of them.

    Parameters
    ----------
    model
        Any that `attune train track|va|gems` wrote.
    dataset
        As `read_measured_data` gives it.
    side
        "test", "validation", "train" or "all"; empty: test where there is one.
    only
        The one task that is measured; empty: all.

    Raises
    ------
    DataError
        An input is missing, no entry is on that side, or nothing is known of any.
    """
    info = model.info
    wanted = [served for served in info.tasks if only in {"", served.task.name}]
    shared = {task.name for task in dataset.tasks} & {served.task.name for served in wanted}
    if not shared:
        raise DataError(
            f"The model {info.name!r} and {dataset.name} do not both speak of "
            f"{only or 'one task'}: use `attune evaluate track`, or other data."
        )
    placed, side, notes = _placed(info, dataset, side)
    rows, faults = _usable_rows(info, placed, side)
    chosen = rows_of(placed, rows)
    inputs = {kind: _fitted(kind, chosen.inputs[kind], shape) for kind, shape in info.inputs.items()}
    answers = model.predict(inputs)
    tasks, unknown = [], []
    for served in wanted:
        if served.task.name in shared:
            targets, foreign = _aligned(served.task, chosen)
            found, missing = _with_known_labels(MeasuredTask(served, targets, answers[served.task.name]))
            faults += foreign
            unknown += missing
            if found is not None:
                tasks.append(found)
    if not tasks:
        raise DataError(f"Nothing is known of {_entries(dataset, side)}: name another side, or other data.")
    return MeasuredTracks(
        data=dataset.name,
        side=side,
        names=chosen.names,
        groups=chosen.groups,
        paths=chosen.paths or ("",) * len(chosen.names),
        inputs=inputs,
        tasks=tuple(tasks),
        fused=answers[FUSED],
        notes=(*notes, *unknown),
        faults=(*dataset.faults, *faults),
    )


def entries_of(tracks: MeasuredTracks, names: Sequence[str]) -> MeasuredTracks:
    """Those entries that have these names, in their order."""
    place_of = {name: place for place, name in enumerate(tracks.names)}
    rows = np.array([place_of[name] for name in names], dtype=np.int64)
    return replace(
        tracks,
        names=tuple(names),
        groups=tuple(tracks.groups[row] for row in rows),
        paths=tuple(tracks.paths[row] for row in rows),
        inputs={kind: values[rows] for kind, values in tracks.inputs.items()},
        tasks=tuple(
            replace(task, targets=task.targets[rows], answers=task.answers[rows]) for task in tracks.tasks
        ),
        fused=tracks.fused[rows],
    )


def _entries(dataset: TrackDataset, side: str) -> str:
    return f"the entries of {dataset.name}" + ("" if side == ALL else f" on its {side} side")


def _config_of(info: MultiTaskInfo) -> TrainConfig:
    said: dict[str, Any] = dict(info.training.get("recipe") or {})
    return TrainConfig(
        **{
            name: value
            for name, value in said.items()
            if name in TrainConfig.model_fields and value is not None
        }
    )


def _placed(info: MultiTaskInfo, dataset: TrackDataset, side: str) -> tuple[TrackDataset, str, list[str]]:
    """The data with their sides, the side that is measured, and what is to be said about it."""
    try:
        own = prepare_tracks(dataset, _config_of(info))
    except DataError:  # such as of a single class: what cannot be trained on can be measured nevertheless
        own = None
    if own is None or own.fingerprint != info.training.get("fingerprint"):
        side = side or (TEST if TEST in dataset.sides else ALL)
        return (
            dataset,
            side,
            [
                "These are not the data that the model was trained on, or they have changed since. Whether "
                "it knows some of this music cannot be told."
            ],
        )
    side = side or (TEST if own.test.names else VALIDATION)
    notes = {
        TEST: [],
        VALIDATION: [
            "Epoch and thresholds were chosen on these very entries, so the figures flatter the model."
        ],
    }.get(side, ["The model was trained on these entries, so the figures say little about other music."])
    return own.dataset, side, notes


def _usable_rows(
    info: MultiTaskInfo, dataset: TrackDataset, side: str
) -> tuple[NDArray[np.int64], list[EntryFault]]:
    for kind in info.inputs:
        if kind not in dataset.inputs:
            raise DataError(
                f"The model {info.name!r} needs the input {str(kind)!r}, which {dataset.name} lacks: make it "
                "with `attune features preprocess`, and name its folder with --inputs."
            )
    here = np.ones(len(dataset.names), dtype=bool) if side == ALL else np.array(dataset.sides) == side
    if not here.any():
        known = ", ".join(sorted(set(dataset.sides) - {""})) or "no sides"
        raise DataError(f"There is no {side} side in {dataset.name}, only {known}: name another --side.")
    usable = here.copy()
    faults = []
    for kind in info.inputs:
        values = dataset.inputs[kind]
        whole = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        faults += [
            EntryFault(
                dataset.names[row], f"it has no {kind} that can be used: missing, or with NaN or infinities."
            )
            for row in np.flatnonzero(usable & ~whole)
        ]
        usable &= whole
    if not usable.any():
        raise DataError(f"None of {_entries(dataset, side)} has all inputs that the model needs: mend them.")
    return np.flatnonzero(usable), faults


def _fitted(kind: InputKind, values: NDArray[np.float32], shape: Sequence[int]) -> NDArray[np.float32]:
    """Along time as long as in the training: cut, or repeated."""
    if kind not in _TIME_AXES:
        return values
    axis = _TIME_AXES[kind]
    length = shape[-1] if axis == -1 else shape[axis - 1]
    return values if values.shape[axis] == length else values.take(range(length), axis=axis, mode="wrap")


def _aligned(task: Task, dataset: TrackDataset) -> tuple[NDArray[np.float32], list[EntryFault]]:
    """Targets by the labels of the model, and the entries whose class it does not know."""
    of_data = next(one for one in dataset.tasks if one.name == task.name)
    rows = target_rows(of_data, dataset.targets[task.name])
    single = task.kind is TaskKind.SINGLE_LABEL
    found = np.full((len(rows), len(task.labels)), np.nan, dtype=np.float32)
    for place, label in enumerate(task.labels):
        if label in of_data.labels:
            found[:, place] = rows[:, of_data.labels.index(label)]
    if not single:
        return found, []
    known = np.isfinite(rows).all(axis=1)
    found[known] = np.nan_to_num(found[known])
    foreign = np.flatnonzero(known & (found.max(axis=1) < 0.5))
    found[foreign] = np.nan
    return found, [
        EntryFault(
            dataset.names[row],
            f"its {task.name} {of_data.labels[int(rows[row].argmax())]!r} is none that the model knows.",
        )
        for row in foreign
    ]


def _with_known_labels(measured: MeasuredTask) -> tuple[MeasuredTask | None, list[str]]:
    """Without labels that nothing is known of, as they are absent from the data; None if none is left."""
    served, task = measured.served, measured.task
    if not measured.known.any() and task.kind is TaskKind.SINGLE_LABEL:
        return None, [f"Nothing is known of {task.name} in these entries."]
    if task.kind is TaskKind.SINGLE_LABEL:
        return measured, []
    there = np.flatnonzero(np.isfinite(measured.targets).any(axis=0))
    missing = [label for place, label in enumerate(task.labels) if place not in there]
    notes = [
        f"Nothing is known of {pluralize(len(missing), 'label')} of {task.name}: {', '.join(missing)}."
    ] * bool(missing)

    def pick(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(values[place] for place in there) if values else ()

    part = MeasuredTask(
        ServedTask(
            replace(task, labels=pick(task.labels)),
            thresholds=pick(served.thresholds),
            bounds=pick(served.bounds),
            errors=pick(served.errors),
        ),
        measured.targets[:, there],
        measured.answers[:, there],
    )
    return (part if len(there) and part.known.any() else None), notes
