"""What of a dataset a training uses: its inputs, its tasks, the entries that can be used, and their sides."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from models.track.multi_task import FUSED, SIZES
from models.track.tasks import InputKind, Task, TaskKind
from training.track.config import TrainConfig
from training.track.dataset import EntryFault, TrackDataset
from training.track.networks import LEAST_FRAMES, ModelType
from training.track.readers.assemble import rows_of
from training.track.splits import TEST, TRAIN, VALIDATION, with_sides

_COUNTED: Final = {"genre": "num_genres", "mood": "num_moods"}


@dataclass(frozen=True, eq=False)
class PreparedSide:
    """Entries of one side, as a network takes them."""

    names: tuple[str, ...]
    inputs: Mapping[InputKind, NDArray[np.float32]] = field(repr=False)
    # By task, float32 (entries, labels), NaN where unknown; of a single label its classes as 0 and 1.
    targets: Mapping[str, NDArray[np.float32]] = field(repr=False)


@dataclass(frozen=True, eq=False)
class PreparedTracks:
    """All that a training uses."""

    dataset: TrackDataset  # the entries that are used, each with its side
    tasks: tuple[Task, ...]
    train: PreparedSide
    validation: PreparedSide
    test: PreparedSide  # may be empty

    @property
    def sizes(self) -> dict[InputKind, int]:
        """Length of the axis of each input that is no time, in the order of the network's inputs."""
        return {kind: SIZES[kind] for kind in self.train.inputs}

    @property
    def fingerprint(self) -> str:
        """A hash of what is trained on and chosen by."""
        found = hashlib.sha256()
        for side in (self.train, self.validation):
            found.update("\0".join(side.names).encode())
            for values in (*side.inputs.values(), *side.targets.values()):
                found.update(np.ascontiguousarray(values).tobytes())
        return found.hexdigest()


def prepare_tracks(dataset: TrackDataset, config: TrainConfig) -> PreparedTracks:
    """Choose inputs, tasks and entries of a dataset, and place each entry on a side.

    An entry that lacks an input that is used, or all targets, is left out; the dataset that comes back names
    it among its faults. Of single unknown features the mean of the training side stands in.

    Raises
    ------
    DataError
        An input that is asked for is absent, a name cannot be used, the number of labels is another, a side
        is empty, or the entries of one have nothing to learn or to choose by.
    """
    kinds = _kinds(dataset, config)
    tasks = _tasks(dataset, config)
    usable, faults = _usable(dataset, kinds, tasks)
    if not usable.any():
        why = f" ({faults[0].entry}: {faults[0].reason})" if faults else ""
        raise DataError(f"No entry of {dataset.name} can be used{why}: correct the data.")
    used = replace(
        dataset,
        inputs={kind: dataset.inputs[kind] for kind in kinds},
        faults=(*dataset.faults, *faults),
    )
    chosen = with_sides(rows_of(used, np.flatnonzero(usable)), seed=config.seed)
    chosen = _with_usual_features(chosen)
    prepared = PreparedTracks(
        chosen, tasks, *(_side(chosen, side, tasks) for side in (TRAIN, VALIDATION, TEST))
    )
    for task in tasks:
        _check_targets(task, prepared)
    return prepared


def target_rows(task: Task, targets: NDArray[np.int64] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Targets of a task as float32 ``(entries, labels)``, NaN where unknown."""
    if task.kind is not TaskKind.SINGLE_LABEL:
        return targets.astype(np.float32)
    found = np.full((len(targets), len(task.labels)), np.nan, dtype=np.float32)
    known = targets >= 0
    found[known] = np.eye(len(task.labels), dtype=np.float32)[targets[known].astype(np.int64)]
    return found


def _kinds(dataset: TrackDataset, config: TrainConfig) -> tuple[InputKind, ...]:
    there, wanted = set(dataset.inputs), config.input_kinds
    asked = {
        "spectrograms": (config.use_spectrograms, {InputKind.SPECTROGRAM}),
        "features": (config.use_features, {InputKind.FEATURES}),
        "embeddings": (config.use_embeddings, {InputKind.EMBEDDING, InputKind.EMBEDDINGS}),
    }
    for name, (use, kinds) in asked.items():
        if use and not kinds & there:
            raise DataError(
                f"{dataset.name} has no {name}, only {', '.join(sorted(there))}: leave --use-{name} out."
            )
    found = tuple(kind for kind in InputKind if kind in there and (wanted is None or kind in wanted))
    if {InputKind.EMBEDDING, InputKind.EMBEDDINGS} <= set(found):  # the first is the mean of the second
        other = InputKind.EMBEDDINGS if config.model_type is ModelType.CNN else InputKind.EMBEDDING
        found = tuple(kind for kind in found if kind is not other)
    if not found:
        raise DataError(
            f"No input of {dataset.name} is left: use one of {', '.join(sorted(there)) or 'none'}."
        )
    for kind in found:
        shape = dataset.inputs[kind].shape
        if shape[-1 if kind is InputKind.EMBEDDINGS else 1] != SIZES[kind]:
            raise DataError(
                f"The input {str(kind)!r} of {dataset.name} has the shape {shape}: {SIZES[kind]} values are "
                "needed; make it with this program."
            )
    frames = (
        dataset.inputs[InputKind.SPECTROGRAM].shape[2] if InputKind.SPECTROGRAM in found else LEAST_FRAMES
    )
    if frames < LEAST_FRAMES:
        raise DataError(
            f"Spectrograms of {frames} frames are too short: give at least {LEAST_FRAMES} frames."
        )
    return found


def _tasks(dataset: TrackDataset, config: TrainConfig) -> tuple[Task, ...]:
    names = [task.name for task in dataset.tasks]
    unknown = sorted(set(config.task_weights) - set(names))
    if unknown:
        raise DataError(f"There is no task {unknown[0]!r} to weigh: {dataset.name} has {', '.join(names)}.")
    for task in dataset.tasks:
        if not task.name.isidentifier() or task.name in {FUSED, *InputKind} or names.count(task.name) > 1:
            raise DataError(
                f"A task cannot be called {task.name!r}: give it a plain name of its own, such as genre."
            )
        expected = getattr(config, _COUNTED[task.name]) if task.name in _COUNTED else None
        if expected is not None and expected != len(task.labels):
            raise DataError(
                f"{dataset.name} has {len(task.labels)} labels of {task.name} "
                f"({', '.join(task.labels[:8])}), not {expected}: correct "
                f"--{_COUNTED[task.name].replace('_', '-')}, or leave it out."
            )
    return tuple(
        replace(task, weight=config.task_weights.get(task.name, task.weight)) for task in dataset.tasks
    )


def _usable(
    dataset: TrackDataset, kinds: tuple[InputKind, ...], tasks: tuple[Task, ...]
) -> tuple[NDArray[np.bool_], list[EntryFault]]:
    reasons: dict[int, str] = {}
    for kind in kinds:
        values = dataset.inputs[kind]
        finite = np.isfinite(values)
        if kind is InputKind.FEATURES:  # some of them may be unknown
            whole = finite.any(axis=1) & ~np.isinf(values).any(axis=1)
        else:
            whole = finite.all(axis=tuple(range(1, values.ndim)))
        for row in np.flatnonzero(~whole):
            reasons.setdefault(
                int(row), f"it has no {kind} that can be used: missing, or with NaN or infinities."
            )
    known = np.zeros(len(dataset.names), dtype=np.bool_)
    for task in tasks:
        targets = dataset.targets[task.name]
        wrong = _outside(task, targets)
        for row in np.flatnonzero(wrong):
            reasons.setdefault(
                int(row), f"its {task.name} {targets[row]} is none of the {len(task.labels)} labels."
            )
        known |= targets >= 0 if task.kind is TaskKind.SINGLE_LABEL else np.isfinite(targets).any(axis=1)
    for row in np.flatnonzero(~known):
        reasons.setdefault(int(row), "nothing is known of it.")
    usable = np.ones(len(dataset.names), dtype=np.bool_)
    usable[list(reasons)] = False
    return usable, [EntryFault(dataset.names[row], reason) for row, reason in sorted(reasons.items())]


def _outside(task: Task, targets: NDArray[np.int64] | NDArray[np.float32]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_]
    match task.kind:
        case TaskKind.SINGLE_LABEL:
            found = (targets < -1) | (targets >= len(task.labels))
        case TaskKind.MULTI_LABEL:
            found = np.any((targets < 0) | (targets > 1), axis=1)
        case TaskKind.REGRESSION:
            found = np.any(np.isinf(targets), axis=1)
    return found


def _with_usual_features(dataset: TrackDataset) -> TrackDataset:
    features = dataset.inputs.get(InputKind.FEATURES)
    if features is None or np.isfinite(features).all():
        return dataset
    known = np.isfinite(features)
    train = known & (np.array(dataset.sides) == TRAIN)[:, np.newaxis]
    # A feature that nobody has becomes 0 for all, and the network leaves it out.
    usual = np.where(train, features, 0.0).sum(axis=0, dtype=np.float64) / np.maximum(train.sum(axis=0), 1)
    faults = [
        EntryFault(name, f"{int(count)} of its {len(usual)} features are unknown: the usual ones stand in.")
        for name, count in zip(dataset.names, (~known).sum(axis=1), strict=True)
        if count
    ]
    filled = np.where(known, features, usual).astype(np.float32)
    return replace(
        dataset,
        inputs={**dataset.inputs, InputKind.FEATURES: filled},
        faults=(*dataset.faults, *faults),
    )


def _side(dataset: TrackDataset, side: str, tasks: tuple[Task, ...]) -> PreparedSide:
    rows = np.flatnonzero(np.array(dataset.sides) == side)
    return PreparedSide(
        tuple(dataset.names[row] for row in rows),
        {kind: values[rows].astype(np.float32, copy=False) for kind, values in dataset.inputs.items()},
        {task.name: target_rows(task, dataset.targets[task.name][rows]) for task in tasks},
    )


def _check_targets(task: Task, prepared: PreparedTracks) -> None:
    """Refuse a task with nothing to tell apart on the training side, or with nothing to choose by."""
    train, validation = prepared.train.targets[task.name], prepared.validation.targets[task.name]
    name = prepared.dataset.name
    for side, targets in ((TRAIN, train), (VALIDATION, validation)):
        if not np.isfinite(targets).any():
            raise DataError(
                f"No entry on the {side} side of {name} has a known {task.name}: add some, or leave "
                "the task out."
            )
    known = train[np.isfinite(train).all(axis=1)]
    if task.kind is TaskKind.SINGLE_LABEL and len(np.unique(known.argmax(axis=1))) < 2:
        only = task.labels[int(known[0].argmax())]
        raise DataError(
            f"All entries to train on have the {task.name} {only!r}: at least two classes are needed."
        )
    varied = np.nanmax(train, axis=0) > np.nanmin(train, axis=0) if len(known) else np.zeros(1, dtype=bool)
    if not varied.any():
        raise DataError(
            f"All entries to train on are alike in {task.name}: at least two different ones are needed."
        )
