"""Who is trained on, chosen by and tested: no artist's tracks, no track's segments on two sides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from models.track.tasks import TaskKind
from training.track.dataset import TrackDataset

SIDES: Final = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = SIDES
SHARES: Final = (0.7, 0.15, 0.15)
"""Of the whole, of each side, where the data name none."""

_BINS: Final = 4  # of the values of a regression, whose proportions are kept


def with_sides(dataset: TrackDataset, *, seed: int = 0) -> TrackDataset:
    """The dataset with a side for each entry; those of the data stay.

    Where the data name no sides, 70, 15 and 15 % are drawn, groups together and labels in proportion. Where
    they name no validation side, it is drawn from the training side. Where they name sides for some
    entries, the others are on none.

    Raises
    ------
    DataError
        A side is unknown, a group stands on two sides, nothing is there to train on or to choose by, or there
        are too few groups.
    """
    sides = np.array(dataset.sides, dtype=object)
    unknown = sorted(set(dataset.sides) - {*SIDES, ""})
    if unknown:
        raise DataError(f"The data name the side {unknown[0]!r}: a side is one of {', '.join(SIDES)}.")
    if not any(dataset.sides):
        _check_groups(dataset, np.arange(len(sides)), len(SIDES))
        parts = stratified_parts(dataset, np.arange(len(sides)), SHARES, seed=seed)
        sides[:] = np.array(SIDES, dtype=object)[parts]
    elif VALIDATION not in dataset.sides and TRAIN in dataset.sides:
        rows = np.flatnonzero(sides == TRAIN)
        _check_groups(dataset, rows, 2)
        share = SHARES[SIDES.index(VALIDATION)]
        sides[rows[stratified_parts(dataset, rows, (1.0 - share, share), seed=seed) == 1]] = VALIDATION
    placed = replace(dataset, sides=tuple(sides.tolist()))
    _check_disjoint(placed)
    for side in (TRAIN, VALIDATION):
        if side not in placed.sides:
            raise DataError(f"There is no entry on the {side} side of {dataset.name}: add some.")
    return placed


def leaky_split(dataset: TrackDataset, *, seed: int = 0) -> TrackDataset:
    """Deal entries out at random, whatever group they are of: 70, 15 and 15 %.

    Segments of one track then stand on all sides, and what is measured is how well known music is recognised.
    It is here only to show how far figures of such protocols are from those about new music.

    Parameters
    ----------
    dataset
        Its own sides do not count.
    seed
        Of the draw.
    """
    order = np.random.default_rng(seed).permutation(len(dataset.names))
    ends = np.round(np.cumsum(SHARES) * len(order)).astype(int)
    sides = np.empty(len(order), dtype=object)
    for side, place in zip(SIDES, np.split(order, ends[:-1]), strict=True):
        sides[place] = side
    return replace(dataset, sides=tuple(sides.tolist()))


def stratified_parts(
    dataset: TrackDataset, rows: NDArray[np.int64], shares: Sequence[float], *, seed: int = 0
) -> NDArray[np.int64]:
    """Deal groups out to parts so that each label is as frequent in all of them as can be.

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011) of groups instead of entries:
    of the label that the fewest groups are left of, its largest group goes where that label is missed most.
    No part is empty where there are as many groups.

    Parameters
    ----------
    dataset
        The whole.
    rows
        Entries to deal out, int64, shape (n,).
    shares
        Of the parts, above 0, together 1.
    seed
        Of the order among equals.

    Returns
    -------
    parts
        int64, shape (n,): place of each entry's part in `shares`.
    """
    names, group_of = np.unique(np.array(dataset.groups)[rows], return_inverse=True)
    marks = _marks(dataset)[rows]  # (n, labels)
    counts = np.zeros((len(names), marks.shape[1]))
    np.add.at(counts, group_of, marks)
    random = np.random.default_rng(seed)
    order = random.permutation(len(names))  # among equals, the first of these
    counts = counts[order]
    missed = np.outer(shares, counts.sum(axis=0))  # (parts, labels)
    sizes = np.bincount(group_of, minlength=len(names))[order]
    missed_entries = np.array(shares) * len(rows)
    part_of = np.full(len(names), -1, dtype=np.int64)
    while (part_of < 0).any():
        waiting = np.flatnonzero(part_of < 0)
        left = (counts[waiting] > 0).sum(axis=0)
        label = int(np.where(left > 0, left, np.iinfo(np.int64).max).argmin()) if left.any() else -1
        weights = counts[waiting, label] if label >= 0 else sizes[waiting]
        group = waiting[int(weights.argmax())]
        wanted = missed[:, label] if label >= 0 else missed_entries
        # The part that misses the label most; among equals the one that misses entries most.
        part = max(range(len(shares)), key=lambda one: (round(float(wanted[one]), 9), missed_entries[one]))
        part_of[group] = part
        missed[part] -= counts[group]
        missed_entries[part] -= sizes[group]
    for part in range(len(shares)):
        held = np.bincount(part_of, minlength=len(shares))
        if not held[part] and held.max() > 1:
            giving = np.flatnonzero(part_of == held.argmax())
            part_of[giving[sizes[giving].argmin()]] = part
    unordered = np.empty_like(part_of)
    unordered[order] = part_of
    parts: NDArray[np.int64] = unordered[group_of]
    return parts


def _marks(dataset: TrackDataset) -> NDArray[np.float64]:
    """Which labels an entry has, 1 or 0, (entries, labels): classes, tags, and quarters of values."""
    columns = []
    for task in dataset.tasks:
        targets = dataset.targets[task.name]
        if task.kind is TaskKind.SINGLE_LABEL:
            columns.append(targets[:, np.newaxis] == np.arange(len(task.labels)))
        elif task.kind is TaskKind.MULTI_LABEL:
            columns.append(np.nan_to_num(np.asarray(targets, dtype=np.float32)) > 0.5)
        else:
            edges = np.nanquantile(targets, np.linspace(0.0, 1.0, _BINS + 1)[1:-1], axis=0)  # (3, values)
            place = (targets[np.newaxis] > edges[:, np.newaxis]).sum(axis=0)  # (entries, values)
            known = ~np.isnan(targets)
            columns += [(place == bin_) & known for bin_ in range(_BINS)]
    return np.concatenate(columns, axis=1).astype(np.float64)


def _check_groups(dataset: TrackDataset, rows: NDArray[np.int64], least: int) -> None:
    count = len({dataset.groups[row] for row in rows})
    if count < least:
        raise DataError(
            f"{dataset.name} has tracks of {count} groups to share out, and each of {least} sides needs one: "
            "add tracks."
        )


def _check_disjoint(dataset: TrackDataset) -> None:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for group, side in zip(dataset.groups, dataset.sides, strict=True):
        if side:
            found[group].add(side)
    for group, of_group in found.items():
        if len(of_group) > 1:
            raise DataError(
                f"{group!r} stands on the sides {' and '.join(sorted(of_group))} of {dataset.name}: figures "
                "would be about known music; mend the sides, or leave them out and they are drawn."
            )
