"""Folds and splits of tracks: groups stay together, labels stay in proportion."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from models.track.tasks import InputKind, Task, TaskKind
from training.track.dataset import TrackDataset
from training.track.splits import leaky_split, stratified_parts

FIFTHS = [0.2] * 5


def invented(groups: list[str], tags: np.ndarray, classes: np.ndarray | None = None) -> TrackDataset:
    tasks = [Task("tags", TaskKind.MULTI_LABEL, tuple(f"tag {n}" for n in range(tags.shape[1])))]
    targets: dict[str, np.ndarray] = {"tags": tags.astype(np.float32)}
    if classes is not None:
        tasks.append(Task("genre", TaskKind.SINGLE_LABEL, ("a", "b", "c")))
        targets["genre"] = classes
    values = np.random.default_rng(9).random((len(groups), 2)).astype(np.float32)
    tasks.append(Task("va", TaskKind.REGRESSION, ("valence", "arousal")))
    return TrackDataset(
        name="invented",
        tasks=tuple(tasks),
        names=tuple(f"{n}" for n in range(len(groups))),
        groups=tuple(groups),
        sides=("",) * len(groups),
        inputs={InputKind.EMBEDDING: np.zeros((len(groups), 1024), dtype=np.float32)},
        targets={**targets, "va": values},
    )


def many(count: int = 600) -> TrackDataset:
    random = np.random.default_rng(0)
    groups = [f"g{random.integers(150)}" for _ in range(count)]
    tags = random.random((count, 6)) < [0.5, 0.3, 0.2, 0.1, 0.05, 0.02]
    return invented(groups, tags, random.integers(-1, 3, size=count))


def sides_of_groups(dataset: TrackDataset) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for group, side in zip(dataset.groups, dataset.sides, strict=True):
        found[group].add(side)
    return found


def test_groups_stay_together_and_labels_in_proportion() -> None:
    dataset = many()
    parts = stratified_parts(dataset, np.arange(600), FIFTHS, seed=1)
    by_group = defaultdict(set)
    for group, part in zip(dataset.groups, parts.tolist(), strict=True):
        by_group[group].add(part)
    assert all(len(of_group) == 1 for of_group in by_group.values())
    assert np.bincount(parts) / 600 == pytest.approx(FIFTHS, abs=0.03)
    tags = dataset.targets["tags"]
    for part in range(5):
        assert tags[parts == part].sum(axis=0) == pytest.approx(tags.sum(axis=0) / 5, rel=0.25, abs=2)


def test_the_same_seed_draws_the_same_and_another_one_another() -> None:
    first, again, other = (
        stratified_parts(many(), np.arange(600), FIFTHS, seed=seed).tolist() for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other


def test_rare_labels_reach_every_part() -> None:
    tags = np.zeros((40, 2))
    tags[:4, 0] = 1
    tags[4:, 1] = 1
    dataset = invented([f"{n}" for n in range(40)], tags)
    parts = stratified_parts(dataset, np.arange(40), [0.25] * 4)
    assert sorted(parts[:4].tolist()) == [0, 1, 2, 3]
    assert np.bincount(parts).tolist() == [10] * 4


def test_segments_leak_only_where_that_is_asked_for() -> None:
    dataset = many()
    leaky = leaky_split(dataset)
    assert sum(len(sides) > 1 for sides in sides_of_groups(leaky).values()) > 90
    assert leaky.sides.count("train") == 420
    assert leaky.sides.count("test") == 90


def test_no_part_is_empty_however_few_groups_there_are() -> None:
    groups = ["big"] * 90 + ["a", "b", "c", "d"]
    parts = stratified_parts(invented(groups, np.ones((94, 1))), np.arange(94), FIFTHS)
    assert set(parts.tolist()) == set(range(5))
